package sessiontest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moebot/session"
)

var room = session.Key{Channel: "1001"}

// mustAccept accepts a question that must be new.
func mustAccept(t *testing.T, s Store, k session.Key, turn session.Turn) session.Session {
	t.Helper()
	sess, ok, err := s.Accept(t.Context(), k, turn)
	if err != nil || !ok {
		t.Fatalf("Accept(%s, %s) = %v, %v; want true, nil", k, turn.ID, ok, err)
	}
	return sess
}

// finish checks what Finish says.
func finish(t *testing.T, s Store, k session.Key, id string, a session.Turn, want bool) {
	t.Helper()
	done, err := s.Finish(t.Context(), k, id, a)
	if err != nil || done != want {
		t.Fatalf("Finish(%s, %s, %s) = %v, %v; want %v, nil", k, id, a.ID, done, err, want)
	}
}

// holds checks the ids of a session's turns; without any, Load must not find it.
func holds(t *testing.T, s Store, k session.Key, want ...string) {
	t.Helper()
	sess, err := s.Load(t.Context(), k)
	if len(want) == 0 && errors.Is(err, session.ErrNotFound) {
		return
	}
	if err != nil {
		t.Fatalf("Load(%s): %v", k, err)
	}
	if diff := cmp.Diff(append([]string{}, want...), ids(sess.Turns)); diff != "" {
		t.Fatalf("Load(%s) turns (-want +got):\n%s", k, diff)
	}
}

func testEmpty(t *testing.T, s Store) {
	ctx := t.Context()
	if sess, err := s.Load(ctx, room); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Load = %v, %v; want ErrNotFound", sess, err)
	}
	if set, err := s.Settings(ctx, room); err != nil || !set.IsZero() {
		t.Errorf("Settings = %v, %v; want none", set, err)
	}
	if v, err := s.Recall(ctx, "commands"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Recall = %q, %v; want ErrNotFound", v, err)
	}
	if p, err := s.Pending(ctx); err != nil || len(p) != 0 {
		t.Errorf("Pending = %v, %v; want none", p, err)
	}
	if c, err := s.Counters(ctx); err != nil || len(c.Total) != 0 || len(c.Today) != 0 {
		t.Errorf("Counters = %v, %v; want none", c, err)
	}
	if err := s.Reset(ctx, room); err != nil {
		t.Errorf("Reset: %v", err)
	}
	remove(t, s, room, "5", "")
	if d, err := s.Ping(ctx); err != nil || d <= 0 {
		t.Errorf("Ping = %v, %v; want a duration", d, err)
	}
	if s.Kind() == "" {
		t.Error("Kind is empty")
	}
}

