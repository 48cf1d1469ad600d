package jobs

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moebot/session"
)

// sealKeys are keys of these names, the same for the same name.
func sealKeys(t *testing.T, names ...string) *session.Keys {
	t.Helper()
	var list []string
	for _, name := range names {
		list = append(list, name+":"+base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("%32s", name))))
	}
	k, err := session.ParseKeys(strings.Join(list, ","))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// written is all that the Redis was ever told to keep, and what it keeps now.
func (w *world) written() string {
	w.t.Helper()
	var b strings.Builder
	files, err := filepath.Glob(filepath.Join(w.redis.Dir(), "appendonlydir", "*"))
	if err != nil || len(files) == 0 {
		w.t.Fatal(files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			w.t.Fatal(err)
		}
		b.Write(text)
	}
	ctx := w.t.Context()
	for _, key := range w.rdb.Keys(ctx, "*").Val() {
		fmt.Fprintln(&b, key, w.rdb.Get(ctx, key).Val(), w.rdb.HGetAll(ctx, key).Val(), w.rdb.SMembers(ctx, key).Val(), w.rdb.XRange(ctx, key, "-", "+").Val())
	}
	return b.String()
}

// With keys not a word of a question or of an answer can be read in Redis, at no time,
// though a worker dies in mid-sentence and another goes on with it.
func TestSealedJobs(t *testing.T) {
	w := newWorld(t)
	k := sealKeys(t, "new", "old")
	c := w.client(ClientOptions{Keys: k})
	dying := w.worker(&counter{every: 5 * time.Millisecond}, WorkerOptions{Keys: k})
	w.until("one is known", func() bool { return c.Stats().Workers == 1 })
	p := prompt("4711", "10", "count 300")
	p.Turns = append([]session.Turn{{ID: "9", Role: session.RoleUser, AuthorID: "515051505150", Author: "Shibboleth", Text: "a secret question", Time: p.Turns[0].Time}}, p.Turns...)
	persona := "a secret persona"
	p.Settings.Persona = &persona
	h, answers, errs := w.ask(t.Context(), c, p)
	w.until("it speaks", func() bool { _, n := h.now(); return n > 5 })
	now := w.written()
	dying.kill()
	w.worker(&counter{every: time.Millisecond}, WorkerOptions{Keys: sealKeys(t, "old", "new")}) // the order says only which key seals
	a, err := <-answers, <-errs
	if text, _ := h.now(); err != nil || text != counted(300) || a.Text != text || len(a.Trace.Tokens) == 0 {
		t.Errorf("%v, said %d bytes and %d, want %d; %d tokens traced", err, len(text), len(a.Text), len(counted(300)), len(a.Trace.Tokens))
	}
	if c.Stats().Again == 0 {
		t.Error("no other worker went on with it")
	}
	all := now + w.written()
	for _, word := range []string{"secret", "Shibboleth", "515051505150", "count 300", " 7 8 9", " 298 299", `"stop"`} {
		if at := strings.Index(all, word); at >= 0 {
			t.Errorf("%q can be read: %q", word, all[max(0, at-200):min(len(all), at+100)])
		}
	}
	for _, there := range []string{"4711", "2:new.", "2:old."} {
		if !strings.Contains(all, there) {
			t.Errorf("%q is not in what was written", there)
		}
	}
	w.clean(c)
}

// What a worker has no key for it refuses, and who asked is told; clients without keys
// are served beside those with them.
func TestSealedJobsWithoutTheKey(t *testing.T) {
	w := newWorld(t)
	with, without := w.client(ClientOptions{Keys: sealKeys(t, "a")}), w.client(ClientOptions{})
	worker := w.worker(&counter{}, WorkerOptions{Keys: sealKeys(t, "b")})
	if _, err := with.Generate(t.Context(), prompt("1", "1", "count 3"), (&heard{}).emit); !errors.Is(err, ErrFailed) {
		t.Errorf("a worker with another key: %v, want ErrFailed", err)
	}
	if a, err := without.Generate(t.Context(), prompt("1", "2", "count 3"), (&heard{}).emit); err != nil || a.Text != counted(3) {
		t.Errorf("a client without keys: %q, %v", a.Text, err)
	}
	w.until("the worker counts the job", func() bool { return worker.Stats().Done > 0 }) // after its client has heard all
	w.clean(with)
	w.clean(without)
	if n := worker.Stats().Done; n != 1 {
		t.Errorf("%d jobs done, want 1", n)
	}
}

// All of a sealed job arrives; what is sealed of one job is no other's.
func TestSealedEncoding(t *testing.T) {
	k := sealKeys(t, "a")
	j := job{id: "x", client: "gw", timeout: time.Second, sealed: true, prompt: prompt("1", "2", "hi")}
	j.prompt.Begin = "2: begin"
	text, err := j.encode(k)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(text, k)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(j, got, cmp.AllowUnexported(job{})); diff != "" {
		t.Errorf("a job (-want +got):\n%s", diff)
	}
	if got, err := decode(text, nil); !session.IsKeyError(err) || got.id != "x" || got.client != "gw" {
		t.Errorf("without keys: %q of %q, %v; want the ids and a KeyError", got.id, got.client, err)
	}
	if _, err := decode(strings.Replace(text, `"x"`, `"y"`, 1), k); !session.IsKeyError(err) {
		t.Errorf("as another job's: %v, want a KeyError", err)
	}
	pieces := ""
	for _, s := range []string{"", "2:a", "\xff\x00", strings.Repeat("long ", 1000)} {
		data, _ := j.seal(k, piece, s, "")
		pieces += data
	}
	if got, err := openPieces(k, "x", pieces); err != nil || got != "2:a\xff\x00"+strings.Repeat("long ", 1000) {
		t.Errorf("pieces: %.40q, %v", got, err)
	}
	for _, bad := range []string{pieces[1:], pieces[:len(pieces)-1], "x", "-1:", "99999999999999999999999:", ":"} {
		if got, err := openPieces(k, "x", bad); err == nil {
			t.Errorf("%.20q is read as %.20q", bad, got)
		}
	}
	data, trace := j.seal(k, done, "{}", "z")
	if e, err := j.open(k, event{kind: done, data: data, trace: trace}); err != nil || e.data != "{}" || e.trace != "z" {
		t.Errorf("an end: %+v, %v", e, err)
	}
	if e, err := j.open(k, event{kind: done, data: trace, trace: data}); err == nil || e.kind != failed {
		t.Errorf("an end whose parts were exchanged: %+v, %v", e, err)
	}
}
