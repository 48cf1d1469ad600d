package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"moebot/bot/config"
)

// reloads is how the configuration is read again.
type reloads struct {
	signal <-chan os.Signal // SIGHUP
	path   string           // of the file, read again when it changes; empty without one
	every  time.Duration    // between two looks at it; 0 is watchEvery
	read   func() (config.Config, error)
	level  *slog.LevelVar
}

// reload reads the configuration again, takes over what can be changed while running (the
// [reply] defaults, [where], [safety], log.level and discord.temperature_role), and returns
// what holds now instead of was. A configuration that cannot be read changes nothing, and
// /stats says why. s.cfg stays what the parts were built by, since they read it.
func (s *service) reload(r reloads, was config.Config) config.Config {
	c, err := r.read()
	if err != nil {
		s.log.Error("the configuration stays as it was: the new one cannot be read", "err", err)
		mistake := err.Error()
		if r.path != "" { // whoever may see /stats need not know where it lies
			mistake = strings.ReplaceAll(mistake, r.path, filepath.Base(r.path))
		}
		s.mistake.Store(&mistake)
		return was
	}
	s.mistake.Store(nil)
	changed, later := differences(was, c)
	if r.level != nil {
		r.level.Set(level(c.Log.Level))
	}
	s.mind.setDefaults(c.Reply)
	s.rules.set(c.Safety)
	s.bots.setPolicy(policy(c))
	// what needs a restart stays what it is, also in the next comparison
	is := was
	is.Reply = c.Reply
	is.Reply.Timeout, is.Reply.QueueLen, is.Reply.BestOf = was.Reply.Timeout, was.Reply.QueueLen, was.Reply.BestOf
	is.Where, is.Safety, is.Log.Level, is.Discord.TemperatureRole = c.Where, c.Safety, c.Log.Level, c.Discord.TemperatureRole
	s.log.Info("the configuration was read again", "changed", strings.Join(changed, " "))
	if len(later) > 0 {
		s.log.Warn("some of it takes a restart", "keys", strings.Join(later, " "))
	}
	return is
}

// changes sends a word each time the file changes, until ctx ends; nil without a file.
func (r reloads) changes(ctx context.Context) <-chan struct{} {
	if r.path == "" {
		return nil
	}
	return watch(ctx, r.path, cmp.Or(r.every, watchEvery))
}

// differences are the keys that two configurations differ in: those that can be taken
// over at once, and those that cannot.
func differences(was, is config.Config) (now, later []string) {
	live := func(key string) bool {
		switch key {
		case "log.level", "discord.temperature_role":
			return true
		case "reply.timeout", "reply.queue_len", "reply.best_of":
			return false
		}
		return strings.HasPrefix(key, "reply.") || strings.HasPrefix(key, "where.") || strings.HasPrefix(key, "safety.")
	}
	a, b := config.Values(was), config.Values(is)
	for _, kv := range a {
		for _, other := range b {
			if other.Key != kv.Key || reflect.DeepEqual(other.Value, kv.Value) {
				continue
			}
			if live(kv.Key) {
				now = append(now, kv.Key)
			} else {
				later = append(later, kv.Key)
			}
		}
	}
	return now, later
}

// openProfiles serves profiles at http.pprof_addr, if there is one.
func (s *service) openProfiles() (stop func(), err error) {
	if s.cfg.HTTP.PprofAddr == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", s.cfg.HTTP.PprofAddr)
	if err != nil {
		return func() {}, fmt.Errorf("http.pprof_addr: %w", err)
	}
	if host, _, err := net.SplitHostPort(l.Addr().String()); err == nil && !net.ParseIP(host).IsLoopback() {
		s.log.Warn("profiles of the program can be had from elsewhere: they show what is in memory", "addr", l.Addr())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // ends with Close
	}()
	s.log.Info("profiles are served", "addr", l.Addr())
	return func() { server.Close(); <-done }, nil
}