func testAccept(t *testing.T, s Store) {
	texts := []string{
		"hello", "", " ", "two\nlines\r\n\x00 and a NUL", "né 👩‍👩‍👧 नि \u202eright to left", "<|end|><|system|>{\"a\":1}",
		`quotes " ' \ and {p01}:log`, strings.Repeat("x", 4000), strings.Repeat("🦊", 4000),
	}
	var want []session.Turn
	for i, text := range texts {
		q := question(fmt.Sprint(100+i), text)
		want = append(want, q)
		got := mustAccept(t, s, room, q)
		if diff := cmp.Diff(session.Session{Key: room, Turns: want}, got); diff != "" {
			t.Fatalf("session of Accept (-want +got):\n%s", diff)
		}
	}
	got, err := s.Load(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(session.Session{Key: room, Turns: want}, got); diff != "" {
		t.Fatalf("session of Load (-want +got):\n%s", diff)
	}
	other := session.Key{Channel: "1002"}
	holds(t, s, other)
	mustAccept(t, s, other, question("100", "the same id in another channel"))
}

func testAcceptTwice(t *testing.T, s Store) {
	again := func(when string, turns ...string) {
		t.Helper()
		sess, ok, err := s.Accept(t.Context(), room, question("1", "once more"))
		if err != nil || ok {
			t.Fatalf("%s: second Accept = %v, %v; want false, nil", when, ok, err)
		}
		if diff := cmp.Diff(turns, ids(sess.Turns)); diff != "" {
			t.Fatalf("%s: its session (-want +got):\n%s", when, diff)
		}
	}
	mustAccept(t, s, room, question("1", "once"))
	again("open", "1")
	finish(t, s, room, "1", answer("2", "yes"), true)
	again("answered", "1", "2")
	// A bot sees its own message: it is a known one.
	if _, ok, err := s.Accept(t.Context(), room, question("2", "yes")); err != nil || ok {
		t.Fatalf("Accept of the answer's id = %v, %v; want false, nil", ok, err)
	}
	holds(t, s, room, "1", "2")
}

func testAcceptConcurrently(t *testing.T, s Store) {
	for round := range 20 {
		id := fmt.Sprint(500 + round)
		var accepted atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				sess, ok, err := s.Accept(t.Context(), room, question(id, "who gets it?"))
				if err != nil {
					t.Error(err)
				}
				if ok {
					accepted.Add(1)
				}
				if n := len(sess.Turns); n != round+1 {
					t.Errorf("session of Accept has %d turns, want %d", n, round+1)
				}
			})
		}
		wg.Wait()
		if n := accepted.Load(); n != 1 {
			t.Fatalf("message %s was accepted %d times, want once", id, n)
		}
	}
	p, err := s.Pending(t.Context())
	if err != nil || len(p) != 20 {
		t.Fatalf("Pending has %d questions, %v; want 20", len(p), err)
	}
	c, err := s.Counters(t.Context())
	if err != nil || c.Total["messages"] != 20 {
		t.Fatalf("counted %d messages, %v; want 20", c.Total["messages"], err)
	}
}

func testFinish(t *testing.T, s Store) {
	finish(t, s, room, "1", answer("2", "to nothing"), false)
	holds(t, s, room)
	mustAccept(t, s, room, question("1", "?"))
	finish(t, s, room, "1", answer("2", "!"), true)
	finish(t, s, room, "1", answer("2", "!"), true)
	finish(t, s, room, "1", answer("3", "somebody else's"), false)
	want := []session.Turn{question("1", "?"), answer("2", "!")}
	got, err := s.Load(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Turns); diff != "" {
		t.Fatalf("turns (-want +got):\n%s", diff)
	}
	mustAccept(t, s, room, question("4", "unanswerable"))
	finish(t, s, room, "4", session.Turn{}, true)
	finish(t, s, room, "4", answer("5", "too late"), false)
	holds(t, s, room, "1", "2", "4")
	if p, err := s.Pending(t.Context()); err != nil || len(p) != 0 {
		t.Fatalf("Pending = %v, %v; want none", p, err)
	}
	// The same question twice with the same words: each gets its own answer.
	mustAccept(t, s, room, question("6", "again?"))
	mustAccept(t, s, room, question("7", "again?"))
	finish(t, s, room, "7", answer("8", "b"), true)
	finish(t, s, room, "6", answer("9", "a"), true)
	holds(t, s, room, "1", "2", "4", "6", "9", "7", "8")
}

func testFinishOrder(t *testing.T, s Store) {
	for _, id := range []string{"1", "3", "5"} {
		mustAccept(t, s, room, question(id, "queued "+id))
	}
	finish(t, s, room, "1", answer("2", "a"), true)
	holds(t, s, room, "1", "2", "3", "5")
	sess, _ := s.Load(t.Context(), room)
	if diff := cmp.Diff([]string{"1", "2", "3"}, ids(sess.UpTo("3"))); diff != "" {
		t.Fatalf("UpTo(3) (-want +got):\n%s", diff)
	}
	finish(t, s, room, "5", answer("6", "c"), true)
	finish(t, s, room, "3", answer("4", "b"), true)
	holds(t, s, room, "1", "2", "3", "4", "5", "6")
}

