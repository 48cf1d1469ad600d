package redisstore_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.uber.org/goleak"

	"moebot/session"
	"moebot/session/redisstore"
	"moebot/session/sessiontest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(patient{m}) }

// patient gives go-redis time to end: a pool that cannot dial looks once a second
// whether it was closed.
type patient struct{ m *testing.M }

func (p patient) Run() int {
	code := p.m.Run()
	time.Sleep(1200 * time.Millisecond)
	return code
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// open opens a store that ends with the test.
func open(t testing.TB, url string, l sessiontest.Limits) *redisstore.Store {
	t.Helper()
	return openSealed(t, url, l, nil)
}

// openSealed opens a store that seals what it keeps.
func openSealed(t testing.TB, url string, l sessiontest.Limits, keys *session.Keys) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(t.Context(), redisstore.Options{
		URL: url, MaxTurns: l.MaxTurns, TTL: l.TTL, PendingTTL: l.PendingTTL, SeenIDs: l.SeenIDs, Prefix: l.Prefix, Keys: keys,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// startMini starts a miniredis whose times to live run down.
func startMini(t testing.TB) string {
	m := miniredis.NewMiniRedis()
	if err := m.StartAddr("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				m.FastForward(100 * time.Millisecond)
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done; m.Close() })
	return "redis://" + m.Addr()
}

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		start      func(testing.TB) string
		keys       string // ids of those that seal
	}{
		{"miniredis", "redis", startMini, ""},
		{"redis", "redis", func(t testing.TB) string { return sessiontest.StartRedis(t).URL() }, ""},
		{"redis, sealed", "redis", func(t testing.TB) string { return sessiontest.StartRedis(t).URL() }, "a"},
		{"miniredis, sealed", "redis", startMini, "b a"},
		{"redis RESP2", "redis", func(t testing.TB) string { return sessiontest.StartRedis(t).URL() + "?protocol=2" }, ""},
		{"sentinel", "redis sentinel", func(t testing.TB) string { return sessiontest.StartSentinel(t, 2, 10*time.Second).URL() }, ""},
		{"cluster", "redis cluster", func(t testing.TB) string { return sessiontest.ClusterURL(sessiontest.StartCluster(t, 1)) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := c.start(t) // ends after the parallel tests
			sessiontest.Run(t, func(t testing.TB, l sessiontest.Limits) sessiontest.Store {
				s := openSealed(t, url, l, keys(t, strings.Fields(c.keys)...))
				if s.Kind() != c.kind {
					t.Errorf("Kind = %q, want %q", s.Kind(), c.kind)
				}
				return s
			})
		})
	}
}
