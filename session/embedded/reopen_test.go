package embedded_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"moebot/session"
	"moebot/session/embedded"
	"moebot/session/redisstore"
)

// reopening is a store that is closed and opened again before every eleventh call.
type reopening struct {
	t     testing.TB
	mu    sync.Mutex
	o     embedded.Options
	so    redisstore.Options
	calls int
	srv   *embedded.Server
	store *redisstore.Store
}

// with calls f on the opened store.
func (r *reopening) with(f func(*redisstore.Store)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls%11 == 0 {
		r.close()
		var err error
		if r.srv, err = embedded.Open(context.Background(), r.o); err == nil {
			r.store, err = redisstore.New(r.srv.Client(), r.so)
		}
		if err != nil {
			panic(err) // other goroutines wait: no way on
		}
	}
	r.calls++
	f(r.store)
}

// close ends what is open.
func (r *reopening) close() {
	if r.srv == nil {
		return
	}
	if err := r.srv.Close(); err != nil {
		r.t.Error(err)
	}
}

func (r *reopening) Accept(ctx context.Context, k session.Key, t session.Turn) (sess session.Session, ok bool, err error) {
	r.with(func(s *redisstore.Store) { sess, ok, err = s.Accept(ctx, k, t) })
	return
}

func (r *reopening) Admit(ctx context.Context, k session.Key, t session.Turn, limits []session.Limit) (sess session.Session, ok bool, wait time.Duration, err error) {
	r.with(func(s *redisstore.Store) { sess, ok, wait, err = s.Admit(ctx, k, t, limits) })
	return
}

func (r *reopening) Finish(ctx context.Context, k session.Key, id string, a session.Turn, amounts ...session.Amount) (done bool, err error) {
	r.with(func(s *redisstore.Store) { done, err = s.Finish(ctx, k, id, a, amounts...) })
	return
}

func (r *reopening) Load(ctx context.Context, k session.Key) (sess session.Session, err error) {
	r.with(func(s *redisstore.Store) { sess, err = s.Load(ctx, k) })
	return
}

func (r *reopening) Reset(ctx context.Context, k session.Key) (err error) {
	r.with(func(s *redisstore.Store) { err = s.Reset(ctx, k) })
	return
}

func (r *reopening) Export(ctx context.Context, w io.Writer, channel string) (n session.Moved, err error) {
	r.with(func(s *redisstore.Store) { n, err = s.Export(ctx, w, channel) })
	return
}

func (r *reopening) Import(ctx context.Context, from io.Reader) (n session.Moved, err error) {
	r.with(func(s *redisstore.Store) { n, err = s.Import(ctx, from) })
	return
}

func (r *reopening) Remove(ctx context.Context, k session.Key, id string) (answer string, err error) {
	r.with(func(s *redisstore.Store) { answer, err = s.Remove(ctx, k, id) })
	return
}

func (r *reopening) Settings(ctx context.Context, k session.Key) (set session.Settings, err error) {
	r.with(func(s *redisstore.Store) { set, err = s.Settings(ctx, k) })
	return
}

func (r *reopening) SetSettings(ctx context.Context, k session.Key, set session.Settings) (err error) {
	r.with(func(s *redisstore.Store) { err = s.SetSettings(ctx, k, set) })
	return
}

func (r *reopening) UpdateSettings(ctx context.Context, k session.Key, f func(*session.Settings) error) (set session.Settings, err error) {
	r.with(func(s *redisstore.Store) { set, err = s.UpdateSettings(ctx, k, f) })
	return
}

func (r *reopening) SettingsOf(ctx context.Context, keys ...session.Key) (set []session.Settings, err error) {
	r.with(func(s *redisstore.Store) { set, err = s.SettingsOf(ctx, keys...) })
	return
}

func (r *reopening) Pending(ctx context.Context) (p []session.Pending, err error) {
	r.with(func(s *redisstore.Store) { p, err = s.Pending(ctx) })
	return
}

func (r *reopening) Remember(ctx context.Context, name, value string) (err error) {
	r.with(func(s *redisstore.Store) { err = s.Remember(ctx, name, value) })
	return
}

func (r *reopening) Recall(ctx context.Context, name string) (v string, err error) {
	r.with(func(s *redisstore.Store) { v, err = s.Recall(ctx, name) })
	return
}

func (r *reopening) Count(ctx context.Context, k session.Key, n map[string]int64) (err error) {
	r.with(func(s *redisstore.Store) { err = s.Count(ctx, k, n) })
	return
}

func (r *reopening) Counters(ctx context.Context) (c session.Counters, err error) {
	r.with(func(s *redisstore.Store) { c, err = s.Counters(ctx) })
	return
}

func (r *reopening) AddActivity(ctx context.Context, at time.Time, b session.Batch, places map[string]session.Activity) (left map[string]session.Activity, err error) {
	r.with(func(s *redisstore.Store) { left, err = s.AddActivity(ctx, at, b, places) })
	return
}

func (r *reopening) Activity(ctx context.Context, place string, last time.Time, hours int) (list []session.Activity, err error) {
	r.with(func(s *redisstore.Store) { list, err = s.Activity(ctx, place, last, hours) })
	return
}

func (r *reopening) Ping(ctx context.Context) (d time.Duration, err error) {
	r.with(func(s *redisstore.Store) { d, err = s.Ping(ctx) })
	return
}

func (r *reopening) UpdateTurn(ctx context.Context, k session.Key, id string, f func(*session.Turn) error) (t session.Turn, err error) {
	r.with(func(s *redisstore.Store) { t, err = s.UpdateTurn(ctx, k, id, f) })
	return
}

func (r *reopening) Undo(ctx context.Context, k session.Key) (n int, err error) {
	r.with(func(s *redisstore.Store) { n, err = s.Undo(ctx, k) })
	return
}

func (r *reopening) Claim(ctx context.Context, k session.Key, id string) (ok bool, err error) {
	r.with(func(s *redisstore.Store) { ok, err = s.Claim(ctx, k, id) })
	return
}

func (r *reopening) Hold(ctx context.Context, k session.Key, id string) (ok bool, err error) {
	r.with(func(s *redisstore.Store) { ok, err = s.Hold(ctx, k, id) })
	return
}

func (r *reopening) Waits(ctx context.Context, k session.Key, id string) (ok bool, err error) {
	r.with(func(s *redisstore.Store) { ok, err = s.Waits(ctx, k, id) })
	return
}

func (r *reopening) Renew(ctx context.Context, q []session.Pending) (err error) {
	r.with(func(s *redisstore.Store) { err = s.Renew(ctx, q) })
	return
}

func (r *reopening) Release(ctx context.Context, q []session.Pending) (err error) {
	r.with(func(s *redisstore.Store) { err = s.Release(ctx, q) })
	return
}

func (r *reopening) Forget(ctx context.Context, user string) (n int, err error) {
	r.with(func(s *redisstore.Store) { n, err = s.Forget(ctx, user) })
	return
}

func (r *reopening) Take(ctx context.Context, name string, size int, every time.Duration) (d time.Duration, err error) {
	r.with(func(s *redisstore.Store) { d, err = s.Take(ctx, name, size, every) })
	return
}

func (r *reopening) TakeAll(ctx context.Context, id string, limits []session.Limit) (d time.Duration, err error) {
	r.with(func(s *redisstore.Store) { d, err = s.TakeAll(ctx, id, limits) })
	return
}

func (r *reopening) Kind() string { return "embedded" }
