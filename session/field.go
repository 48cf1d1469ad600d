package session

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Group is what a setting is about, and with that who may change it.
type Group int

// The groups of settings.
const (
	GroupAnswers Group = iota // how answers are made
	GroupWhen                 // when there is one
	GroupAdmin                // what those decide who manage the server
)

// Field is one setting: how it is called and what it takes.
type Field struct {
	Name  string // as people write it
	Group Group
	// Want is what it takes, in words that follow "must be".
	Want string
	// Adds says that the lists of all levels count, and not the nearest one alone.
	Adds bool
	// ServerOnly says that it can be set for a server as a whole only.
	ServerOnly bool
	// Choices are the values it can have, if they can be listed.
	Choices []string

	ref    func(*Settings) any // pointer to the field, itself a pointer
	lo, hi float64             // of numbers; characters of a text, entries of a list
	entry  func(string) bool   // whether a list may have it as one; nil of what is no list
}

// fields are all settings, in the order they are shown. Nothing changes them.
var fields = []Field{
	{Name: "temperature", Want: "a number from 0 to 2", hi: MaxTemperature, ref: func(s *Settings) any { return &s.Temperature }},
	{Name: "top_p", Want: "a number above 0 and at most 1", lo: math.SmallestNonzeroFloat64, hi: 1, ref: func(s *Settings) any { return &s.TopP }},
	{Name: "min_p", Want: "a number from 0 to 1", hi: 1, ref: func(s *Settings) any { return &s.MinP }},
	{Name: "repeat_penalty", Want: "a number from 1 to 2", lo: 1, hi: MaxRepeatPenalty, ref: func(s *Settings) any { return &s.RepeatPenalty }},
	{Name: "top_k", Want: "a whole number from 0 to 1000", hi: MaxTopK, ref: func(s *Settings) any { return &s.TopK }},
	{Name: "max_tokens", Want: "a whole number from 1 to 32768", lo: 1, hi: MaxMaxTokens, ref: func(s *Settings) any { return &s.MaxTokens }},
	{Name: "history", Want: "a whole number from 0 to 1000", hi: MaxHistory, ref: func(s *Settings) any { return &s.History }},
	{Name: "seed", Want: "a whole number from 0 on", ref: func(s *Settings) any { return &s.Seed }},
	{Name: "persona", Want: "text of at most 4000 characters", hi: MaxPersona, ref: func(s *Settings) any { return &s.Persona }},

	{Name: "always_on", Group: GroupWhen, Want: "on or off", Choices: []string{"on", "off"}, ref: func(s *Settings) any { return &s.AlwaysOn }},
	{Name: "wake_words", Group: GroupWhen, Want: "at most 20 words or phrases of at most 60 characters, separated by commas", hi: MaxWakeWords, entry: isWord, ref: func(s *Settings) any { return &s.WakeWords }},
	{Name: "chime_in", Group: GroupWhen, Want: "a number from 0 to 1", hi: 1, ref: func(s *Settings) any { return &s.ChimeIn }},
	{Name: "chime_in_fall", Group: GroupWhen, Want: "a number from 0 to 1", hi: 1, ref: func(s *Settings) any { return &s.ChimeInFall }},
	{Name: "answer_bots", Group: GroupWhen, Want: "on or off", Choices: []string{"on", "off"}, ref: func(s *Settings) any { return &s.AnswerBots }},
	{Name: "bot_turns", Group: GroupWhen, Want: "a whole number from 1 to 20", lo: 1, hi: MaxBotTurns, ref: func(s *Settings) any { return &s.BotTurns }},

	{Name: "mode", Group: GroupAdmin, Want: "on, drain or pause", Choices: []string{ModeOn, ModeDrain, ModePause}, hi: 10, ref: func(s *Settings) any { return &s.Mode }},
	{Name: "allow", Group: GroupAdmin, Want: "at most 200 entries such as channel:123, category:123, role:123 or person:123", hi: MaxTargets, entry: isTarget, ref: func(s *Settings) any { return &s.Allow }},
	{Name: "block", Group: GroupAdmin, Adds: true, Want: "at most 200 entries such as channel:123, category:123, role:123 or person:123", hi: MaxTargets, entry: isTarget, ref: func(s *Settings) any { return &s.Block }},
	{Name: "muted", Group: GroupAdmin, Adds: true, ServerOnly: true, Want: "at most 200 ids of people, each alone or with the time it ends, such as 123 2026-01-31T18:00:00Z", hi: MaxMuted, entry: isMute, ref: func(s *Settings) any { return &s.Muted }},
	{Name: "words_in", Group: GroupAdmin, Adds: true, Want: "at most 200 words or phrases of at most 60 characters, separated by commas", hi: MaxWords, entry: isWord, ref: func(s *Settings) any { return &s.WordsIn }},
	{Name: "words_out", Group: GroupAdmin, Adds: true, Want: "at most 200 words or phrases of at most 60 characters, separated by commas", hi: MaxWords, entry: isWord, ref: func(s *Settings) any { return &s.WordsOut }},
	{Name: "limit_messages", Group: GroupAdmin, ServerOnly: true, Want: "a whole number from 0 to 1000", hi: 1000, ref: func(s *Settings) any { return &s.LimitMessages }},
	{Name: "limit_seconds", Group: GroupAdmin, ServerOnly: true, Want: "a number from 0.01 to 3600", lo: 0.01, hi: 3600, ref: func(s *Settings) any { return &s.LimitSeconds }},
	{Name: "server_messages", Group: GroupAdmin, ServerOnly: true, Want: "a whole number from 0 to 10000", hi: 10000, ref: func(s *Settings) any { return &s.ServerMessages }},
	{Name: "server_seconds", Group: GroupAdmin, ServerOnly: true, Want: "a number from 0.01 to 3600", lo: 0.01, hi: 3600, ref: func(s *Settings) any { return &s.ServerSeconds }},
	{Name: "adult_channels", Group: GroupAdmin, ServerOnly: true, Want: "on or off", Choices: []string{"on", "off"}, ref: func(s *Settings) any { return &s.AdultChannels }},
	{Name: "adult_words", Group: GroupAdmin, Adds: true, ServerOnly: true, Want: "at most 200 words or phrases of at most 60 characters, separated by commas", hi: MaxWords, entry: isWord, ref: func(s *Settings) any { return &s.AdultWords }},
	{Name: "audit_channel", Group: GroupAdmin, ServerOnly: true, Want: "a channel's id", hi: 20, ref: func(s *Settings) any { return &s.AuditChannel }},
	{Name: "engine", Group: GroupAdmin, Want: "own or server", Choices: []string{EngineOwn, EngineServer}, hi: 10, ref: func(s *Settings) any { return &s.Engine }},
	{Name: "steering", Group: GroupAdmin, Want: "at most 16 edits such as forbid:2.5, expert:0.1=0 or direction:2.question=1.5", hi: MaxSteering, entry: isEdit, ref: func(s *Settings) any { return &s.Steering }},
}

