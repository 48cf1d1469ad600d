package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"moebot/session"
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
