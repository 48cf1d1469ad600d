package redisstore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moebot/session"
	"moebot/session/sessiontest"
)

// losesNothing checks what every fault but the death of a Redis must show.
func (c tally) losesNothing(t *testing.T, failures bool) {
	t.Helper()
	t.Log(c)
	if c.lost+c.doubled+c.odd+c.pending != 0 || failures != (c.failed > 0) {
		t.Errorf("%v, %d odd, %d left open; want nothing lost, doubled, odd or open, and failed calls: %v", c, c.odd, c.pending, failures)
	}
}

// refused calls write until the store says that it cannot, and returns what it says.
func refused(t *testing.T, write func() error) string {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := write()
		if errors.Is(err, session.ErrUnavailable) {
			return err.Error()
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("a write = %v; want ErrUnavailable", err)
		}
	}
}

// TestSnapshotFails: a Redis that cannot save refuses to write (MISCONF) until it can.
func TestSnapshotFails(t *testing.T) {
	r := sessiontest.StartRedis(t, "--appendonly", "no", "--save", "1 1")
	s := open(t, r.URL(), sessiontest.Limits{MaxTurns: maxTraffic})
	f := startTraffic(t, s, 4)
	f.flows(8)
	blocked := filepath.Join(r.Dir(), "dump.rdb") // nothing can be renamed to it
	os.Remove(blocked)
	if err := os.MkdirAll(filepath.Join(blocked, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	// Whoever asks meanwhile is told that the store is away.
	n := 0
	text := refused(t, func() error {
		n++
		_, _, err := s.Accept(t.Context(), session.Key{Channel: "other"}, question(time.Now().Format(time.RFC3339Nano)))
		return err
	})
	if !strings.Contains(text, "MISCONF") {
		t.Errorf("refused because %q; want MISCONF", text)
	}
	sess, err := s.Load(t.Context(), session.Key{Channel: "other"})
	if err != nil && !errors.Is(err, session.ErrNotFound) || len(sess.Turns) != n-1 {
		t.Errorf("%d turns, %v; want the %d that were accepted: reading goes on", len(sess.Turns), err, n-1)
	}
	if err := os.RemoveAll(blocked); err != nil {
		t.Fatal(err)
	}
	f.flows(8)
	c := f.end()
	c.pending -= n - 1
	c.losesNothing(t, true)
}

// TestMemoryRunsOut: a Redis at maxmemory with noeviction refuses until it gets more.
// What it has can be read, and open questions can be finished.
func TestMemoryRunsOut(t *testing.T) {
	r := sessiontest.StartRedis(t)
	s := open(t, r.URL(), sessiontest.Limits{MaxTurns: maxTraffic})
	f := startTraffic(t, s, 4)
	f.flows(8)
	k := session.Key{Channel: "other"}
	if _, _, err := s.Accept(t.Context(), k, question("1")); err != nil {
		t.Fatal(err)
	}
	r.Ask("CONFIG", "SET", "maxmemory", "1mb") // less than an empty one has
	text := refused(t, func() error {
		_, _, err := s.Accept(t.Context(), k, question("2"))
		return err
	})
	if !strings.Contains(text, "OOM") {
		t.Errorf("refused because %q; want OOM", text)
	}
	if sess, err := s.Load(t.Context(), k); err != nil || len(sess.Turns) != 1 {
		t.Errorf("Load without memory = %v, %v; want the question of before alone", sess.Turns, err)
	}
	if done, err := s.Finish(t.Context(), k, "1", answer("1")); err != nil || !done {
		t.Errorf("Finish without memory = %v, %v; want true: it frees some first", done, err)
	}
	r.Ask("CONFIG", "SET", "maxmemory", "0")
	if _, ok, err := s.Accept(t.Context(), k, question("2")); err != nil || !ok {
		t.Errorf("Accept again with memory = %v, %v; want true", ok, err)
	}
	if _, err := s.Finish(t.Context(), k, "2", answer("2")); err != nil {
		t.Error(err)
	}
	f.flows(8)
	f.end().losesNothing(t, true)
}

// TestSlowRedis: with 200 ms on the way everything takes that long, and no call fails.
func TestSlowRedis(t *testing.T) {
	r := sessiontest.StartRedis(t)
	p := sessiontest.StartProxy(t, r.Addr)
	s := open(t, "redis://"+p.Addr, sessiontest.Limits{MaxTurns: maxTraffic})
	f := startTraffic(t, s, 4)
	f.flows(4)
	p.Delay.Store(int64(200 * time.Millisecond))
	f.flows(8)
	start := time.Now()
	if _, _, err := s.Accept(t.Context(), session.Key{Channel: "other"}, question("1")); err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d < 200*time.Millisecond {
		t.Errorf("a call through a slow link took %v", d)
	}
	if _, err := s.Finish(t.Context(), session.Key{Channel: "other"}, "1", answer("1")); err != nil {
		t.Error(err)
	}
	f.end().losesNothing(t, false)
}

// TestPartition: nothing passes between the store and its Redis for a while, and nobody
// is told. Calls end with their deadline; afterwards each goes through, once.
func TestPartition(t *testing.T) {
	r := sessiontest.StartRedis(t)
	p := sessiontest.StartProxy(t, r.Addr)
	s := open(t, "redis://"+p.Addr+"?read_timeout=500ms&write_timeout=500ms&dial_timeout=500ms", sessiontest.Limits{MaxTurns: maxTraffic})
	f := startTraffic(t, s, 6)
	for range 2 {
		f.flows(12)
		p.Cut.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		start := time.Now()
		if _, err := s.Load(ctx, session.Key{Channel: "0"}); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("Load through a broken link = %v; want ErrUnavailable", err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("a deadline of 300 ms was kept after %v", d)
		}
		cancel()
		time.Sleep(time.Second)
		p.Cut.Store(false)
	}
	f.flows(12)
	f.end().losesNothing(t, true)
}

// TestClocksDiffer: two processes whose clocks are two minutes apart share questions,
// charge of them, buckets and sessions as if they were not.
func TestClocksDiffer(t *testing.T) {
	r := sessiontest.StartRedis(t)
	a, b := open(t, r.URL(), sessiontest.Limits{}), open(t, r.URL(), sessiontest.Limits{})
	a.SetClock(func() time.Time { return time.Now().Add(time.Minute) })
	b.SetClock(func() time.Time { return time.Now().Add(-time.Minute) })
	k, ctx := session.Key{Channel: "1"}, t.Context()
	for _, s := range []sessiontest.Store{a, b, a, b} {
		if wait, err := s.Take(ctx, "u:1", 4, time.Hour); err != nil || wait != 0 {
			t.Errorf("a token of four: wait %v, %v", wait, err)
		}
	}
	for name, s := range map[string]sessiontest.Store{"ahead": a, "behind": b} {
		if wait, err := s.Take(ctx, "u:1", 4, time.Hour); err != nil || wait > time.Hour || wait < time.Hour-30*time.Second {
			t.Errorf("the fifth, by the clock %s: wait %v, %v; want an hour", name, wait, err)
		}
	}
	if _, ok, err := a.Accept(ctx, k, question("1")); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if sess, ok, err := b.Accept(ctx, k, question("1")); err != nil || ok || len(sess.Turns) != 1 {
		t.Errorf("Accept by the other = %v, %v, %v; want false", sess.Turns, ok, err)
	}
	if ok, err := b.Hold(ctx, k, "1"); err != nil || ok {
		t.Errorf("Hold by the other = %v, %v; want false: the first is at it", ok, err)
	}
	if ok, err := b.Waits(ctx, k, "1"); err != nil || !ok {
		t.Errorf("Waits for the other = %v, %v; want true: it has no answer", ok, err)
	}
	for name, s := range map[string]sessiontest.Store{"ahead": a, "behind": b} {
		if p, err := s.Pending(ctx); err != nil || len(p) != 1 {
			t.Errorf("Pending by the clock %s = %v, %v", name, p, err)
		}
	}
	if err := a.Release(ctx, []session.Pending{{Key: k, Turn: question("1")}}); err != nil {
		t.Fatal(err)
	}
	if ok, err := b.Hold(ctx, k, "1"); err != nil || !ok {
		t.Errorf("Hold once it is given up = %v, %v", ok, err)
	}
	if done, err := b.Finish(ctx, k, "1", answer("1")); err != nil || !done {
		t.Errorf("Finish by the other = %v, %v", done, err)
	}
	if done, err := a.Finish(ctx, k, "1", answer("other")); err != nil || done {
		t.Errorf("a second answer = %v, %v; want false", done, err)
	}
}
