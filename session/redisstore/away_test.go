package redisstore_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"moebot/session"
	"moebot/session/redisstore"
	"moebot/session/sessiontest"
)

func question(id string) session.Turn {
	return session.Turn{ID: id, Role: session.RoleUser, Author: "Ann", Text: "question " + id}
}

func answer(id string) session.Turn {
	return session.Turn{ID: "a" + id, Role: session.RoleAssistant, Text: "answer " + id}
}

// TestOpenWithoutRedis opens a store before its Redis is there.
func TestOpenWithoutRedis(t *testing.T) {
	r := sessiontest.StartRedis(t)
	r.Kill()
	var log strings.Builder
	s, err := redisstore.Open(t.Context(), redisstore.Options{URL: r.URL(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !strings.Contains(log.String(), "level=WARN") {
		t.Errorf("no warning in the log: %s", log.String())
	}
	k := session.Key{Channel: "1"}
	if _, _, err := s.Accept(t.Context(), k, question("1")); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Accept without Redis = %v; want ErrUnavailable", err)
	}
	r.Start()
	if _, ok, err := s.Accept(t.Context(), k, question("1")); err != nil || !ok {
		t.Errorf("Accept with Redis = %v, %v", ok, err)
	}
}

// TestRedisHangs stops Redis's process without ending it: only the deadline
// helps.
func TestRedisHangs(t *testing.T) {
	r := sessiontest.StartRedis(t)
	s := open(t, r.URL(), sessiontest.Limits{})
	k := session.Key{Channel: "1"}
	if _, _, err := s.Accept(t.Context(), k, question("1")); err != nil {
		t.Fatal(err)
	}
	r.Pause()
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		start := time.Now()
		_, _, err := s.Accept(ctx, k, question("2"))
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("Accept on a hanging Redis = %v; want DeadlineExceeded and ErrUnavailable", err)
		}
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("a deadline of 150ms was kept after %v", d)
		}
		cancel()
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := s.Load(ctx, k); !errors.Is(err, context.Canceled) || errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Load, cancelled = %v; want Canceled alone", err)
	}
	r.Continue()
	// Redis carries out what it had got: the question is ours all the same.
	if _, ok, err := s.Accept(t.Context(), k, question("2")); err != nil || !ok {
		t.Errorf("Accept again = %v, %v; want true", ok, err)
	}
	if _, ok, err := s.Accept(t.Context(), k, question("2")); err != nil || ok {
		t.Errorf("Accept a third time = %v, %v; want false", ok, err)
	}
	if sess, err := s.Load(t.Context(), k); err != nil || len(sess.Turns) != 2 {
		t.Errorf("session = %v, %v; want two turns", sess.Turns, err)
	}
}

// TestLostReply puts a proxy between that passes commands on and, on demand,
// hangs up instead of passing the reply back.
func TestLostReply(t *testing.T) {
	m := startMini(t)
	p := sessiontest.StartProxy(t, strings.TrimPrefix(m, "redis://"))
	// Without the client's own retries, what follows is the caller's.
	s := open(t, "redis://"+p.Addr+"?max_retries=-1", sessiontest.Limits{})
	other := open(t, m, sessiontest.Limits{})
	k := session.Key{Channel: "1"}
	if _, ok, err := s.Accept(t.Context(), k, question("0")); err != nil || !ok {
		t.Fatal(ok, err) // the scripts are known from here on
	}
	if _, err := s.Finish(t.Context(), k, "0", answer("0")); err != nil {
		t.Fatal(err)
	}

	p.Lose.Store(true)
	for range 3 {
		if _, _, err := s.Accept(t.Context(), k, question("1")); !errors.Is(err, session.ErrUnavailable) {
			t.Fatalf("Accept without a reply = %v; want ErrUnavailable", err)
		}
	}
	p.Lose.Store(false)
	if _, ok, err := other.Accept(t.Context(), k, question("1")); err != nil || ok {
		t.Errorf("Accept by another process = %v, %v; want false: it is ours", ok, err)
	}
	if open, err := other.Pending(t.Context()); err != nil || len(open) != 1 {
		t.Errorf("Pending = %v, %v; want the question", open, err)
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, ok, err := s.Accept(context.Background(), k, question("1")); err != nil {
				t.Error(err)
			} else if ok {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("eight tries again: %d accepted, want one", won.Load())
	}

	p.Lose.Store(true)
	if _, err := s.Finish(t.Context(), k, "1", answer("1")); !errors.Is(err, session.ErrUnavailable) {
		t.Fatalf("Finish without a reply = %v; want ErrUnavailable", err)
	}
	p.Lose.Store(false)
	if done, err := s.Finish(t.Context(), k, "1", answer("1")); err != nil || !done {
		t.Errorf("Finish again = %v, %v; want true", done, err)
	}
	sess, err := s.Load(t.Context(), k)
	if err != nil || len(sess.Turns) != 4 {
		t.Errorf("session = %v, %v; want four turns", sess.Turns, err)
	}

	// With the client's retries the caller notices nothing.
	patient := open(t, "redis://"+p.Addr, sessiontest.Limits{})
	p.Lose.Store(true)
	time.AfterFunc(5*time.Millisecond, func() { p.Lose.Store(false) })
	if _, ok, err := patient.Accept(t.Context(), k, question("2")); err != nil || !ok {
		t.Errorf("Accept with a reply lost on the way = %v, %v; want true", ok, err)
	}
}

// TestNoMemory: a Redis at its limit accepts nothing, for now.
func TestNoMemory(t *testing.T) {
	r := sessiontest.StartRedis(t, "--maxmemory", "1")
	s := open(t, r.URL(), sessiontest.Limits{})
	if _, _, err := s.Accept(t.Context(), session.Key{Channel: "1"}, question("1")); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Accept without memory = %v; want ErrUnavailable", err)
	}
}

// TestClusterNodeKilled: with a master gone and no replica, the whole cluster
// refuses; the store says so and comes back with it.
func TestClusterNodeKilled(t *testing.T) {
	nodes := sessiontest.StartCluster(t, 0)
	s := open(t, sessiontest.ClusterURL(nodes), sessiontest.Limits{})
	accept := func(i int) error {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, _, err := s.Accept(ctx, session.Key{Channel: strconv.Itoa(i)}, question("1"))
		return err
	}
	for i := range 30 {
		if err := accept(i); err != nil {
			t.Fatal(err)
		}
	}
	nodes[1].Kill()
	failed := 0
	for i := 30; i < 45; i++ {
		if err := accept(i); err != nil {
			failed++
			if !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("Accept with a node gone = %v; want ErrUnavailable", err)
			}
		}
	}
	if failed == 0 {
		t.Error("no call failed with a node gone")
	}
	if _, err := s.Ping(t.Context()); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Ping with a node gone = %v; want ErrUnavailable", err)
	}
	nodes[1].Start()
	end := time.Now().Add(20 * time.Second)
	for i := range 45 {
		for err := accept(i); err != nil; err = accept(i) {
			if time.Now().After(end) {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	p, err := s.Pending(t.Context())
	if err != nil || len(p) != 45 {
		t.Errorf("%d questions pending, %v; want 45", len(p), err)
	}
}
