package embedded_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"moebot/session"
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
	so.Kind, so.Log, so.Erase = "embedded", quiet, srv.Erase
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

// TestConformanceReopened closes and opens the store again and again: what it
// does must not depend on what is in memory.
func TestConformanceReopened(t *testing.T) {
	sessiontest.Run(t, func(t testing.TB, l sessiontest.Limits) sessiontest.Store {
		r := &reopening{t: t, o: embedded.Options{Dir: t.TempDir(), Log: quiet}, so: redisstore.Options{
			MaxTurns: l.MaxTurns, TTL: l.TTL, PendingTTL: l.PendingTTL, SeenIDs: l.SeenIDs, Prefix: l.Prefix, Kind: "embedded", Owner: "test"}}
		t.Cleanup(r.close)
		return r
	})
}

func TestInUse(t *testing.T) {
	o := embedded.Options{Dir: t.TempDir(), Log: quiet}
	_, closeStore := open(t, o, redisstore.Options{})
	if _, err := embedded.Open(t.Context(), o); !errors.Is(err, embedded.ErrInUse) || !strings.Contains(err.Error(), o.Dir) {
		t.Errorf("Open of an open directory = %v; want ErrInUse naming it", err)
	}
	closeStore()
	open(t, o, redisstore.Options{})
}

func TestClosed(t *testing.T) {
	store, closeStore := open(t, embedded.Options{Dir: t.TempDir()}, redisstore.Options{})
	closeStore()
	closeStore()
	k := session.Key{Channel: "1"}
	if _, _, err := store.Accept(t.Context(), k, turn("1", session.RoleUser)); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Accept after Close = %v; want ErrUnavailable", err)
	}
	if _, err := store.Load(t.Context(), k); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Load after Close = %v; want ErrUnavailable", err)
	}
}

func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"no directory": "", "a file": file, "below a file": filepath.Join(file, "x")} {
		if _, err := embedded.Open(t.Context(), embedded.Options{Dir: dir}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestRefused checks that what the journal cannot repeat is not carried out.
func TestRefused(t *testing.T) {
	srv, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir(), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	c, ctx := srv.Client(), t.Context()
	_, txErr := c.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Set(ctx, "k", "v", 0); return nil })
	_, pipeErr := c.Pipelined(ctx, func(p redis.Pipeliner) error { p.Set(ctx, "k", "v", 0); p.SPop(ctx, "s"); return nil })
	for name, err := range map[string]error{
		"SPOP": c.SPop(ctx, "s").Err(), "FLUSHALL": c.FlushAll(ctx).Err(), "XADD": c.XAdd(ctx, &redis.XAddArgs{Stream: "s", Values: []any{"a", "b"}}).Err(),
		"transaction": txErr, "pipeline": pipeErr,
	} {
		if err == nil || !strings.Contains(err.Error(), "cannot be journaled") {
			t.Errorf("%s = %v; want a refusal", name, err)
		}
	}
	if n, err := c.Exists(ctx, "k").Result(); err != nil || n != 0 {
		t.Errorf("a refused write was carried out (%d, %v)", n, err)
	}
	// A transaction that only reads is none of the journal's business, and
	// nobody else can connect.
	if _, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error { p.LLen(ctx, "k"); return nil }); err != nil {
		t.Errorf("reading transaction: %v", err)
	}
	stranger := redis.NewClient(&redis.Options{Addr: c.(*redis.Client).Options().Addr, MaxRetries: -1})
	defer stranger.Close()
	if err := stranger.Set(ctx, "k", "v", 0).Err(); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("a client without the password = %v; want NOAUTH", err)
	}
}

func BenchmarkAccept(b *testing.B) {
	for name, every := range map[string]time.Duration{"fsync later": 0, "fsync always": -1} {
		b.Run(name, func(b *testing.B) {
			store, _ := open(b, embedded.Options{Dir: b.TempDir(), SyncEvery: every}, redisstore.Options{})
			sessiontest.BenchmarkAccept(b, store)
		})
	}
}
