package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// The encoding of a stored value is its version in decimal digits, directly
// followed by one JSON object: `1{"id":"42","role":"user","text":"hi"}`.
// A field added within a version is ignored by older readers; a change they
// would misread raises the version. Versions read: 1. Version written: 1.
const version = 1

// VersionError is a value written by a newer program than this one.
type VersionError struct {
	// What was read, such as "turn".
	What string
	// Version is the one found.
	Version int
}

// Error says which version was found and which is the newest understood.
func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has encoding version %d; this program reads up to %d: it was written by a newer one", e.What, e.Version, version)
}

// FormatError is a value that is no encoding of this package.
type FormatError struct {
	// What was read, such as "turn".
	What string
	// Reason says what is wrong with it.
	Reason string
}

// Error names what was read and what is wrong.
func (e *FormatError) Error() string { return fmt.Sprintf("corrupt %s: %s", e.What, e.Reason) }

// turnV1 is a Turn in version 1. Time is in Unix milliseconds; absent means
// the zero Time.
type turnV1 struct {
	ID       string `json:"id"`
	Role     Role   `json:"role"`
	AuthorID string `json:"author_id,omitempty"`
	Author   string `json:"author,omitempty"`
	Text     string `json:"text"`
	Time     *int64 `json:"time,omitempty"`

	Answer *answerV1 `json:"answer,omitempty"`
}

// answerV1 is an Answer in version 1.
type answerV1 struct {
	To       string      `json:"to,omitempty"`
	For      string      `json:"for,omitempty"`
	More     []string    `json:"more,omitempty"`
	Cut      bool        `json:"cut,omitempty"`
	Stale    bool        `json:"stale,omitempty"`
	Variants []variantV1 `json:"variants,omitempty"`
	Chosen   int         `json:"chosen,omitempty"`
}

// variantV1 is a Variant in version 1.
type variantV1 struct {
	Text string `json:"text"`
	Cut  bool   `json:"cut,omitempty"`
}

// settingsV1 is Settings in version 1; an absent field is nil.
type settingsV1 struct {
	Temperature   *float64 `json:"temperature,omitempty"`
	TopP          *float64 `json:"top_p,omitempty"`
	MinP          *float64 `json:"min_p,omitempty"`
	RepeatPenalty *float64 `json:"repeat_penalty,omitempty"`
	TopK          *int     `json:"top_k,omitempty"`
	MaxTokens     *int     `json:"max_tokens,omitempty"`
	History       *int     `json:"history,omitempty"`
	Seed          *uint64  `json:"seed,omitempty"`
	Persona       *string  `json:"persona,omitempty"`

	AlwaysOn      *bool     `json:"always_on,omitempty"`
	WakeWords     *[]string `json:"wake_words,omitempty"`
	ChimeIn       *float64  `json:"chime_in,omitempty"`
	ChimeInFall   *float64  `json:"chime_in_fall,omitempty"`
	AnswerBots    *bool     `json:"answer_bots,omitempty"`
	BotTurns      *int      `json:"bot_turns,omitempty"`
	Mode          *string   `json:"mode,omitempty"`
	Allow         *[]string `json:"allow,omitempty"`
	Block         *[]string `json:"block,omitempty"`
	Muted         *[]string `json:"muted,omitempty"`
	WordsIn       *[]string `json:"words_in,omitempty"`
	WordsOut      *[]string `json:"words_out,omitempty"`
	LimitMessages *int      `json:"limit_messages,omitempty"`
	LimitSeconds  *float64  `json:"limit_seconds,omitempty"`

	ServerMessages *int      `json:"server_messages,omitempty"`
	ServerSeconds  *float64  `json:"server_seconds,omitempty"`
	AdultChannels  *bool     `json:"adult_channels,omitempty"`
	AdultWords     *[]string `json:"adult_words,omitempty"`

	AuditChannel *string   `json:"audit_channel,omitempty"`
	Engine       *string   `json:"engine,omitempty"`
	Steering     *[]string `json:"steering,omitempty"`
}

// EncodeTurn returns t in the current version. Bytes of its strings that are
// not UTF-8 become U+FFFD and its time is cut to milliseconds; DecodeTurn
// gives back all else. It fails as t.Validate does.
func EncodeTurn(t Turn) (string, error) {
	if err := t.Validate(); err != nil {
		return "", err
	}
	return encode(turnOf(t))
}

