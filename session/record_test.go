package session_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moebot/session"
)

func TestRecord(t *testing.T) {
	k := session.Key{Channel: "42"}
	at := time.UnixMilli(1700000000123).UTC()
	q := session.Turn{ID: "5", Role: session.RoleUser, AuthorID: "7", Author: "Ann", Text: "a\n\"b\" <c>", Time: at}
	for name, c := range map[string]struct {
		r    session.Record
		want string
	}{
		"channel": {session.Record{Channel: &session.Kept{Session: session.Session{Key: k, Turns: []session.Turn{q}, Settings: session.Settings{TopK: ptr(5)}},
			Open: []session.Pending{{Key: k, Turn: q, Since: at}}, Seen: map[string]time.Time{"5": at}, Expires: at.Add(time.Hour)}},
			`{"channel":"42","turns":[{"id":"5","role":"user","author_id":"7","author":"Ann","text":"a\n\"b\" <c>","time":1700000000123}],"settings":{"top_k":5},"open":[{"turn":{"id":"5","role":"user","author_id":"7","author":"Ann","text":"a\n\"b\" <c>","time":1700000000123},"since":1700000000123}],"seen":{"5":1700000000123},"expires":1700003600123}`},
		"server":   {session.Record{Channel: &session.Kept{Session: session.Session{Key: session.ServerKey("1"), Turns: []session.Turn{}, Settings: session.Settings{Persona: ptr("")}}}}, `{"channel":"server/1","settings":{"persona":""}}`},
		"counters": {session.Record{Counters: map[string]int64{"messages": 3}}, `{"counters":{"messages":3}}`},
		"end":      {session.Record{End: ptr(0)}, `{"end":0}`},
	} {
		text, err := session.EncodeRecord(c.r)
		if err != nil || string(text) != c.want+"\n" {
			t.Errorf("%s: %v\ngot  %swant %s", name, err, text, c.want)
			continue
		}
		got, err := session.DecodeRecord(text)
		if diff := cmp.Diff(c.r, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	if _, err := session.EncodeRecord(session.Record{Channel: &session.Kept{Session: session.Session{Key: k, Turns: []session.Turn{{ID: "5"}}}}}); err == nil {
		t.Error("a turn without a role is written")
	}
	for _, bad := range []string{``, `{}`, `x`, `{"channel":"a b"}`, `{"channel":"1","end":1}`, `{"channel":"1","turns":[{"id":"1"}]}`,
		`{"channel":"1","settings":{"top_k":-1}}`, `{"channel":"1","seen":{"":1}}`, `{"counters":{"a b":1}}`, `{"channel":"1","open":[{"since":1}]}`, `{"channel":1}`} {
		var fe *session.FormatError
		if r, err := session.DecodeRecord([]byte(bad)); !errors.As(err, &fe) {
			t.Errorf("DecodeRecord(%s) = %+v, %v; want a FormatError", bad, r, err)
		}
	}
}

func TestArchiveHeader(t *testing.T) {
	if err := session.CheckArchiveHeader(bytes.TrimSpace(session.ArchiveHeader())); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "x", `{"moebot":"models","version":1}`, `{"moebot":"sessions"}`, `{"version":1}`} {
		var fe *session.FormatError
		if err := session.CheckArchiveHeader([]byte(bad)); !errors.As(err, &fe) {
			t.Errorf("header %q: %v; want a FormatError", bad, err)
		}
	}
	var ve *session.VersionError
	if err := session.CheckArchiveHeader([]byte(`{"moebot":"sessions","version":2}`)); !errors.As(err, &ve) || !strings.Contains(err.Error(), "newer") {
		t.Errorf("header of version 2: %v; want a VersionError", err)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte(`{"channel":"42","turns":[{"id":"5","role":"user","text":"hi","time":1}],"settings":{"top_k":5},"open":[{"turn":{"id":"5","role":"user"},"since":2}],"seen":{"5":3},"expires":4}`))
	f.Add([]byte(`{"counters":{"a":1}}`))
	f.Add([]byte(`{"end":7}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := session.DecodeRecord(text)
		if err != nil {
			return
		}
		again, err := session.EncodeRecord(r)
		if err != nil {
			t.Fatalf("%q reads as %+v, which cannot be written: %v", text, r, err)
		}
		if r2, err := session.DecodeRecord(again); err != nil || !cmp.Equal(r, r2) {
			t.Fatalf("%q reads as %+v, then as %+v, %v", text, r, r2, err)
		}
	})
}
