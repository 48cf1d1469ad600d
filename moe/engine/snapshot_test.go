package engine

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// open starts an engine with snapshots in dir; close it by hand.
func open(t testing.TB, dir string, log *bytes.Buffer, change func(*Options)) *Engine {
	t.Helper()
	m, tok := tinyModel(t)
	o := Options{Snapshots: Snapshots{Dir: dir, Model: [32]byte{7}, Bytes: 1 << 20}}
	if log != nil {
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	if change != nil {
		change(&o)
	}
	e, err := New(m, tok, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func inDir(t testing.TB, dir string) (files []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		i, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if i.Mode().Perm() != 0o600 {
			t.Errorf("%s can be read by others: %v", e.Name(), i.Mode())
		}
		files = append(files, e.Name())
	}
	return files
}

// Behind a restart a conversation goes on as if there had been none: what is known is
// not read again, and the text is the same.
func TestARestartIsWarm(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kv")
	rng := rand.New(rand.NewPCG(1, 2))
	first, more := randomTokens(rng, 30), randomTokens(rng, 5)
	e := open(t, dir, nil, nil)
	r := request("a", 1, first...)
	r.Trace = true
	res := generate(t, e, r)
	r.Tokens = slices.Clone(first)
	for _, tr := range res.Trace {
		r.Tokens = append(r.Tokens, tr.ID)
	}
	r.Tokens = append(r.Tokens, more...)
	cold := r
	cold.Key = ""
	generate(t, e, request("b", 1, randomTokens(rng, 9)...))
	e.Close()
	if n := len(inDir(t, dir)); n != 2 {
		t.Fatalf("%d snapshots of two conversations", n)
	}
	want := generate(t, start(t, Options{}), cold)
	var log bytes.Buffer
	e = open(t, dir, &log, nil)
	got := generate(t, e, r)
	if got.Text != want.Text {
		t.Errorf("behind a restart %q, want %q", got.Text, want.Text)
	}
	// the answer's last token was said but never read
	if n := got.Usage.PromptTokens - got.Usage.ReusedTokens; n != len(more)+1 {
		t.Errorf("%d tokens are read behind a restart, %d are new", n, len(more)+1)
	}
	if log.Len() > 0 {
		t.Errorf("logged %s", log.String())
	}
}

func TestSnapshotsOfNoUseAreIgnored(t *testing.T) {
	for name, spoil := range map[string]func(o *Options, path string, b []byte) []byte{
		"damaged":       func(_ *Options, _ string, b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"cut":           func(_ *Options, _ string, b []byte) []byte { return b[:len(b)-9] },
		"empty":         func(_ *Options, _ string, b []byte) []byte { return nil },
		"another model": func(o *Options, _ string, b []byte) []byte { o.Snapshots.Model[0]++; return b },
		"another type":  func(o *Options, _ string, b []byte) []byte { o.CacheType = 1; return b },
		"another size":  func(o *Options, _ string, b []byte) []byte { o.ContextTokens = 80; return b },
	} {
		dir := t.TempDir()
		e := open(t, dir, nil, nil)
		r := request("a", 1, 1, 2, 3, 4, 5, 6)
		want := generate(t, e, r)
		e.Close()
		path := filepath.Join(dir, inDir(t, dir)[0])
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		e = open(t, dir, &log, func(o *Options) {
			if err := os.WriteFile(path, spoil(o, path, b), 0o600); err != nil {
				t.Fatal(err)
			}
		})
		got := generate(t, e, r)
		if got.Usage.ReusedTokens != 0 || name != "another type" && got.Text != want.Text {
			t.Errorf("%s: %d tokens reused, %q, want %q", name, got.Usage.ReusedTokens, got.Text, want.Text)
		}
		if !strings.Contains(log.String(), "of no use") {
			t.Errorf("%s: the log says %q", name, log.String())
		}
		if n := len(inDir(t, dir)); n != 0 {
			t.Errorf("%s: it is still there", name)
		}
		e.Close()
	}
}

func TestSnapshotsAreBounded(t *testing.T) {
	dir := t.TempDir()
	all := func(o *Options) { o.Snapshots.Files = 3 }
	for round := range 2 { // files that nobody asks for count, too
		e := open(t, dir, nil, all)
		for i := range 3 {
			generate(t, e, request(fmt.Sprintf("%d%d", round, i), 1, 1, 2, 3, int32(i)))
		}
		e.Close()
		if files := inDir(t, dir); len(files) != 3 {
			t.Errorf("round %d: %d files, 3 allowed", round, len(files))
		}
	}
	e := open(t, dir, nil, all)
	if n := generate(t, e, request("12", 1, 1, 2, 3, 2)).Usage.ReusedTokens; n != 3 {
		t.Errorf("the newest is not kept: %d tokens reused", n)
	}
	e.Close()
	size := int64(0)
	for _, f := range inDir(t, dir) {
		i, _ := os.Stat(filepath.Join(dir, f))
		size = max(size, i.Size())
	}
	e = open(t, dir, nil, func(o *Options) { o.Snapshots.Bytes = 2*size + size/2 })
	e.Close()
	if n := len(inDir(t, dir)); n != 2 {
		t.Errorf("%d files where two have room", n)
	}
	old := time.Now().Add(-time.Hour)
	for _, f := range inDir(t, dir) {
		if err := os.Chtimes(filepath.Join(dir, f), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "x.kv.1.tmp"), []byte("broken off"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir, nil, func(o *Options) { o.Snapshots.MaxAge = time.Minute })
	if files := inDir(t, dir); len(files) != 0 {
		t.Errorf("%v are still there, too old or broken off", files)
	}
}

// Also while an engine closes there are never more bytes than allowed.
func TestSnapshotsAreBoundedAtAnyTime(t *testing.T) {
	dir := t.TempDir()
	say := func(e *Engine, key string) { generate(t, e, request(key, 1, 1, 2, 3)) }
	e := open(t, dir, nil, nil)
	say(e, "a")
	say(e, "b")
	e.Close()
	size := func() (n int64) {
		for _, f := range inDir(t, dir) {
			if i, err := os.Stat(filepath.Join(dir, f)); err == nil && i.Mode().IsRegular() {
				n += i.Size()
			}
		}
		return n
	}
	most := size()
	seen := int64(-1)
	e = open(t, dir, nil, func(o *Options) {
		o.Snapshots.Bytes, o.Log = most, slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
			if strings.Contains(string(b), "cannot be written") {
				seen = size()
			}
			return len(b), nil
		}), nil))
	})
	say(e, "c") // is written last, and cannot be
	if err := os.Mkdir(filepath.Join(dir, e.snapshots.name("c")), 0o600); err != nil {
		t.Fatal(err)
	}
	say(e, "d")
	if e.Close(); seen < 0 || seen > most {
		t.Errorf("%d bytes while closing, %d allowed", seen, most)
	}
}