// turnOf is t in version 1.
func turnOf(t Turn) turnV1 {
	v := turnV1{ID: t.ID, Role: t.Role, AuthorID: cleanText(t.AuthorID), Author: cleanText(t.Author), Text: cleanText(t.Text)}
	if !t.Time.IsZero() {
		ms := t.Time.UnixMilli()
		v.Time = &ms
	}
	v.Answer = encodeAnswer(t.Answer)
	return v
}

// turn is v as a Turn, unchecked.
func (v turnV1) turn() Turn {
	t := Turn{ID: v.ID, Role: v.Role, AuthorID: v.AuthorID, Author: v.Author, Text: v.Text}
	if v.Time != nil {
		t.Time = time.UnixMilli(*v.Time).UTC()
	}
	t.Answer = decodeAnswer(v.Answer)
	return t
}

// DecodeTurn reads what EncodeTurn wrote, in any version up to the current
// one. A newer version is a *VersionError, all else that is wrong a
// *FormatError.
func DecodeTurn(s string) (Turn, error) {
	t, ok := Turn{}, false
	if object, v1 := strings.CutPrefix(s, "1"); v1 {
		t, ok = scanTurn(object)
	}
	if !ok {
		var v turnV1
		if err := decode("turn", s, &v); err != nil {
			return Turn{}, err
		}
		t = v.turn()
	}
	if err := t.Validate(); err != nil {
		return Turn{}, &FormatError{"turn", err.Error()}
	}
	return t, nil
}

func encodeAnswer(a *Answer) *answerV1 {
	if a == nil {
		return nil
	}
	v := &answerV1{To: cleanText(a.To), For: cleanText(a.For), Cut: a.Cut, Stale: a.Stale, Chosen: a.Chosen}
	for _, id := range a.More {
		v.More = append(v.More, cleanText(id))
	}
	for _, alt := range a.Variants {
		v.Variants = append(v.Variants, variantV1{cleanText(alt.Text), alt.Cut})
	}
	return v
}

// decodeAnswer leaves out what no answer can be: a choice that is not there.
func decodeAnswer(v *answerV1) *Answer {
	if v == nil {
		return nil
	}
	a := &Answer{To: v.To, For: v.For, More: v.More, Cut: v.Cut, Stale: v.Stale, Chosen: v.Chosen}
	if len(a.More) == 0 {
		a.More = nil
	}
	for _, alt := range v.Variants {
		a.Variants = append(a.Variants, Variant(alt))
	}
	if a.Chosen < 0 || a.Chosen >= len(a.Variants) {
		a.Chosen = 0
	}
	return a
}

// EncodeSettings returns s in the current version. It fails as s.Validate
// does.
func EncodeSettings(s Settings) (string, error) {
	if err := s.Validate(); err != nil {
		return "", err
	}
	return encode(settingsV1(s))
}

// DecodeSettings reads what EncodeSettings wrote, in any version up to the
// current one. A newer version is a *VersionError, all else that is wrong,
// values out of range included, a *FormatError.
func DecodeSettings(s string) (Settings, error) {
	var v settingsV1
	if err := decode("settings", s, &v); err != nil {
		return Settings{}, err
	}
	if err := Settings(v).Validate(); err != nil {
		return Settings{}, &FormatError{"settings", err.Error()}
	}
	return Settings(v), nil
}

func encode(v any) (string, error) {
	object, err := line(v)
	if err != nil {
		return "", err
	}
	return strconv.Itoa(version) + string(bytes.TrimSuffix(object, []byte("\n"))), nil
}

// line is v as JSON with a newline, <, > and & as they are.
func line(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// decode checks the version of s and reads its object into v.
func decode(what, s string, v any) error {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	switch got, err := strconv.Atoi(s[:n]); {
	case err != nil || got < 1:
		return &FormatError{what, "does not begin with a version"}
	case got > version:
		return &VersionError{what, got}
	}
	dec := json.NewDecoder(strings.NewReader(s[n:]))
	if err := dec.Decode(v); err != nil {
		return &FormatError{what, err.Error()}
	}
	if _, err := dec.Token(); err != io.EOF {
		return &FormatError{what, "more bytes behind the object"}
	}
	return nil
}
