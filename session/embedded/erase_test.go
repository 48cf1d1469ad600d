package embedded_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moebot/session"
	"moebot/session/embedded"
	"moebot/session/redisstore"
)

// TestErase: what was forgotten is in no file any more, at once; what was deleted is not
// once the program has ended.
func TestErase(t *testing.T) {
	dir := t.TempDir()
	store, closeStore := open(t, embedded.Options{Dir: dir}, redisstore.Options{})
	ctx := t.Context()
	say := func(id, author, text string) {
		t.Helper()
		turn := session.Turn{ID: id, Role: session.RoleUser, AuthorID: author, Text: text}
		if _, ok, err := store.Accept(ctx, session.Key{Channel: "1"}, turn); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	kept := func(when string, words ...string) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		var all string
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all += string(b)
		}
		var got []string
		for _, w := range []string{"xyzzy", "plugh", "plover"} {
			if strings.Contains(all, w) {
				got = append(got, w)
			}
		}
		if strings.Join(got, " ") != strings.Join(words, " ") {
			t.Errorf("%s the files hold %q, want %q", when, got, words)
		}
	}
	say("10", "ann", "xyzzy")
	say("11", "bob", "plugh")
	say("12", "bob", "plover")
	kept("at first", "xyzzy", "plugh", "plover")
	if n, err := store.Forget(ctx, "ann"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	kept("after Forget", "plugh", "plover")
	if _, err := store.Remove(ctx, session.Key{Channel: "1"}, "11"); err != nil {
		t.Fatal(err)
	}
	closeStore()
	kept("after Remove and the end", "plover")
	store, _ = open(t, embedded.Options{Dir: dir}, redisstore.Options{})
	sess, err := store.Load(ctx, session.Key{Channel: "1"})
	if err != nil || len(sess.Turns) != 1 || sess.Turns[0].Text != "plover" {
		t.Errorf("Load = %+v, %v", sess, err)
	}
}