// Fields are all settings, in the order they are shown.
func Fields() []Field { return slices.Clone(fields) }

// FieldNamed finds a setting by its name.
func FieldNamed(name string) (Field, bool) {
	for _, f := range fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// at is the field of s, a pointer.
func (f *Field) at(s *Settings) reflect.Value { return reflect.ValueOf(f.ref(s)).Elem() }

// IsSet reports whether s sets it.
func (f Field) IsSet(s Settings) bool { return !f.at(&s).IsNil() }

// IsList reports whether its value is a list.
func (f Field) IsList() bool { return f.entry != nil }

// List is its value in s as a list, nil if it is not set or no list. It must not be changed.
func (f Field) List(s Settings) []string {
	if v, ok := f.ref(&s).(**[]string); ok && *v != nil {
		return **v
	}
	return nil
}

// SetList sets a list; what it holds is checked by Validate.
func (f Field) SetList(s *Settings, list []string) {
	if v, ok := f.ref(s).(**[]string); ok {
		*v = &list
	}
}

// Value is its value in s as Set reads it, "" if it is not set. A list is separated by
// commas and blanks.
func (f Field) Value(s Settings) string {
	if !f.IsSet(s) {
		return ""
	}
	switch v := f.ref(&s).(type) {
	case **float64:
		return strconv.FormatFloat(**v, 'g', -1, 64)
	case **int:
		return strconv.Itoa(**v)
	case **uint64:
		return strconv.FormatUint(**v, 10)
	case **bool:
		if **v {
			return "on"
		}
		return "off"
	case **string:
		return **v
	case **[]string:
		return strings.Join(**v, ", ")
	}
	return ""
}

// Set reads a value as people write it. What it cannot be is a *SettingError, and
// changes nothing.
func (f Field) Set(s *Settings, text string) error {
	next := *s
	trimmed := strings.TrimSpace(text)
	var err error
	switch v := f.ref(&next).(type) {
	case **float64:
		*v = new(float64)
		**v, err = strconv.ParseFloat(strings.ReplaceAll(trimmed, ",", "."), 64)
	case **int:
		*v = new(int)
		**v, err = strconv.Atoi(trimmed)
	case **uint64:
		*v = new(uint64)
		**v, err = strconv.ParseUint(trimmed, 10, 64)
	case **bool:
		*v = new(bool)
		**v, err = parseSwitch(trimmed)
	case **string:
		*v = &trimmed
	case **[]string:
		list := splitList(text)
		*v = &list
	}
	if err == nil {
		err = f.check(next)
	}
	if err != nil {
		return &SettingError{f.Name, fmt.Sprintf("%.60q", text), f.Want}
	}
	*s = next
	return nil
}

// check is Validate for one field.
func (f Field) check(s Settings) error {
	var one Settings
	f.Copy(&one, s)
	return one.Validate()
}

// Copy sets in dst what src has of it, and unsets it if that is nothing.
func (f Field) Copy(dst *Settings, src Settings) { f.at(dst).Set(f.at(&src)) }

// Unset leaves it to the outer levels.
func (f Field) Unset(s *Settings) { f.Copy(s, Settings{}) }

func parseSwitch(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "on", "true", "yes", "1", "开", "是":
		return true, nil
	case "off", "false", "no", "0", "关", "否":
		return false, nil
	}
	return false, strconv.ErrSyntax
}

