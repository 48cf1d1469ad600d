package session_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moebot/session"
)

func ptr[T any](v T) *T { return &v }

func TestTurnCodec(t *testing.T) {
	when := time.Date(2026, 11, 5, 1, 2, 3, 999_999_999, time.FixedZone("", 3600))
	for _, c := range []struct {
		name string
		in   session.Turn
		want session.Turn
	}{
		{"least", session.Turn{ID: "1", Role: session.RoleUser}, session.Turn{ID: "1", Role: session.RoleUser}},
		{"all",
			session.Turn{ID: "1", Role: session.RoleAssistant, AuthorID: "2", Author: "<b>é", Text: "\"a\"\\\n\x00\u2028🦊", Time: when},
			session.Turn{ID: "1", Role: session.RoleAssistant, AuthorID: "2", Author: "<b>é", Text: "\"a\"\\\n\x00\u2028🦊", Time: when.Truncate(time.Millisecond).UTC()}},
		{"before 1970", session.Turn{ID: "1", Role: session.RoleUser, Time: time.Unix(-1, 0)}, session.Turn{ID: "1", Role: session.RoleUser, Time: time.Unix(-1, 0).UTC()}},
		{"not UTF-8", session.Turn{ID: "1", Role: session.RoleUser, Author: "\xff", Text: "a\xc3\x28"}, session.Turn{ID: "1", Role: session.RoleUser, Author: "\uFFFD", Text: "a\uFFFD("}},
	} {
		s, err := session.EncodeTurn(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got, err := session.DecodeTurn(s)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %s: %v (-want +got):\n%s", c.name, s, err, diff)
		}
	}
	for name, bad := range map[string]session.Turn{"no id": {Role: session.RoleUser}, "no role": {ID: "1"}, "blank": {ID: "1 2", Role: session.RoleUser}} {
		if s, err := session.EncodeTurn(bad); err == nil {
			t.Errorf("%s: encoded as %s", name, s)
		}
	}
}

// TestStoredV1 pins what version 1 looks like in existing databases.
func TestStoredV1(t *testing.T) {
	turn, err := session.DecodeTurn(`1{"id":"5","role":"user","author_id":"6","author":"Ann","text":"hi","time":1700000000123,"later_field":[1]}`)
	want := session.Turn{ID: "5", Role: session.RoleUser, AuthorID: "6", Author: "Ann", Text: "hi", Time: time.UnixMilli(1700000000123).UTC()}
	if diff := cmp.Diff(want, turn); err != nil || diff != "" {
		t.Errorf("turn: %v (-want +got):\n%s", err, diff)
	}
	set, err := session.DecodeSettings(`1{"temperature":0,"top_p":0.5,"min_p":0.1,"repeat_penalty":1.5,"top_k":7,"max_tokens":8,"seed":18446744073709551615,"persona":""}`)
	all := session.Settings{Temperature: ptr(0.0), TopP: ptr(0.5), MinP: ptr(0.1), RepeatPenalty: ptr(1.5), TopK: ptr(7), MaxTokens: ptr(8),
		Seed: ptr(uint64(math.MaxUint64)), Persona: ptr("")}
	if diff := cmp.Diff(all, set); err != nil || diff != "" {
		t.Errorf("settings: %v (-want +got):\n%s", err, diff)
	}
	s, err := session.EncodeSettings(all)
	if again, derr := session.DecodeSettings(s); err != nil || derr != nil || !cmp.Equal(all, again) {
		t.Errorf("settings written as %s: %v, %v", s, err, derr)
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, bad := range []string{
		"", "x", "{}", "0{}", "-1{}", "1", "1[]", "1null", "1{", `1{"id":"1"}`, `1{"id":"1","role":"system"}`, `1{"id":1,"role":"user"}`,
		`1{"id":"1","role":"user"} x`, `1{"id":"1","role":"user"}{}`, "99999999999999999999{}",
	} {
		var fe *session.FormatError
		if turn, err := session.DecodeTurn(bad); !errors.As(err, &fe) || !strings.Contains(err.Error(), "corrupt turn") {
			t.Errorf("DecodeTurn(%q) = %v, %v; want a FormatError", bad, turn, err)
		}
	}
	for _, bad := range []string{"1x", `1{"temperature":3}`, `1{"temperature":"hot"}`, `1{"top_k":1.5}`, `1{"seed":-1}`} {
		var fe *session.FormatError
		if set, err := session.DecodeSettings(bad); !errors.As(err, &fe) {
			t.Errorf("DecodeSettings(%q) = %v, %v; want a FormatError", bad, set, err)
		}
	}
	for _, newer := range []string{`2{"id":"1","role":"user"}`, "17\x00whatever"} {
		var ve *session.VersionError
		if _, err := session.DecodeTurn(newer); !errors.As(err, &ve) || !strings.Contains(err.Error(), "newer") {
			t.Errorf("DecodeTurn(%q) = %v; want a VersionError", newer, err)
		}
		if _, err := session.DecodeSettings(newer); !errors.As(err, &ve) {
			t.Errorf("DecodeSettings(%q) = %v; want a VersionError", newer, err)
		}
	}
}

func FuzzDecodeTurn(f *testing.F) {
	f.Add(`1{"id":"5","role":"user","author":"Ann","text":"hi","time":1700000000123}`)
	f.Add(`2{}`)
	f.Add(`1{"id":"5","role":"user","time":-9223372036854775808}`)
	f.Fuzz(func(t *testing.T, s string) {
		turn, err := session.DecodeTurn(s)
		if err != nil {
			return
		}
		again, err := session.EncodeTurn(turn)
		if err != nil {
			t.Fatalf("%q reads as %v, which cannot be written: %v", s, turn, err)
		}
		if turn2, err := session.DecodeTurn(again); err != nil || !cmp.Equal(turn, turn2) {
			t.Fatalf("%q reads as %v, then as %v, %v", s, turn, turn2, err)
		}
	})
}

func FuzzDecodeSettings(f *testing.F) {
	f.Add(`1{"temperature":0.5,"persona":"x","seed":1}`)
	f.Fuzz(func(t *testing.T, s string) {
		set, err := session.DecodeSettings(s)
		if err != nil {
			return
		}
		again, err := session.EncodeSettings(set)
		if err != nil {
			t.Fatalf("%q cannot be written again: %v", s, err)
		}
		if set2, err := session.DecodeSettings(again); err != nil || !cmp.Equal(set, set2) {
			t.Fatalf("%q reads as %v, then as %v, %v", s, set, set2, err)
		}
	})
}
