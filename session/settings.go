package session

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
)

// Settings are what people may change at one level of a Tree. A nil field is not set
// there: an outer level or the default of whoever reads it holds. The pointed-to
// values are never changed in place, so copies may share them. Fields describes each
// of them in words.
type Settings struct {
	// How answers are made.

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
	// History is how many messages before a question the model sees: 0 to 1,000. More
	// are kept.
	History *int
	// Seed makes sampling repeatable.
	Seed *uint64
	// Persona is the system turn, UTF-8, at most 4,000 characters. An empty
	// one means none, unlike nil.
	Persona *string

	// When there is an answer.

	// AlwaysOn has every message of a person answered.
	AlwaysOn *bool
	// WakeWords are words or phrases that call like a mention does.
	WakeWords *[]string
	// ChimeIn is the probability, 0 to 1, of an answer to a message that is not meant
	// for the bot; each such answer multiplies it by ChimeInFall, 0 to 1.
	ChimeIn, ChimeInFall *float64
	// AnswerBots has other bots answered that call; BotTurns, 1 to 20, is how often
	// until a person says something.
	AnswerBots *bool
	BotTurns   *int

	// What those decide who manage the server.

	// Mode is ModeOn, ModeDrain or ModePause.
	Mode *string
	// Allow and Block are who and what is answered and not: targets such as
	// "role:42". Those of all levels' Block count.
	Allow, Block *[]string
	// Muted are the people not answered for a time: see Mute. Those of all levels count.
	Muted *[]string
	// WordsIn are words of questions that are not answered, WordsOut those that are
	// not said. Those of all levels count.
	WordsIn, WordsOut *[]string
	// LimitMessages is how many questions a person may ask at once, 0 to 1,000 and 0
	// for any number; LimitSeconds, 0.01 to 3,600, is the time for one more.
	LimitMessages *int
	LimitSeconds  *float64
	// ServerMessages and ServerSeconds are the same for all people of a server together.
	ServerMessages *int
	ServerSeconds  *float64
	// AdultChannels has questions in age-restricted channels answered, as they are where
	// it is not set. AdultWords are neither answered nor said in other channels. Those of
	// all levels count.
	AdultChannels *bool
	AdultWords    *[]string
	// AuditChannel is the id of the channel that is told of changes; an empty one is none.
	AuditChannel *string
	// Engine makes the answers: EngineOwn or EngineServer.
	Engine *string
	// Steering is what is changed inside the model while it answers: edits such as
	// "forbid:2.5" or "direction:2.question=1.5", which moe/model/steer explains. An
	// empty list is nothing.
	Steering *[]string
}

// Values of Settings.Mode.
const (
	ModeOn    = "on"    // questions are answered
	ModeDrain = "drain" // no new ones are taken; those taken are answered
	ModePause = "pause" // none are answered
)

// Values of Settings.Engine.
const (
	EngineOwn    = "own"    // the model in this program
	EngineServer = "server" // the one behind the server that the configuration names
)

// Bounds of Settings.
const (
	MaxTemperature   = 2.0
	MaxRepeatPenalty = 2.0
	MaxTopK          = 1000
	MaxMaxTokens     = 32768
	MaxHistory       = 1000
	MaxPersona       = 4000 // characters
	MaxBotTurns      = 20
	MaxWord          = 60  // characters of a word or phrase
	MaxWakeWords     = 20  // at one level
	MaxWords         = 200 // of WordsIn, of WordsOut, and of AdultWords, at one level
	MaxTargets       = 200 // of Allow, and of Block, at one level
	MaxMuted         = 200
	MaxSteering      = 16 // edits
)

// SettingError is one setting with a value it cannot have.
type SettingError struct {
	// Name is the setting as people write it, such as "top_p".
	Name string
	// Value is what was given.
	Value string
	// Want describes what is allowed, such as "a number from 0 to 2"; it is empty if
	// there is no setting of that name.
	Want string
}

// Error returns one sentence that can be shown to the person who set it.
func (e *SettingError) Error() string {
	if e.Want == "" {
		return fmt.Sprintf("there is no setting called %s", e.Name)
	}
	return fmt.Sprintf("%s must be %s, not %s", e.Name, e.Want, e.Value)
}

// IsZero reports whether nothing is set.
func (s Settings) IsZero() bool { return s == Settings{} }

// Equal reports whether both set the same settings to the same values.
func (s Settings) Equal(t Settings) bool { return reflect.DeepEqual(s, t) }

// Merge returns s with what over, the nearer level, sets taken from over. Lists of what
// is blocked add up instead: nothing that an outer level blocks is unblocked by a nearer
// one. Merging is associative, and with nothing changes nothing.
func (s Settings) Merge(over Settings) Settings {
	if over.IsZero() {
		return s
	}
	for i := range fields {
		f := &fields[i]
		switch dst, src := f.at(&s), f.at(&over); {
		case src.IsNil():
		case f.Adds && !dst.IsNil():
			f.SetList(&s, union(f.List(s), f.List(over)))
		default:
			dst.Set(src)
		}
	}
	return s
}

// union is a followed by what of b is not in it.
func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// Validate returns nil, or an error joining a *SettingError for every field
// out of its range; NaN and infinities are in no range.
func (s Settings) Validate() error {
	var errs []error
	for i := range fields {
		f := &fields[i]
		bad := ""
		switch v := f.ref(&s).(type) {
		case **float64:
			if *v != nil && !(**v >= f.lo && **v <= f.hi) {
				bad = formatFloat(**v)
			}
		case **int:
			if *v != nil && !(float64(**v) >= f.lo && float64(**v) <= f.hi) {
				bad = strconv.Itoa(**v)
			}
		case **string:
			if *v != nil {
				bad = f.badText(**v)
			}
		case **[]string:
			if *v != nil {
				bad = f.badList(**v)
			}
		}
		if bad != "" {
			errs = append(errs, &SettingError{f.Name, bad, f.Want})
		}
	}
	return errors.Join(errs...)
}

// formatFloat writes v shortly and without an exponent for ordinary sizes;
// NaN and Inf by name.
func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
