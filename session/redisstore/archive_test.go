package redisstore_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"moebot/session"
	"moebot/session/sessiontest"
)

// filled opens a store with two channels of two turns each.
func filled(t *testing.T, keys *session.Keys) sessiontest.Store {
	t.Helper()
	s := openSealed(t, startMini(t), sessiontest.Limits{}, keys)
	for _, c := range []string{"1", "2"} {
		k := session.Key{Channel: c}
		if _, _, err := s.Accept(t.Context(), k, question("5")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Finish(t.Context(), k, "5", answer("5")); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func export(t *testing.T, s sessiontest.Store) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := s.Export(t.Context(), &b, ""); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestImportErrors: each names the line, and what came before it has been imported.
func TestImportErrors(t *testing.T) {
	good := export(t, filled(t, nil))
	lines := strings.SplitAfter(strings.TrimSuffix(good, "\n"), "\n")
	if len(lines) != 5 { // header, two channels, counters, end
		t.Fatalf("%d lines:\n%s", len(lines), good)
	}
	with := func(n int, line string) string {
		c := append([]string{}, lines...)
		c[n-1] = line
		return strings.Join(c, "")
	}
	for name, c := range map[string]struct {
		text, want string
		imported   int // channels
	}{
		"empty":         {"", "line 1: the file ends", 0},
		"no header":     {strings.Join(lines[1:], ""), "line 1: corrupt archive", 0},
		"newer":         {with(1, `{"moebot":"sessions","version":2}`+"\n"), "line 1: archive has encoding version 2", 0},
		"corrupt":       {with(3, "{\"channel\n"), "line 3: corrupt record", 1},
		"no such field": {with(3, "{\"chanel\":\"1\"}\n"), "line 3: corrupt record", 1},
		"bad turn":      {with(3, `{"channel":"2","turns":[{"id":"1","role":"fox"}]}`+"\n"), "line 3: corrupt record: of channel 2", 1},
		"cut":           {strings.Join(lines[:3], ""), "line 4: the file ends", 2},
		"cut in a line": {good[:len(good)-4], "line 5: corrupt record", 2},
		"one missing":   {with(3, ""), "line 4: the end counts 2 channels; before it there are 1", 1},
		"more":          {good + "\n" + lines[1], "line 7: more lines", 2},
	} {
		s := open(t, startMini(t), sessiontest.Limits{})
		n, err := s.Import(t.Context(), strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || n.Channels != c.imported || n.Added != 2*c.imported {
			t.Errorf("%s: %+v, %v; want %d channels and an error on %q", name, n, err, c.imported, c.want)
		}
		// The good file does the rest.
		if n, err := s.Import(t.Context(), strings.NewReader(good)); err != nil || n.Added != 4-2*c.imported {
			t.Errorf("%s, and then the good file: %+v, %v", name, n, err)
		}
		if again := export(t, s); len(again) != len(good) {
			t.Errorf("%s: exported again:\n%s\nwant\n%s", name, again, good)
		}
	}
}

// TestArchiveAndKeys: an archive can be read by anybody, and so moves sessions from one
// key to another; without the key there is none.
func TestArchiveAndKeys(t *testing.T) {
	s := filled(t, keys(t, "a"))
	text := export(t, s)
	if !strings.Contains(text, "question 5") || strings.Contains(text, "2:a.") {
		t.Errorf("an archive of what is sealed is not open:\n%s", text)
	}
	m := startMini(t)
	other := openSealed(t, m, sessiontest.Limits{}, keys(t, "b"))
	if n, err := other.Import(t.Context(), strings.NewReader(text)); err != nil || n.Added != 4 {
		t.Fatal(n, err)
	}
	none := open(t, m, sessiontest.Limits{})
	var b bytes.Buffer
	if _, err := none.Export(t.Context(), &b, ""); !session.IsKeyError(err) || !strings.Contains(err.Error(), "channel 1") || !strings.Contains(err.Error(), "key b") {
		t.Errorf("Export without the key = %v; want a KeyError naming the channel and the key", err)
	}
	if err := none.Reset(t.Context(), session.Key{Channel: "1"}); err != nil { // needs no key
		t.Error(err)
	}
}

// TestImportExpired: what would have expired meanwhile does not come back.
func TestImportExpired(t *testing.T) {
	line := func(expires time.Time) string {
		return fmt.Sprintf(`{"moebot":"sessions","version":1}
{"channel":"1","turns":[{"id":"1","role":"user","text":"q"}],"open":[{"turn":{"id":"1","role":"user","text":"q"},"since":%d}],"settings":{"top_k":5},"seen":{"1":1},"expires":%d}
{"end":1}
`, time.Now().UnixMilli(), expires.UnixMilli())
	}
	s := open(t, startMini(t), sessiontest.Limits{})
	k := session.Key{Channel: "1"}
	if n, err := s.Import(t.Context(), strings.NewReader(line(time.Now().Add(-time.Second)))); err != nil || n.Added != 0 {
		t.Errorf("Import of what has expired = %+v, %v", n, err)
	}
	sess, err := s.Load(t.Context(), k)
	if err != nil || len(sess.Turns) != 0 || *sess.Settings.TopK != 5 {
		t.Errorf("Load = %+v, %v; want the settings alone", sess, err)
	}
	if p, err := s.Pending(t.Context()); err != nil || len(p) != 0 {
		t.Errorf("Pending = %v, %v", p, err)
	}
	// and what expires soon does so.
	s = open(t, startMini(t), sessiontest.Limits{})
	if n, err := s.Import(t.Context(), strings.NewReader(line(time.Now().Add(2*time.Second)))); err != nil || n.Added != 1 {
		t.Fatal(n, err)
	}
	if sess, err := s.Load(t.Context(), k); err != nil || len(sess.Turns) != 1 {
		t.Errorf("Load = %+v, %v; want the turn", sess, err)
	}
	eventually(t, "the turn expires", func() bool {
		sess, err := s.Load(t.Context(), k)
		return err == nil && len(sess.Turns) == 0
	})
}

// TestImportOpenExpires: an open question that comes into a session that is there is
// forgotten with it.
func TestImportOpenExpires(t *testing.T) {
	m := miniredis.RunT(t)
	s := open(t, "redis://"+m.Addr(), sessiontest.Limits{})
	k := session.Key{Channel: "1"}
	if _, _, err := s.Accept(t.Context(), k, question("1")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Finish(t.Context(), k, "1", answer("1")); err != nil { // none is open
		t.Fatal(err)
	}
	m.FastForward(time.Hour)
	if n, err := s.Import(t.Context(), strings.NewReader(fmt.Sprintf(`{"moebot":"sessions","version":1}
{"channel":"1","turns":[{"id":"9","role":"user","text":"q"}],"open":[{"turn":{"id":"9","role":"user","text":"q"},"since":%d}]}
{"end":1}
`, time.Now().UnixMilli()))); err != nil || n.Added != 1 {
		t.Fatal(n, err)
	}
	ttl := map[string]time.Duration{}
	for _, key := range m.Keys() {
		for _, kind := range []string{"log", "wait"} {
			if strings.Contains(key, ":"+kind+":") {
				ttl[kind] = m.TTL(key)
			}
		}
	}
	if want := 30*24*time.Hour - time.Hour; ttl["log"] != want || ttl["wait"] != want {
		t.Errorf("log and wait expire in %v and %v; want %v", ttl["log"], ttl["wait"], want)
	}
}