type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// Files are read for those who get a slot, not for all who wait.
func TestSnapshotsOfTheWaitingStayOnDisk(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir, nil, nil)
	for i := range 4 {
		generate(t, e, request(fmt.Sprint(i), 1, 1, 2, int32(i)))
	}
	e.Close()
	s := byHand(t, Options{Slots: 1, Snapshots: e.opt.Snapshots})
	for i := range 4 {
		s.ask(context.Background(), request(fmt.Sprint(i), 1, 1, 2, int32(i)))
	}
	for left := 3; left >= 0; left-- {
		s.rounds(1)
		if n := len(s.snapshots.waiting); n != left || s.all[len(s.all)-1].seq.result.Usage.ReusedTokens != 2 {
			t.Errorf("%d of 4 files are not read yet, want %d", n, left)
		}
		s.rounds(25)
	}
}

// Who asked before a Forget and still waits is answered, and forgotten then.
func TestForgetWhoWaits(t *testing.T) {
	for _, key := range []string{"a", ""} {
		s := byHand(t, Options{Slots: 1})
		var qs []*sequence
		for _, r := range []Request{request("other", 1, 1, 2), request("a", 1, 3, 4), request("a", 2, 3, 5)} {
			qs = append(qs, s.newSequence(context.Background(), r))
		}
		s.waiting = append(s.waiting, qs[:2]...)
		s.submit <- qs[2] // is on its way
		s.drop(forgetting{key, make(chan struct{})})
		s.rounds(80)
		for _, q := range qs {
			if q.result.Stop != StopLength {
				t.Errorf("forgetting %q: a reply ends with %q, %v", key, q.result.Stop, q.err)
			}
		}
		if n := len(s.all); key == "a" && (n != 1 || s.all[0].key != "other") || key == "" && n != 0 {
			t.Errorf("forgetting %q: %d conversations are kept", key, n)
		}
	}
}

// What is to be forgotten is nowhere: not in memory, not in a file, nor written later.
func TestForget(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir, nil, nil)
	ids := []int32{1, 2, 3, 4, 5, 6}
	say := func(key string) int {
		return generate(t, e, request(key, 1, append([]int32{int32(len(key))}, ids...)...)).Usage.ReusedTokens
	}
	say("a")
	say("bb")
	e.Forget("a")
	if n := say("a"); n != 0 {
		t.Errorf("%d tokens of what is forgotten are known", n)
	}
	e.Close()
	if n := len(inDir(t, dir)); n != 2 {
		t.Fatalf("%d files", n)
	}
	e = open(t, dir, nil, nil)
	e.Forget("a") // before anybody asks for it
	if n := len(inDir(t, dir)); n != 1 {
		t.Errorf("%d files behind Forget, want the other's", n)
	}
	if n := say("a"); n != 0 {
		t.Errorf("%d tokens of what is forgotten are known behind a restart", n)
	}
	if n := say("bb"); n != 6 {
		t.Errorf("%d tokens of the other are known, want 6", n)
	}
	e.Forget("")
	if n := len(inDir(t, dir)); n != 0 || e.Stats().Conversations != 0 {
		t.Errorf("%d files and %d conversations when all is forgotten", n, e.Stats().Conversations)
	}
	// what is being said is forgotten at its end
	began := make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		r := request("a", 1, ids...)
		r.MaxTokens = 0
		_, _ = e.Generate(ctx, r, func(string) error { once.Do(func() { close(began) }); return nil })
	})
	<-began
	e.Forget("a")
	cancel()
	wg.Wait()
	say("bb")
	e.Close()
	e.Forget("a") // closed: the file still goes
	if n := len(inDir(t, dir)); n != 1 {
		t.Errorf("%d files in the end, want that of the other conversation", n)
	}
	e.Forget("bb")
	if n := len(inDir(t, dir)); n != 0 {
		t.Error("a closed engine forgets no files")
	}
}
