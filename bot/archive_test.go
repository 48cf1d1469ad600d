package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"moebot/session"
	"moebot/session/embedded"
	"moebot/session/redisstore"
)

// TestArchive moves sessions from a Redis, where they are sealed, to the embedded store.
func TestArchive(t *testing.T) {
	m := miniredis.RunT(t)
	const key = "k:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	keys, err := session.ParseKeys(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := redisstore.Open(t.Context(), redisstore.Options{URL: "redis://" + m.Addr(), Prefix: "mb-playground", Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range []string{"1", "2"} {
		if _, _, err := s.Accept(t.Context(), session.Key{Channel: c}, session.Turn{ID: "5", Role: session.RoleUser, Text: "what is it?"}); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "sessions.jsonl")
	for _, name := range []string{"DISCORD_TOKEN", "MOEBOT_SESSION_KEYS"} {
		t.Setenv(name, "")
	}
	t.Setenv("MOEBOT_SESSION_DIR", filepath.Join(dir, "embedded"))
	try := func(status int, says string, args ...string) string {
		t.Helper()
		var out, errOut bytes.Buffer
		if got := start(args, &out, &errOut); got != status || !strings.Contains(errOut.String(), says) {
			t.Fatalf("%q ended with status %d and said\n%s\nwant %d and %q", args, got, errOut.String(), status, says)
		}
		return out.String()
	}
	t.Setenv("REDIS_URL", "redis://"+m.Addr())
	try(2, "exclude each other", "-export", file, "-import", file)
	try(2, "-channel is for -export", "-channel", "1")
	try(1, "sealed with key k", "-export", file)
	t.Setenv("MOEBOT_SESSION_KEYS", "nonsense")
	try(1, "MOEBOT_SESSION_KEYS: key 1", "-export", file)
	if found, err := filepath.Glob(file + "*"); err != nil || len(found) != 0 {
		t.Errorf("files left of exports that failed: %q, %v", found, err)
	}
	t.Setenv("MOEBOT_SESSION_KEYS", key)
	try(0, "exported 2 channels with 2 messages to "+file, "-export", file)
	if f, err := os.Stat(file); err != nil || f.Mode().Perm()&0o077 != 0 {
		t.Errorf("the file can be read by others: %v, %v", f.Mode(), err)
	}
	if text := try(0, "exported 1 channels with 1 messages", "-export", "-", "-channel", "2"); strings.Count(text, "what is it?") != 2 {
		t.Errorf("exported to the output (the turn and the open question):\n%s", text)
	}

	t.Setenv("REDIS_URL", "")
	try(0, "imported 2 channels with 2 messages, of which 2 were not there yet", "-import", file)
	try(0, "of which 0 were not there yet", "-import", file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text[:len(text)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	try(1, "line 5", "-import", file)
	local, err := embedded.Open(t.Context(), embedded.Options{Dir: filepath.Join(dir, "embedded", "playground")})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	try(1, "in use by another process", "-import", file)
	there, err := redisstore.New(local.Client(), redisstore.Options{Prefix: "mb-playground", Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	if sess, err := there.Load(t.Context(), session.Key{Channel: "2"}); err != nil || len(sess.Turns) != 1 || sess.Turns[0].Text != "what is it?" {
		t.Errorf("imported: %+v, %v", sess, err)
	}
}
