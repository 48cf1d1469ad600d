package main

import (
	"errors"
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

	// An hour given up for want of room is not sent.
	for h := range int64(activityKept + 3) {
		a.open[h] = map[string]session.Activity{everywhere: {Counts: map[string]int64{"x": 1}}}
	}
	a.seal()
	if len(a.sending) != activityKept || a.sending[0] != nil || a.sending[activityKept+2] == nil {
		t.Errorf("%d hours wait", len(a.sending))
	}
}
