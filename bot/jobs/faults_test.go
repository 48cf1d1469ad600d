package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"moebot/bot/chat"
)

// A worker dies in mid-sentence: another goes on with the next word. What waited in
// its own stream is done too, and nothing is left of it.
func TestWorkerDies(t *testing.T) {
	w := newWorld(t)
	c := w.client(ClientOptions{})
	first := &counter{every: 5 * time.Millisecond}
	dying := w.worker(first, WorkerOptions{Slots: 2})
	w.until("one is known", func() bool { return c.Stats().Workers == 1 })
	p := prompt("1", "10", "count 600")
	max := 550
	p.Settings.MaxTokens = &max
	h, answers, errs := w.ask(t.Context(), c, p)
	w.until("it speaks", func() bool { _, n := h.now(); return n > 5 })
	var waiting []<-chan error
	for i := range 5 {
		_, _, e := w.ask(t.Context(), c, prompt(fmt.Sprint("w", i), "1", "count 100"))
		waiting = append(waiting, e)
	}
	time.Sleep(50 * time.Millisecond)
	dying.kill()
	said, _ := h.now()
	second := &counter{every: time.Millisecond}
	alive := w.worker(second, WorkerOptions{Slots: 4})
	a, err := <-answers, <-errs
	text, _ := h.now()
	if err != nil || text != counted(550) || a.Text != text || a.Stop != "length" || a.Usage.DecodedTokens != 550 {
		t.Errorf("after its death (having said %d bytes): %v, %d tokens, stop %s, said %d of %d bytes", len(said), err, a.Usage.DecodedTokens, a.Stop, len(text), len(counted(550)))
	}
	for _, e := range waiting {
		if err := <-e; err != nil {
			t.Errorf("a job that waited: %v", err)
		}
	}
	if n := c.Stats().Again; n < 1 {
		t.Errorf("%d jobs were begun again", n)
	}
	w.clean(c)
	w.until("the dead worker is forgotten", func() bool {
		ids, err := w.rdb.SMembers(t.Context(), keys.workers()).Result()
		return err == nil && len(ids) == 1 && ids[0] == alive.id
	})
}

// A worker that was cut off for longer than its lease says nothing more once the line
// is whole again: another has gone on.
func TestWorkerTakenForDead(t *testing.T) {
	w := newWorld(t)
	c := w.client(ClientOptions{})
	l := &line{}
	cut := w.workerOn(w.connect(l), &counter{every: 2 * time.Millisecond}, WorkerOptions{})
	w.until("it is known", func() bool { return c.Stats().Workers == 1 })
	h, answers, errs := w.ask(t.Context(), c, prompt("1", "10", "count 2000"))
	w.until("it speaks", func() bool { _, n := h.now(); return n > 5 })
	l.pull()
	w.worker(&counter{every: time.Millisecond}, WorkerOptions{})
	w.until("the other goes on", func() bool { return c.Stats().Again > 0 })
	l.plug()
	w.until("the first has let it go", func() bool { return cut.Stats().Running == 0 })
	a, err := <-answers, <-errs
	if text, _ := h.now(); err != nil || text != counted(2000) || a.Text != text {
		t.Errorf("%v; said %d bytes and %d, want %d", err, len(text), len(a.Text), len(counted(2000)))
	}
	w.clean(c)
}

// A job that three workers die of is given up, with an error to who asked and a note
// without a word; jobs beside it are done. The first that dies does not count: it might
// be another job's doing.
func TestPoison(t *testing.T) {
	w := newWorld(t)
	c := w.client(ClientOptions{})
	var mu sync.Mutex
	deaths := 0
	raise := func() {
		g := &counter{every: 2 * time.Millisecond}
		var me *Worker
		g.die = func() {
			mu.Lock()
			deaths++
			mu.Unlock()
			me.kill()
		}
		mu.Lock()
		me = w.worker(g, WorkerOptions{})
		mu.Unlock()
	}
	raise()
	var beside []<-chan error
	var said []*heard
	for i := range 5 {
		h, _, errs := w.ask(t.Context(), c, prompt(fmt.Sprint("b", i), "1", "count 300"))
		beside, said = append(beside, errs), append(said, h)
	}
	w.until("they are being answered", func() bool { _, n := said[4].now(); return n > 0 })
	_, answers, poisoned := w.ask(t.Context(), c, prompt("1", "66", "die"))
	died := func(n int) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return deaths == n }
	}
	w.until("one dies of it", died(1))
	raise()
	w.until("the next dies of it", died(2))
	raise()
	w.until("one more dies of it", died(3))
	raise()
	w.until("and one more", died(4))
	raise()
	if err := <-poisoned; !errors.Is(err, ErrPoison) {
		t.Errorf("the job ends with %v", err)
	}
	if a := <-answers; a.Text != "" {
		t.Errorf("it said %q", a.Text)
	}
	for i, errs := range beside {
		if err := <-errs; err != nil {
			t.Errorf("job %d beside it: %v", i, err)
		}
		if text, _ := said[i].now(); text != counted(300) {
			t.Errorf("job %d beside it said %d bytes, want %d", i, len(text), len(counted(300)))
		}
	}
	w.until("it is noted", func() bool {
		dead, err := w.rdb.XRange(t.Context(), keys.dead(), "-", "+").Result()
		return err == nil && len(dead) == 1 && dead[0].Values["question"] == "66" && dead[0].Values["turns"] == "1"
	})
	// alone it is to blame from the first
	_, _, poisoned = w.ask(t.Context(), c, prompt("1", "67", "die"))
	for n := 5; n <= 7; n++ {
		w.until("a worker dies of the next", died(n))
		raise()
	}
	if err := <-poisoned; !errors.Is(err, ErrPoison) {
		t.Errorf("the job ends with %v", err)
	}
	w.clean(c)
}

