package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/session"
)

// enter puts a job into a stream under an id, and returns what its client knows of it.
func (w *world) enter(c *Client, stream, id string, p chat.Prompt) *asked {
	w.t.Helper()
	a := c.prepare(w.t.Context(), p)
	text, err := a.job.encode(nil)
	if err == nil {
		c.mu.Lock()
		c.asked[a.job.id] = a
		c.mu.Unlock()
		err = putScript.Run(w.t.Context(), w.rdb, []string{keys.job(c.id, a.job.id)}, 0, "", 0, time.Minute.Milliseconds(), "").Err()
	}
	if err == nil {
		err = w.rdb.XAdd(w.t.Context(), &redis.XAddArgs{Stream: stream, ID: id, Values: []any{"job", text}}).Err()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// ended waits for a job's end and returns the event.
func (w *world) ended(a *asked) event {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	for {
		events, err := a.next(ctx)
		if err != nil {
			w.t.Fatalf("no end of the job: %v", err)
		}
		for _, e := range events {
			if e.kind == done || e.kind == failed {
				return e
			}
		}
	}
}

// The settings of all levels together may be more than one level may have; those that no
// worker reads stay here.
func TestSettingsOfAllLevels(t *testing.T) {
	w := newWorld(t)
	c := w.client(ClientOptions{})
	w.worker(&counter{}, WorkerOptions{})
	p := prompt("1", "10", "count 3")
	var words []string
	for i := range 2 * session.MaxWords {
		words = append(words, fmt.Sprint("word", i))
	}
	engine, steering, muted := session.EngineServer, []string{"forbid:2.5"}, []string{"77"}
	p.Settings = session.Settings{WordsOut: &words, AdultWords: &words, Block: &words, Muted: &muted, Engine: &engine, Steering: &steering}
	if a, err := c.Generate(t.Context(), p, (&heard{}).emit); err != nil || a.Text != counted(3) {
		t.Errorf("Generate = %q, %v", a.Text, err)
	}
	s := c.prepare(t.Context(), p).job.prompt.Settings
	if s.WordsOut != nil || s.AdultWords != nil || s.Block != nil || s.Muted != nil || s.Engine == nil || s.Steering == nil || s.Seed == nil {
		t.Errorf("workers are told %+v", s)
	}
	w.clean(c)
}

// Entries of different streams may have the same id.
func TestSameIDInTwoStreams(t *testing.T) {
	w := newWorld(t)
	c := w.client(ClientOptions{})
	worker := w.worker(&counter{every: time.Hour}, WorkerOptions{Slots: 2})
	x := w.enter(c, keys.to(worker.id), "5-1", prompt("1", "10", "count 1"))
	y := w.enter(c, keys.any(), "5-1", prompt("2", "11", "count 1"))
	w.until("both are being answered", func() bool { return worker.Stats().Running == 2 })
	c.drop(y, false)
	w.until("one is stopped", func() bool { return worker.Stats().Running == 1 })
	c.drop(x, false)
	w.clean(c)
}

// What a dead worker was at is found behind the jobs of many that live.
func TestDeadBehindTheLiving(t *testing.T) {
	w := newWorld(t)
	c := w.client(ClientOptions{})
	ctx := t.Context()
	if err := w.rdb.XGroupCreateMkStream(ctx, keys.any(), group, "0").Err(); err != nil {
		t.Fatal(err)
	}
	var last *asked
	for i := range 30 {
		last = w.enter(c, keys.any(), fmt.Sprint("5-", i+1), prompt(fmt.Sprint(i), "10", "count 3"))
	}
	if err := w.rdb.XReadGroup(ctx, &redis.XReadGroupArgs{Group: group, Consumer: "living", Streams: []string{keys.any(), ">"}, Count: 30}).Err(); err != nil {
		t.Fatal(err)
	}
	if err := w.rdb.Do(ctx, "XCLAIM", keys.any(), group, "dead", 0, "5-30", "IDLE", (10 * time.Minute).Milliseconds()).Err(); err != nil {
		t.Fatal(err)
	}
	worker := NewWorker(w.rdb, &counter{}, WorkerOptions{Lease: 5 * time.Minute, Log: w.log}) // which the living have
	defer worker.Close(ctx)
	if e := w.ended(last); e.kind != done {
		t.Errorf("it ends with %s: %s", e.kind, e.data)
	}
}

// A worker with one slot reads two streams: what there is no slot for goes back at once,
// and the worker can be stopped.
func TestNoSlotForTheSecond(t *testing.T) {
	w := newWorld(t)
	c := w.client(ClientOptions{})
	worker := w.worker(&counter{every: 20 * time.Second}, WorkerOptions{Slots: 1})
	first := w.enter(c, keys.any(), "*", prompt("1", "10", "count 9"))
	w.until("it is busy", func() bool { return worker.Stats().Running == 1 })
	second := w.enter(c, keys.to(worker.id), "*", prompt("2", "11", "count 9"))
	third := w.enter(c, keys.any(), "*", prompt("3", "12", "count 9"))
	c.drop(first, false)
	w.until("the next is being answered, and the one behind it waits for anybody", func() bool {
		own, err1 := w.rdb.XPending(t.Context(), keys.to(worker.id), group).Result()
		others, err2 := w.rdb.XPending(t.Context(), keys.any(), group).Result()
		waiting, err3 := w.rdb.XLen(t.Context(), keys.any()).Result()
		return errors.Join(err1, err2, err3) == nil && own.Count == 1 && others.Count == 0 && waiting == 1
	})
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		worker.Close(ctx)
	}()
	select {
	case <-closed:
	case <-time.After(30 * time.Second):
		t.Fatal("Close hangs")
	}
	w.worker(&counter{}, WorkerOptions{})
	for _, a := range []*asked{second, third} {
		if e := w.ended(a); e.kind != done {
			t.Errorf("a job ends with %s: %s", e.kind, e.data)
		}
		c.drop(a, true)
	}
	w.clean(c)
}

// A job that is put again while a worker is at it is answered once, and none of its
// attempts comes twice.
func TestPutAgain(t *testing.T) {
	w := newWorld(t)
	c := w.client(ClientOptions{})
	ctx := t.Context()
	a := c.prepare(ctx, prompt("1", "10", "count 3"))
	text, err := a.job.encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{keys.job(c.id, a.job.id), keys.out(c.id)}
	begin := func(token, verdict string, attempt int64) {
		t.Helper()
		entry := a.entry
		res, err := beginScript.Run(ctx, w.rdb, names, a.job.id, entry, token, "w", tries, maxDeaths, outTTL.Milliseconds(), 0).Slice()
		if err != nil || res[0] != verdict || verdict == "go" && res[1] != attempt {
			t.Errorf("begin %s: %v, %v; want %s, attempt %d", token, res, err, verdict, attempt)
		}
	}
	put := func() {
		t.Helper()
		if err := c.put(ctx, a, text); err != nil {
			t.Fatal(err)
		}
	}
	put()
	begin("t1", "go", 1)
	put() // the reply to the first was lost
	begin("t2", "gone", 0)
	if n, err := sayScript.Run(ctx, w.rdb, names, a.job.id, 1, 1, failed, whyVersion, 0, outTTL.Milliseconds(), "", 0, "t1").Int(); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	put() // for a worker that reads it; nothing was heard of the first attempt yet
	begin("t3", "go", 2)
	if n, err := sayScript.Run(ctx, w.rdb, names, a.job.id, 1, 2, piece, "x", 1, outTTL.Milliseconds(), "", 0, "t1").Int(); n != 0 || err != nil {
		t.Errorf("the first attempt says more: %d, %v; want 0", n, err)
	}
}

// traceful is a Generator whose traces are too long.
type traceful struct{}

func (traceful) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	tokens := []chat.TraceToken{{Text: strings.Repeat("a", maxTrace)}}
	return chat.Answer{Text: " yes", Stop: "end", Trace: chat.Trace{Tokens: tokens}}, emit(" yes")
}

