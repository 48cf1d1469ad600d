package redisstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"moebot/session"
	"moebot/session/redisstore"
	"moebot/session/sessiontest"
)

func TestOpenKinds(t *testing.T) {
	// Nobody listens on port 1: these open all the same.
	for url, kind := range map[string]string{
		"redis://127.0.0.1:1":                                             "redis",
		"rediss://user:secret@127.0.0.1:1/3?read_timeout=1s":              "redis",
		"unix:///nowhere/redis.sock?db=2":                                 "redis",
		"redis://127.0.0.1:1?cluster=false":                               "redis",
		"redis://127.0.0.1:1?cluster=true":                                "redis cluster",
		"redis://127.0.0.1:1?addr=127.0.0.1:2&addr=127.0.0.1:3":           "redis cluster",
		"redis://127.0.0.1:1?master_name=m&addr=127.0.0.1:2&password=pwd": "redis sentinel",
		"redis://127.0.0.1:1,127.0.0.1:2,[::1]:3":                         "redis cluster",
		"rediss://u:p@127.0.0.1:1,127.0.0.1:2/0?cluster=true":             "redis cluster",
		"redis://127.0.0.1:1,127.0.0.1:2/3?master_name=m":                 "redis sentinel",
	} {
		s := open(t, url, sessiontest.Limits{})
		if got := s.Kind(); got != kind {
			t.Errorf("Open(%s).Kind() = %q, want %q", url, got, kind)
		}
		if _, err := s.Ping(t.Context()); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("Open(%s): Ping = %v; want ErrUnavailable", url, err)
		}
		if _, _, err := s.Accept(t.Context(), session.Key{Channel: "1"}, question("1")); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("Open(%s): Accept = %v; want ErrUnavailable", url, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	m := miniredis.RunT(t)
	m.RequireAuth("right")
	for name, c := range map[string]struct{ url, want string }{
		"empty":           {"", "scheme"},
		"no scheme":       {"hunter2@localhost:6379", "written like redis://"},
		"http":            {"http://u:hunter2@localhost", "scheme"},
		"unknown option":  {"redis://u:hunter2@localhost?bogus=1", "unexpected option: bogus"},
		"bad database":    {"redis://u:hunter2@localhost/hunter2", "database"},
		"bad port":        {"redis://localhost:hunter2", "port"},
		"bad escape":      {"redis://u:hunter2%zz@localhost", "escape"},
		"bad timeout":     {"redis://u:hunter2@localhost?read_timeout=hunter2", "duration"},
		"bad address":     {"redis://u:hunter2@a:1,b:hunter2", "address 2 of 2"},
		"bad addr":        {"redis://u@a:1,b:2?addr=hunter2", "address 3 of 3"},
		"no master":       {"redis://u:hunter2@a:1,b:2?master_name=", "master_name"},
		"both":            {"redis://u:hunter2@a:1?master_name=m&cluster=true", "master_name"},
		"many":            {"redis://u:hunter2@a:1,b:2?cluster=false", "2 addresses"},
		"cluster's 3":     {"redis://u:hunter2@a:1,b:2/3", "database"},
		"stale":           {"redis://u:hunter2@a:1,b:2?read_only=true", "read_only"},
		"unix cluster":    {"unix:///hunter2?cluster=true", "unix"},
		"bad parameters":  {"redis://u@a:1?hunter2=%zz", "parameters"},
		"bad cluster":     {"redis://u@localhost?cluster=maybe", "cluster"},
		"wrong password":  {"redis://:hunter2@" + m.Addr(), "WRONGPASS"},
		"without one":     {"redis://" + m.Addr(), "password"},
		"control in host": {"redis://local\x7fhost:hunter2", "control"},
	} {
		start := time.Now()
		s, err := redisstore.Open(t.Context(), redisstore.Options{URL: c.url})
		if err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v; want something on %q and nothing of the password", name, err, c.want)
		}
		if d := time.Since(start); d > 15*time.Second {
			t.Errorf("%s: took %v", name, d)
		}
	}
	for name, o := range map[string]redisstore.Options{
		"turns": {MaxTurns: -1}, "ttl": {TTL: -time.Second}, "ids": {SeenIDs: -1}, "prefix": {Prefix: "a{b}"}, "pending": {PendingTTL: -1},
	} {
		o.URL = "redis://127.0.0.1:1"
		if _, err := redisstore.Open(t.Context(), o); err == nil {
			t.Errorf("bad option %s: no error", name)
		}
	}
}

func TestDurability(t *testing.T) {
	for _, c := range []struct {
		name  string
		start func(testing.TB) string
		want  redisstore.Durability
		risky bool
		text  string
	}{
		{"miniredis", startMini, redisstore.Durability{}, false, "does not say"},
		{"append-only", func(t testing.TB) string { return sessiontest.StartRedis(t).URL() },
			redisstore.Durability{Known: true, AOF: true, Fsync: "everysec", Eviction: "noeviction"}, false, "append-only file on, appendfsync everysec"},
		{"nothing", func(t testing.TB) string { return sessiontest.StartRedis(t, "--appendonly", "no").URL() },
			redisstore.Durability{Known: true, Fsync: "everysec", Eviction: "noeviction"}, true, "set appendonly yes"},
		{"evicting", func(t testing.TB) string {
			return sessiontest.StartRedis(t, "--maxmemory-policy", "allkeys-lru").URL()
		}, redisstore.Durability{Known: true, AOF: true, Fsync: "everysec", Eviction: "allkeys-lru"}, true, "set noeviction"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, c.start(t), sessiontest.Limits{})
			got, err := s.Durability(t.Context())
			if err != nil || got != c.want || got.Risky() != c.risky || !strings.Contains(got.String(), c.text) {
				t.Errorf("Durability = %+v (%v), %v; want %+v, %v", got, got, err, c.want, c.risky)
			}
		})
	}
	s := open(t, "redis://127.0.0.1:1", sessiontest.Limits{})
	if _, err := s.Durability(t.Context()); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Durability of an absent Redis = %v; want ErrUnavailable", err)
	}
}

func BenchmarkAccept(b *testing.B) {
	b.Run("miniredis", func(b *testing.B) {
		sessiontest.BenchmarkAccept(b, open(b, startMini(b), sessiontest.Limits{}))
	})
	b.Run("redis", func(b *testing.B) {
		sessiontest.BenchmarkAccept(b, open(b, sessiontest.StartRedis(b).URL(), sessiontest.Limits{}))
	})
}
