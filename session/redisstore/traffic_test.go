package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"moebot/session"
	"moebot/session/redisstore"
)

// traffic does to a store what a bot does: workers accept questions and finish them,
// each in its own channel, and try again until the store gives an answer.
type traffic struct {
	t       *testing.T
	s       *redisstore.Store
	workers int
	stop    chan struct{}
	wg      sync.WaitGroup

	good, failed atomic.Int64 // pairs of calls that went well, single calls that did not

	mu    sync.Mutex
	acked map[string]session.Key // turn id → channel
	last  map[session.Key]time.Time
	gap   time.Duration // the longest time between two acknowledgements in a channel
	odd   int           // questions refused as known, or not open when they were finished
}

// tally is what became of the turns that a store acknowledged.
type tally struct {
	acked   int // turns
	lost    int // of them not there
	doubled int // there twice
	odd     int // calls that were told that a turn was known already, or gone
	pending int // questions left open
	failed  int64
	gap     time.Duration
}

func (c tally) String() string {
	return fmt.Sprintf("%d turns acknowledged, %d lost, %d doubled, %d calls failed meanwhile, none acknowledged in a channel for %v at the longest",
		c.acked, c.lost, c.doubled, c.failed, c.gap.Round(time.Millisecond))
}

// maxTraffic is how many turns a session of traffic may get.
const maxTraffic = 10000

func startTraffic(t *testing.T, s *redisstore.Store, workers int) *traffic {
	f := &traffic{t: t, s: s, workers: workers, stop: make(chan struct{}), acked: map[string]session.Key{}, last: map[session.Key]time.Time{}}
	for w := range workers {
		f.wg.Go(func() {
			for i := 0; i < maxTraffic/2; i++ {
				select {
				case <-f.stop:
					return
				default:
					f.one(session.Key{Channel: strconv.Itoa(w)}, fmt.Sprintf("%d-%d", w, i))
				}
			}
		})
	}
	return f
}

// one asks and answers one question.
func (f *traffic) one(k session.Key, id string) {
	f.until("Accept", func(ctx context.Context) (ok bool, err error) {
		_, ok, err = f.s.Accept(ctx, k, question(id))
		return ok, err
	})
	f.note(id, k)
	f.until("Finish", func(ctx context.Context) (bool, error) { return f.s.Finish(ctx, k, id, answer(id)) })
	f.note("a"+id, k)
	f.good.Add(1)
}

// until calls the store until it does not fail.
func (f *traffic) until(what string, call func(context.Context) (bool, error)) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		ok, err := call(ctx)
		cancel()
		if err == nil {
			if !ok {
				f.mu.Lock()
				f.odd++
				f.mu.Unlock()
			}
			return
		}
		f.failed.Add(1)
		if !errors.Is(err, session.ErrUnavailable) {
			f.t.Errorf("%s while Redis is away = %v; want ErrUnavailable", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// note keeps what was acknowledged.
func (f *traffic) note(turnID string, k session.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acked[turnID] = k
	now := time.Now()
	if last, ok := f.last[k]; ok {
		f.gap = max(f.gap, now.Sub(last))
	}
	f.last[k] = now
}

// flows waits until n more questions are asked and answered.
func (f *traffic) flows(n int64) {
	f.t.Helper()
	before := f.good.Load()
	for end := time.Now().Add(60 * time.Second); f.good.Load() < before+n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			f.t.Fatalf("no calls succeed within a minute; %d failed", f.failed.Load())
		}
	}
}

// end stops the workers and compares what was acknowledged with what is there.
func (f *traffic) end() tally {
	f.t.Helper()
	close(f.stop)
	f.wg.Wait()
	return f.compare()
}

// compare looks for what was acknowledged; the workers have stopped.
func (f *traffic) compare() tally {
	f.t.Helper()
	c := tally{acked: len(f.acked), odd: f.odd, failed: f.failed.Load(), gap: f.gap}
	have := map[string]int{}
	for w := range f.workers {
		sess, err := f.s.Load(f.t.Context(), session.Key{Channel: strconv.Itoa(w)})
		if err != nil && !errors.Is(err, session.ErrNotFound) {
			f.t.Fatal(err)
		}
		for _, turn := range sess.Turns {
			have[turn.ID]++
		}
	}
	for id := range f.acked {
		switch have[id] {
		case 0:
			c.lost++
		case 1:
		default:
			c.doubled++
		}
	}
	p, err := f.s.Pending(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	c.pending = len(p)
	return c
}
