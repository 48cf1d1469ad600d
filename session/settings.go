package session

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Settings are what people may change for a channel. A nil field means the
// default of whoever reads it. The pointed-to values are never changed in
// place, so copies may share them.
type Settings struct {
	// Temperature divides the logits: 0 (always the likeliest token) to 2.
	Temperature *float64
	// TopP keeps the likeliest tokens that together reach this probability:
	// above 0, to 1 (off).
	TopP *float64
	// MinP drops tokens less likely than this share of the likeliest one: 0
	// (off) to 1.
	MinP *float64
	// RepeatPenalty divides the logits of recent tokens: 1 (off) to 2.
	RepeatPenalty *float64
	// TopK keeps that many of the likeliest tokens: 0 (off) to 1,000.
	TopK *int
	// MaxTokens bounds an answer, in tokens: 1 to 32,768.
	MaxTokens *int
	// Seed makes sampling repeatable.
	Seed *uint64
	// Persona is the system turn, UTF-8, at most 4,000 characters. An empty
	// one means none, unlike nil.
	Persona *string
}

// Bounds of Settings.
const (
	MaxTemperature   = 2.0
	MaxRepeatPenalty = 2.0
	MaxTopK          = 1000
	MaxMaxTokens     = 32768
	MaxPersona       = 4000 // characters
)

// SettingError is one setting with a value it cannot have.
type SettingError struct {
	// Name is the setting as people write it, such as "top_p".
	Name string
	// Value is what was given.
	Value string
	// Want describes what is allowed, such as "a number from 0 to 2".
	Want string
}

// Error returns one sentence that can be shown to the person who set it.
func (e *SettingError) Error() string {
	return fmt.Sprintf("%s must be %s, not %s", e.Name, e.Want, e.Value)
}

// IsZero reports whether every setting is the default.
func (s Settings) IsZero() bool { return s == Settings{} }

// Equal reports whether both set the same settings to the same values.
func (s Settings) Equal(t Settings) bool {
	return same(s.Temperature, t.Temperature) && same(s.TopP, t.TopP) && same(s.MinP, t.MinP) &&
		same(s.RepeatPenalty, t.RepeatPenalty) && same(s.TopK, t.TopK) && same(s.MaxTokens, t.MaxTokens) &&
		same(s.Seed, t.Seed) && same(s.Persona, t.Persona)
}

func same[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// Merge returns s with the fields that over sets taken from over: defaults
// merged with a channel's own settings give the ones in force.
func (s Settings) Merge(over Settings) Settings {
	pick(&s.Temperature, over.Temperature)
	pick(&s.TopP, over.TopP)
	pick(&s.MinP, over.MinP)
	pick(&s.RepeatPenalty, over.RepeatPenalty)
	pick(&s.TopK, over.TopK)
	pick(&s.MaxTokens, over.MaxTokens)
	pick(&s.Seed, over.Seed)
	pick(&s.Persona, over.Persona)
	return s
}

func pick[T any](dst **T, over *T) {
	if over != nil {
		*dst = over
	}
}

// Validate returns nil, or an error joining a *SettingError for every field
// out of its range; NaN and infinities are in no range.
func (s Settings) Validate() error {
	var errs []error
	number := func(name string, v *float64, ok func(float64) bool, want string) {
		if v != nil && (math.IsNaN(*v) || !ok(*v)) {
			errs = append(errs, &SettingError{name, formatFloat(*v), want})
		}
	}
	whole := func(name string, v *int, lo, hi int) {
		if v != nil && (*v < lo || *v > hi) {
			errs = append(errs, &SettingError{name, strconv.Itoa(*v), fmt.Sprintf("a whole number from %d to %d", lo, hi)})
		}
	}
	number("temperature", s.Temperature, func(v float64) bool { return v >= 0 && v <= MaxTemperature }, "a number from 0 to 2")
	number("top_p", s.TopP, func(v float64) bool { return v > 0 && v <= 1 }, "a number above 0 and at most 1")
	number("min_p", s.MinP, func(v float64) bool { return v >= 0 && v <= 1 }, "a number from 0 to 1")
	number("repeat_penalty", s.RepeatPenalty, func(v float64) bool { return v >= 1 && v <= MaxRepeatPenalty }, "a number from 1 to 2")
	whole("top_k", s.TopK, 0, MaxTopK)
	whole("max_tokens", s.MaxTokens, 1, MaxMaxTokens)
	if s.Persona != nil {
		switch n := utf8.RuneCountInString(*s.Persona); {
		case n > MaxPersona:
			errs = append(errs, &SettingError{"persona", fmt.Sprintf("%d characters", n), fmt.Sprintf("at most %d characters", MaxPersona)})
		case !utf8.ValidString(*s.Persona) || strings.ContainsRune(*s.Persona, 0):
			errs = append(errs, &SettingError{"persona", "bytes that are none", "text in UTF-8"})
		}
	}
	return errors.Join(errs...)
}

// formatFloat writes v shortly and without an exponent for ordinary sizes;
// NaN and Inf by name.
func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