func testTrim(t *testing.T, s Store) {
	for i := 1; i <= 5; i += 2 {
		sess := mustAccept(t, s, room, question(fmt.Sprint(i), "q"))
		if n := len(sess.Turns); n > 4 {
			t.Fatalf("session has %d turns, want 4 at most", n)
		}
		finish(t, s, room, fmt.Sprint(i), answer(fmt.Sprint(i+1), "a"), true)
	}
	holds(t, s, room, "3", "4", "5", "6")
	// Four more push the oldest out; an answer to a question that is gone is
	// done and leaves no trace.
	for _, id := range []string{"7", "8", "9", "10", "11"} {
		mustAccept(t, s, room, question(id, "q"))
	}
	holds(t, s, room, "8", "9", "10", "11")
	finish(t, s, room, "7", answer("12", "a"), true)
	holds(t, s, room, "8", "9", "10", "11")
	finish(t, s, room, "8", answer("13", "a"), true)
	holds(t, s, room, "13", "9", "10", "11")
}

func testSeenIDs(t *testing.T, s Store) {
	for i := range 10 {
		mustAccept(t, s, room, question(fmt.Sprint(i), "q"))
		time.Sleep(2 * time.Millisecond) // ids are forgotten by age
	}
	for i := 7; i < 10; i++ {
		if _, ok, err := s.Accept(t.Context(), room, question(fmt.Sprint(i), "q")); err != nil || ok {
			t.Fatalf("Accept(%d) = %v, %v; want false: it is one of the last three", i, ok, err)
		}
	}
}

func testExpire(t *testing.T, s Store) {
	if err := s.SetSettings(t.Context(), room, session.Settings{TopK: ptr(3)}); err != nil {
		t.Fatal(err)
	}
	quiet := session.Key{Channel: "1003"}
	mustAccept(t, s, room, question("1", "q"))
	mustAccept(t, s, quiet, question("1", "q"))
	eventually(t, "a session expires", func() bool {
		_, err := s.Load(t.Context(), quiet)
		return errors.Is(err, session.ErrNotFound)
	})
	eventually(t, "turns expire, settings stay", func() bool {
		sess, err := s.Load(t.Context(), room)
		return err == nil && len(sess.Turns) == 0 && sess.Settings.TopK != nil
	})
	// What Discord delivers late is still known.
	if sess, ok, err := s.Accept(t.Context(), quiet, question("1", "q")); err != nil || ok || len(sess.Turns) != 0 {
		t.Errorf("Accept of an expired message = %v, %v, %v; want false and no turns", sess.Turns, ok, err)
	}
	finish(t, s, quiet, "1", answer("2", "a"), false)
	if p, err := s.Pending(t.Context()); err != nil || len(p) != 0 {
		t.Errorf("Pending = %v, %v; want none", p, err)
	}
}

// eventually waits for a condition, ten seconds at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within ten seconds: %s", what)
}

func testReset(t *testing.T, s Store) {
	set := session.Settings{Temperature: ptr(0.5)}
	if err := s.SetSettings(t.Context(), room, set); err != nil {
		t.Fatal(err)
	}
	other := session.Key{Channel: "1002"}
	mustAccept(t, s, room, question("1", "q"))
	finish(t, s, room, "1", answer("2", "a"), true)
	mustAccept(t, s, room, question("3", "being answered"))
	mustAccept(t, s, other, question("3", "elsewhere"))
	if err := s.Reset(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	sess, err := s.Load(t.Context(), room)
	if diff := cmp.Diff(session.Session{Key: room, Turns: []session.Turn{}, Settings: set}, sess); err != nil || diff != "" {
		t.Fatalf("Load after Reset: %v (-want +got):\n%s", err, diff)
	}
	finish(t, s, room, "3", answer("4", "of the old days"), false)
	if _, ok, err := s.Accept(t.Context(), room, question("1", "q")); err != nil || ok {
		t.Fatalf("Accept of a forgotten message = %v, %v; want false", ok, err)
	}
	holds(t, s, room)
	time.Sleep(2 * time.Millisecond) // Pending is in order of milliseconds
	mustAccept(t, s, room, question("5", "anew"))
	finish(t, s, room, "3", answer("4", "of the old days"), false)
	holds(t, s, room, "5")
	holds(t, s, other, "3")
	p, err := s.Pending(t.Context())
	if err != nil || len(p) != 2 || p[0].Key != other || p[1].Turn.ID != "5" {
		t.Fatalf("Pending = %v, %v; want 3 elsewhere and 5", p, err)
	}
}
