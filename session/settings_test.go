package session_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moebot/session"
)

func TestSettingsValidate(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name string
		in   session.Settings
		bad  string // the settings refused
	}{
		{"none", session.Settings{}, ""},
		{"lowest", session.Settings{Temperature: ptr(0.0), TopP: ptr(1e-9), MinP: ptr(0.0), RepeatPenalty: ptr(1.0), TopK: ptr(0), MaxTokens: ptr(1), Seed: ptr(uint64(0)), Persona: ptr("")}, ""},
		{"highest", session.Settings{Temperature: ptr(2.0), TopP: ptr(1.0), MinP: ptr(1.0), RepeatPenalty: ptr(2.0), TopK: ptr(1000), MaxTokens: ptr(32768), Persona: ptr(strings.Repeat("🦊", 4000))}, ""},
		{"below", session.Settings{Temperature: ptr(-0.01), TopP: ptr(0.0), MinP: ptr(-1.0), RepeatPenalty: ptr(0.99), TopK: ptr(-1), MaxTokens: ptr(0)}, "temperature top_p min_p repeat_penalty top_k max_tokens"},
		{"above", session.Settings{Temperature: ptr(2.01), TopP: ptr(1.01), MinP: ptr(1.01), RepeatPenalty: ptr(2.01), TopK: ptr(1001), MaxTokens: ptr(32769), Persona: ptr(strings.Repeat("🦊", 4001))}, "temperature top_p min_p repeat_penalty top_k max_tokens persona"},
		{"NaN", session.Settings{Temperature: &nan, TopP: &nan, MinP: &nan, RepeatPenalty: &nan}, "temperature top_p min_p repeat_penalty"},
		{"infinite", session.Settings{Temperature: &inf, TopP: &inf, MinP: &inf, RepeatPenalty: &inf}, "temperature top_p min_p repeat_penalty"},
		{"no text", session.Settings{Persona: ptr("a\xff")}, "persona"},
		{"NUL", session.Settings{Persona: ptr("a\x00")}, "persona"},
	} {
		err := c.in.Validate()
		var got []string
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				var se *session.SettingError
				if !errors.As(e, &se) {
					t.Fatalf("%s: %v is no SettingError", c.name, e)
				}
				got = append(got, se.Name)
			}
		}
		if strings.Join(got, " ") != c.bad || (err == nil) != (c.bad == "") {
			t.Errorf("%s: %v; want a refusal of %q", c.name, err, c.bad)
		}
	}
	err := session.Settings{Temperature: &nan}.Validate()
	if want := "temperature must be a number from 0 to 2, not NaN"; err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
}

func TestSettingsMerge(t *testing.T) {
	defaults := session.Settings{Temperature: ptr(0.8), TopK: ptr(40), MaxTokens: ptr(256), Persona: ptr("a fox"), Seed: ptr(uint64(1)), TopP: ptr(0.9), MinP: ptr(0.1), RepeatPenalty: ptr(1.1)}
	own := session.Settings{Temperature: ptr(0.0), Persona: ptr("")}
	want := defaults
	want.Temperature, want.Persona = ptr(0.0), ptr("")
	if diff := cmp.Diff(want, defaults.Merge(own)); diff != "" {
		t.Errorf("defaults.Merge(own) (-want +got):\n%s", diff)
	}
	if *defaults.Temperature != 0.8 || !own.Merge(session.Settings{}).Equal(own) || !(session.Settings{}).Merge(defaults).Equal(defaults) {
		t.Error("Merge with nothing changes something")
	}
	if own.IsZero() || !(session.Settings{}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestUpTo(t *testing.T) {
	s := session.Session{Turns: []session.Turn{{ID: "1"}, {ID: "2"}, {ID: "3"}}}
	if got := s.UpTo("2"); len(got) != 2 || cap(got) != 2 {
		t.Errorf("UpTo(2) = %v", got)
	}
	if got := s.UpTo("4"); got != nil {
		t.Errorf("UpTo(4) = %v; want nil", got)
	}
}

func TestValidateID(t *testing.T) {
	for id, ok := range map[string]bool{"1": true, "123456789012345678": true, "{a}:b": true, strings.Repeat("x", 128): true,
		"": false, " ": false, "a b": false, "a\n": false, "é": false, "\x7f": false, strings.Repeat("x", 129): false} {
		if err := session.ValidateID("channel", id); (err == nil) != ok {
			t.Errorf("ValidateID(%q) = %v", id, err)
		}
	}
}
