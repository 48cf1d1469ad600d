package jobs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// keep notes what Redis has of a client's jobs. The function it returns puts that back, as a
// failover does to a replica that had not heard of what came after.
func (w *world) keep(c *Client) (putBack func()) {
	w.t.Helper()
	ctx := w.t.Context()
	of := func() []string {
		list, err := w.rdb.Keys(ctx, "mb:{"+c.id+"}:*").Result()
		if err != nil {
			w.t.Fatal(err)
		}
		return list
	}
	kept := map[string]string{}
	for _, k := range of() {
		v, err := w.rdb.Dump(ctx, k).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			w.t.Fatal(err)
		}
		kept[k] = v
	}
	return func() {
		_, err := w.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
			for _, k := range of() {
				p.Del(ctx, k)
			}
			for k, v := range kept {
				if v != "" {
					p.RestoreReplace(ctx, k, time.Minute, v)
				}
			}
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// A failover loses what a replica had not heard of yet: pieces that the client has heard or
// not, the beginning of an attempt, the end of an answer. Whoever works on then, each word
// comes once and in order.
func TestFailoverLosesTheTail(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin bool // what is lost begins before the attempt
		deaf  bool // the client does not hear what is lost
		end   bool // what is lost goes to the end of the answer
		dies  bool // the worker dies then, and another goes on
		seal  bool // what is said is sealed
	}{
		{name: "heard"},
		{name: "not heard", deaf: true},
		{name: "heard, and the worker dies", dies: true},
		{name: "not heard, and the worker dies", deaf: true, dies: true},
		{name: "sealed, not heard", deaf: true, seal: true},
		{name: "sealed, heard, and the worker dies", dies: true, seal: true},
		{name: "the beginning, heard", begin: true},
		{name: "the beginning, not heard", begin: true, deaf: true},
		{name: "the beginning, and the worker dies", begin: true, dies: true},
		{name: "the end", deaf: true, end: true},
		{name: "all of it", begin: true, deaf: true, end: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			l, k := &line{}, (*session.Keys)(nil)
			if c.seal {
				k = sealKeys(t, "new")
			}
			client := NewClient(w.connect(l), ClientOptions{Lease: lease, Keys: k, Log: w.log})
			t.Cleanup(client.Close)
			t.Cleanup(func() { // or Close would wait for it
				if l.isCut() {
					l.plug()
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			words := 400
			if c.end {
				words = 100
			}
			h, answers, errs := w.ask(ctx, client, prompt("1", "1", fmt.Sprint("count ", words)))
			var putBack func()
			if c.begin {
				w.until("the job is there", func() bool {
					n, err := w.rdb.XLen(ctx, keys.any()).Result()
					return err == nil && n == 1
				})
				putBack = w.keep(client)
			}
			worker := w.worker(&counter{every: 5 * time.Millisecond}, WorkerOptions{Slots: 1, Keys: k})
			spoken := func(n int) func() bool { return func() bool { _, now := h.now(); return now >= n } }
			w.until("it is being answered", spoken(5))
			if c.deaf {
				l.pull()
			}
			if !c.begin {
				putBack = w.keep(client)
			}
			switch {
			case c.end:
				w.until("it is answered", func() bool { return worker.Stats().Done == 1 })
			case c.deaf:
				time.Sleep(300 * time.Millisecond)
			default:
				w.until("more was heard", spoken(15))
			}
			putBack()
			if c.dies {
				worker.kill()
				w.worker(&counter{every: time.Millisecond}, WorkerOptions{Slots: 1, Keys: k})
			}
			if c.deaf {
				l.plug()
			}
			a, err := <-answers, <-errs
			text, _ := h.now()
			if want := counted(words); err != nil || a.Text != want || text != want {
				t.Errorf("error %v; %d bytes answered and %d heard, want %d: %.200q", err, len(a.Text), len(text), len(want), text)
			}
		})
	}
}
