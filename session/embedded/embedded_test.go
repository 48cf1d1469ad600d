package embedded_test

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"moebot/session/embedded"
	"moebot/session/redisstore"
	"moebot/session/sessiontest"
)

func TestMain(m *testing.M) {
	if dir := childDir(); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// quiet discards the log.
var quiet = slog.New(slog.DiscardHandler)

// open opens a server and a store on it. close ends both; it is called at the
// end of the test in any case.
func open(t testing.TB, o embedded.Options, so redisstore.Options) (store *redisstore.Store, close func()) {
	t.Helper()
	if o.Log == nil {
		o.Log = quiet
	}
	srv, err := embedded.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	so.Kind, so.Log = "embedded", quiet
	store, err = redisstore.New(srv.Client(), so)
	if err != nil {
		t.Fatal(err)
	}
	close = func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(close)
	return store, close
}

func TestConformance(t *testing.T) {
	sessiontest.Run(t, func(t testing.TB, l sessiontest.Limits) sessiontest.Store {
		s, _ := open(t, embedded.Options{Dir: t.TempDir()},
			redisstore.Options{MaxTurns: l.MaxTurns, TTL: l.TTL, PendingTTL: l.PendingTTL, SeenIDs: l.SeenIDs, Prefix: l.Prefix})
		return s
	})
}

// TestConformanceReopened closes and opens the store before every single call:
// what it does must not depend on what is in memory.
func TestConformanceReopened(t *testing.T) {
	sessiontest.Run(t, func(t testing.TB, l sessiontest.Limits) sessiontest.Store {
		return &reopening{t: t, o: embedded.Options{Dir: t.TempDir(), Log: quiet}, so: redisstore.Options{
			MaxTurns: l.MaxTurns, TTL: l.TTL, PendingTTL: l.PendingTTL, SeenIDs: l.SeenIDs, Prefix: l.Prefix, Kind: "embedded"}}
	})
}
