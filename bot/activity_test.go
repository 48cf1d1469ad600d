package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"moebot/bot/discord"
	"moebot/session"
	"moebot/session/redisstore"
	"moebot/session/sessiontest"
)

// What happened is stored once, though replies of Redis are lost, and what happened
// meanwhile after it.
func TestActivityIsStoredOnce(t *testing.T) {
	p := sessiontest.StartProxy(t, miniredis.RunT(t).Addr())
	store, err := redisstore.New(redis.NewClient(&redis.Options{Addr: p.Addr, MaxRetries: -1, ContextTimeoutEnabled: true}), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	a := newActivity(nil, func(string) string { return "7" })
	asked := func() {
		a.note("c", func(s *session.Activity) { s.Add(discord.CountMessages, 1) })
	}
	stored := func(place string) (n int64) {
		t.Helper()
		list, err := store.Activity(t.Context(), place, time.Now(), 2) // the hour may end
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range list {
			n += h.Counts[discord.CountMessages]
		}
		return n
	}
	asked()
	if err := a.flush(t.Context(), store); err != nil || stored(everywhere) != 1 {
		t.Fatalf("%d messages stored, %v", stored(everywhere), err)
	}
	for range 3 {
		asked()
		p.Lose.Store(true)
		if err := a.flush(t.Context(), store); !errors.Is(err, session.ErrUnavailable) {
			t.Fatalf("stored without a reply: %v", err)
		}
		p.Lose.Store(false)
	}
	asked()
	for range 2 { // and nothing the second time
		if err := a.flush(t.Context(), store); err != nil || stored(everywhere) != 5 || stored("7") != 5 {
			t.Errorf("%d messages stored of 5, %d of the server's, %v", stored(everywhere), stored("7"), err)
		}
	}
	if s := a.sum("7"); s.Counts[discord.CountMessages] != 5 {
		t.Errorf("%d since the start", s.Counts[discord.CountMessages])
	}

	// Where a place is still in a batch, the others of its hour go on.
	a.sending = []*sums{{session.Batch{Writer: a.batch.Writer, N: 1}, 5, map[string]session.Activity{"7": {}}}}
	a.open[5] = map[string]session.Activity{"7": {}, everywhere: {}}
	a.seal()
	if _, waits := a.open[5]["7"]; len(a.sending) != 2 || len(a.sending[1].places) != 1 || !waits {
		t.Errorf("%d batches, open %v", len(a.sending), a.open)
	}
	// Hours given up for want of room are not sent.
	for h := range int64(activityKept + 3) {
		a.open[h] = map[string]session.Activity{everywhere: {Counts: map[string]int64{"x": 1}}}
	}
	a.seal()
	hours := map[int64]bool{}
	for _, s := range a.sending {
		hours[s.hour] = true
	}
	if len(hours) != activityKept || hours[0] || !hours[activityKept+2] {
		t.Errorf("hours %v wait", hours)
	}
	// Who has no time does not wait for who flushes.
	a.flushing <- struct{}{}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := a.flush(short, store); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush beside another: %v", err)
	}
}

// What goes on happening is for the next time.
func TestFlushEnds(t *testing.T) {
	p := sessiontest.StartProxy(t, miniredis.RunT(t).Addr())
	store, err := redisstore.New(redis.NewClient(&redis.Options{Addr: p.Addr, ContextTimeoutEnabled: true}), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	a := newActivity(nil, func(string) string { return "" })
	note := func() { a.note("c", func(s *session.Activity) { s.Add(discord.CountMessages, 1) }) }
	note()
	p.Delay.Store(int64(30 * time.Millisecond))
	end := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		for {
			select {
			case <-end:
				return
			case <-time.After(5 * time.Millisecond):
				note()
			}
		}
	})
	if err := a.flush(t.Context(), store); err != nil || a.batch.N > 2 {
		t.Errorf("%d batches, %v", a.batch.N, err)
	}
	close(end)
	busy.Wait()
}
