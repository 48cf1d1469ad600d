package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"moebot/session"
	"moebot/session/redisstore"
	"moebot/session/sessiontest"
)

// TestKeyLayout pins the keys: a change loses what is stored.
func TestKeyLayout(t *testing.T) {
	m := miniredis.RunT(t)
	s := open(t, "redis://"+m.Addr(), sessiontest.Limits{})
	k, ctx := session.Key{Channel: "123456789012345678"}, t.Context()
	topK := 5
	day := time.Now().UTC().Format("20060102")
	if _, _, err := s.Accept(ctx, k, question("42")); err != nil {
		t.Fatal(err)
	}
	if err := s.SetSettings(ctx, k, session.Settings{TopK: &topK}); err != nil {
		t.Fatal(err)
	}
	if err := s.Remember(ctx, "commands", "hash"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"mb:{p19}:fact:commands string 0s",
		"mb:{p28}:cfg:123456789012345678 string 0s",
		"mb:{p28}:hold:123456789012345678:42 string 15s",
		"mb:{p28}:log:123456789012345678 list 720h0m0s",
		"mb:{p28}:seen:123456789012345678 zset 720h0m0s",
		"mb:{p28}:stat hash 0s",
		"mb:{p28}:stat:" + day + " hash 960h0m0s",
		"mb:{p28}:wait:123456789012345678 hash 720h0m0s",
		"mb:{p28}:waiting zset 0s",
	}
	var got []string
	for _, key := range m.Keys() {
		got = append(got, strings.Join([]string{key, m.Type(key), m.TTL(key).String()}, " "))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys, types and times to live (-want +got):\n%s", diff)
	}
	entry := `1{"id":"42","role":"user","author":"Ann","text":"question 42"}`
	if l, err := m.List("mb:{p28}:log:" + k.Channel); err != nil || !cmp.Equal(l, []string{entry}) {
		t.Errorf("log = %q, %v", l, err)
	}
	if v := m.HGet("mb:{p28}:wait:"+k.Channel, "42"); len(v) != 32+len(entry) || v[32:] != entry {
		t.Errorf("open question = %q", v)
	}
	if z, err := m.ZMembers("mb:{p28}:waiting"); err != nil || !cmp.Equal(z, []string{k.Channel + " 42"}) {
		t.Errorf("waiting = %q, %v", z, err)
	}
}

// TestGivenUpQuestion: the text of a question that was given up goes with the channel's
// next message, though its hash lives on.
func TestGivenUpQuestion(t *testing.T) {
	m := miniredis.RunT(t)
	now := time.Now()
	s, err := redisstore.Open(t.Context(), redisstore.Options{URL: "redis://" + m.Addr(), PendingTTL: time.Hour, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	accept := func(channel, id string) {
		t.Helper()
		if _, ok, err := s.Accept(t.Context(), session.Key{Channel: channel}, question(id)); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	accept("1", "10")
	now = now.Add(30 * time.Minute)
	accept("1", "11")
	now = now.Add(45 * time.Minute)
	accept("36", "12") // in the same partition: it gives up 10, too
	accept("1", "13")
	for _, key := range m.Keys() {
		if !strings.HasSuffix(key, ":wait:1") {
			continue
		}
		if ids, err := m.HKeys(key); err != nil || !cmp.Equal(ids, []string{"11", "13"}) {
			t.Errorf("%s holds %q, %v; want 11 and 13", key, ids, err)
		}
	}
}

// TestUnreadable: a turn that nobody can read holds up no other question, and is no reason
// to say that all of a person is forgotten.
func TestUnreadable(t *testing.T) {
	m := miniredis.RunT(t)
	s := open(t, "redis://"+m.Addr(), sessiontest.Limits{})
	ctx := t.Context()
	for _, channel := range []string{"1", "2", "3"} {
		if _, _, err := s.Accept(ctx, session.Key{Channel: channel}, session.Turn{ID: "5", Role: session.RoleUser, AuthorID: "77", Text: "mine"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range m.Keys() {
		switch {
		case strings.HasSuffix(key, ":wait:1"):
			m.HSet(key, "5", strings.Repeat("t", 32)+"garbage")
		case strings.HasSuffix(key, ":log:2"):
			m.Push(key, "9{}")
		}
	}
	if p, err := s.Pending(ctx); err != nil || len(p) != 2 {
		t.Errorf("Pending = %v, %v; want the two that can be read", p, err)
	}
	n, err := s.Forget(ctx, "77")
	if n != 1 || err == nil || !strings.Contains(err.Error(), "channel 1:") || !strings.Contains(err.Error(), "channel 2:") {
		t.Errorf("Forget = %d, %v; want 1 and an error that names both channels", n, err)
	}
}