// An answer is whole without its trace.
func TestTraceTooLong(t *testing.T) {
	w := newWorld(t)
	c := w.client(ClientOptions{})
	w.worker(traceful{}, WorkerOptions{})
	if a, err := c.Generate(t.Context(), prompt("1", "10", "?"), (&heard{}).emit); err != nil || a.Text != " yes" || len(a.Trace.Tokens) != 0 {
		t.Errorf("Generate = %q with %d tokens traced, %v", a.Text, len(a.Trace.Tokens), err)
	}
	w.clean(c)
	a := w.enter(c, "elsewhere", "*", prompt("1", "11", "?")) // and where the trace is broken
	done := make(chan error, 1)
	go func() {
		answer, err := c.follow(t.Context(), a, func() {}, (&heard{}).emit, time.Now())
		if err == nil && answer.Text != "whole" {
			err = fmt.Errorf("the answer is %q", answer.Text)
		}
		done <- err
	}()
	a.hear(event{attempt: 9, n: 1, kind: "done", data: `{"text":"whole"}`, trace: "broken"})
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The stream of a worker that is gone is not made again by who looks for its jobs; one that
// it left with jobs, and never read, is read.
func TestStreamsOfTheGone(t *testing.T) {
	w := newWorld(t)
	c := w.client(ClientOptions{})
	ctx := t.Context()
	left := w.enter(c, keys.to("left"), "*", prompt("1", "10", "count 3"))
	if err := w.rdb.SAdd(ctx, keys.workers(), "left").Err(); err != nil {
		t.Fatal(err)
	}
	worker := w.worker(&counter{}, WorkerOptions{})
	if e := w.ended(left); e.kind != done {
		t.Errorf("what was left ends with %s: %s", e.kind, e.data)
	}
	if got, err := worker.read(-1, keys.to("gone")); len(got) > 0 || err != nil {
		t.Errorf("read = %v, %v", got, err)
	}
	if n, err := w.rdb.Exists(ctx, keys.to("gone")).Result(); n != 0 || err != nil {
		t.Errorf("%d streams of the gone worker, %v", n, err)
	}
	c.drop(left, true)
	w.clean(c)
}