// splitList reads a list separated by commas, of either kind, or lines. An entry that
// is there twice counts once.
func splitList(text string) []string {
	out := []string{}
	for _, v := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '，' || r == '、' || r == '\n' }) {
		if v = strings.Join(strings.Fields(v), " "); v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// badText says what is wrong with a text, "" if nothing is.
func (f *Field) badText(v string) string {
	switch n := utf8.RuneCountInString(v); {
	case float64(n) > f.hi:
		return fmt.Sprintf("%d characters", n)
	case !utf8.ValidString(v) || strings.ContainsRune(v, 0):
		return "bytes that are no text in UTF-8"
	case f.Choices != nil && !slices.Contains(f.Choices, v), f.Name == "audit_channel" && v != "" && !isID(v):
		return fmt.Sprintf("%.40q", v)
	}
	return ""
}

// badList says what is wrong with a list, "" if nothing is.
func (f *Field) badList(list []string) string {
	if float64(len(list)) > f.hi {
		return fmt.Sprintf("%d of them", len(list))
	}
	for i, v := range list {
		if !f.entry(v) {
			return fmt.Sprintf("%.60q", v)
		}
		if slices.Contains(list[:i], v) {
			return fmt.Sprintf("%.60q twice", v)
		}
	}
	return ""
}

// isWord reports whether v is a word or phrase: of letters, digits or signs, without
// commas, which separate them, and with single blanks inside.
func isWord(v string) bool {
	return v != "" && utf8.ValidString(v) && utf8.RuneCountInString(v) <= MaxWord && strings.Join(strings.Fields(v), " ") == v &&
		!strings.ContainsFunc(v, func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(",，、", r) })
}

// isEdit reports whether v has the shape of an edit: what is changed, a colon, numbers
// and names with points between them, and perhaps = and a number.
func isEdit(v string) bool {
	kind, rest, ok := strings.Cut(v, ":")
	where, amount, factor := strings.Cut(rest, "=")
	if !ok || len(v) > 100 || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz") != "" || kind == "" ||
		strings.Trim(where, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" || where == "" {
		return false
	}
	x, err := strconv.ParseFloat(amount, 64)
	return !factor || err == nil && !math.IsNaN(x) && !math.IsInf(x, 0)
}

// isID reports whether v is one of Discord's ids.
func isID(v string) bool {
	n, err := strconv.ParseUint(v, 10, 64)
	return err == nil && n > 0 && v == strconv.FormatUint(n, 10)
}

// Kinds of targets in Settings.Allow and Settings.Block.
const (
	TargetServer   = "server"
	TargetCategory = "category"
	TargetChannel  = "channel" // its threads, too
	TargetRole     = "role"
	TargetPerson   = "person"
)

// ParseTarget reads an entry of Settings.Allow or Settings.Block, such as "role:42".
func ParseTarget(entry string) (kind, id string, ok bool) {
	kind, id, _ = strings.Cut(entry, ":")
	switch kind {
	case TargetServer, TargetCategory, TargetChannel, TargetRole, TargetPerson:
		return kind, id, isID(id)
	}
	return "", "", false
}

func isTarget(v string) bool {
	_, _, ok := ParseTarget(v)
	return ok
}

// Mute is an entry of Settings.Muted: a person who is not answered until a time, or,
// with the zero Time, until somebody changes that.
type Mute struct {
	Person string
	Until  time.Time // to the second, UTC
}

// String writes the entry: the person's id and, behind a blank, the time in RFC 3339.
func (m Mute) String() string {
	if m.Until.IsZero() {
		return m.Person
	}
	return m.Person + " " + m.Until.UTC().Format(time.RFC3339)
}

// ParseMute reads what String wrote.
func ParseMute(entry string) (Mute, bool) {
	id, rest, timed := strings.Cut(entry, " ")
	m := Mute{Person: id}
	if timed {
		t, err := time.Parse(time.RFC3339, rest)
		if err != nil || t.IsZero() {
			return Mute{}, false
		}
		m.Until = t.UTC()
	}
	return m, isID(id) && m.String() == entry
}

func isMute(v string) bool {
	_, ok := ParseMute(v)
	return ok
}