// A worker that is stopped finishes what it can and hands over the rest in
// mid-sentence; it takes nothing new meanwhile.
func TestDrain(t *testing.T) {
	w := newWorld(t)
	c := w.client(ClientOptions{})
	old := w.worker(&counter{every: 2 * time.Millisecond}, WorkerOptions{})
	w.until("it is known", func() bool { return c.Stats().Workers == 1 })
	short, _, shortErr := w.ask(t.Context(), c, prompt("1", "1", "count 100"))
	long, answers, longErr := w.ask(t.Context(), c, prompt("2", "1", "count 5000"))
	w.until("both are at it", func() bool { _, n := short.now(); _, m := long.now(); return n > 0 && m > 0 })
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		old.Close(ctx)
	}()
	w.until("it takes no more", func() bool { return !old.Ready() })
	_, _, nextErr := w.ask(t.Context(), c, prompt("3", "1", "count 3"))
	<-closed
	if n := old.Stats().Moved; n != 1 {
		t.Errorf("%d jobs were handed over", n)
	}
	w.worker(&counter{}, WorkerOptions{})
	for _, errs := range []<-chan error{shortErr, longErr, nextErr} {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if a := <-answers; a.Text != counted(5000) {
		t.Errorf("the answer handed over has %d bytes, want %d", len(a.Text), len(counted(5000)))
	}
	if text, _ := long.now(); text != counted(5000) {
		t.Errorf("of the answer handed over %d bytes were said, want %d", len(text), len(counted(5000)))
	}
	w.clean(c)
}

// Redis dies in mid-answer and comes back with what it has written down, or with
// nothing at all: the answer is whole all the same.
func TestRedisDies(t *testing.T) {
	for name, empty := range map[string]bool{"and comes back": false, "and forgets all": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.client(ClientOptions{})
			w.worker(&counter{every: 2 * time.Millisecond}, WorkerOptions{})
			var all []<-chan error
			var said []*heard
			for i := range 12 { // more than are answered at a time
				h, _, errs := w.ask(t.Context(), c, prompt(fmt.Sprint(i), "1", "count 800"))
				all, said = append(all, errs), append(said, h)
			}
			w.until("it speaks", func() bool { _, n := said[0].now(); return n > 3 })
			if empty {
				if err := w.rdb.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
			}
			w.redis.Kill()
			time.Sleep(300 * time.Millisecond)
			w.redis.Start()
			for i, errs := range all {
				if err := <-errs; err != nil {
					t.Errorf("job %d: %v", i, err)
				}
				if text, _ := said[i].now(); text != counted(800) {
					t.Errorf("job %d said %d bytes, want %d", i, len(text), len(counted(800)))
				}
			}
			t.Logf("%d begun again, %d put again", c.Stats().Again, c.Stats().Lost)
			w.clean(c)
		})
	}
}

// Whoever asked has died: its jobs are dropped when their time is over, at the latest,
// and its events expire.
func TestClientDies(t *testing.T) {
	w := newWorld(t)
	rdb := w.connect(nil)
	c := NewClient(rdb, ClientOptions{Lease: lease, Log: w.log})
	worker := w.worker(&counter{every: time.Millisecond}, WorkerOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	h, _, errs := w.ask(ctx, c, prompt("1", "1", "count 100000"))
	w.until("it speaks", func() bool { _, n := h.now(); return n > 3 })
	key := keys.job(c.id, onlyJob(c))
	if ttl, err := w.rdb.PTTL(t.Context(), key).Result(); err != nil || ttl <= 0 || ttl > time.Minute+spare {
		t.Errorf("a job is kept for %v (%v)", ttl, err)
	}
	if ttl, err := w.rdb.PTTL(t.Context(), keys.out(c.id)).Result(); err != nil || ttl <= 0 || ttl > outTTL {
		t.Errorf("events are kept for %v (%v)", ttl, err)
	}
	rdb.Close() // it is gone; and its job expires
	if err := w.rdb.Del(t.Context(), key).Err(); err != nil {
		t.Fatal(err)
	}
	w.until("the worker is free", func() bool { return worker.Stats().Running == 0 })
	cancel()
	<-errs
	c.Close()
}

func onlyJob(c *Client) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.asked {
		return id
	}
	return ""
}

var _ chat.Generator = (*counter)(nil)
