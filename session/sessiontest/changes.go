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

// answering is an answer that knows what it answers.
func answering(id, q, person, text string) session.Turn {
	a := answer(id, text)
	a.Answer = &session.Answer{To: q, For: person}
	return a
}

func testUpdateTurn(t *testing.T, s Store) {
	ctx := t.Context()
	mustAccept(t, s, room, question("1", "first"))
	finish(t, s, room, "1", answering("2", "1", "77", "yes"), true)
	mustAccept(t, s, room, question("3", "open"))
	got, err := s.UpdateTurn(ctx, room, "2", func(turn *session.Turn) error {
		turn.AddVariant(session.Variant{Text: "no", Cut: true})
		return nil
	})
	if err != nil || got.Text != "no" || got.Answer.Of() != 2 {
		t.Fatalf("UpdateTurn = %+v, %v", got, err)
	}
	// the question that is open is changed where it waits, too, and its answer finds it
	if _, err := s.UpdateTurn(ctx, room, "3", func(turn *session.Turn) error { turn.Text = "edited"; return nil }); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Pending(ctx); err != nil || len(p) != 1 || p[0].Turn.Text != "edited" {
		t.Errorf("Pending = %v, %v; want the edited question", p, err)
	}
	finish(t, s, room, "3", answer("4", "to the edited"), true)
	holds(t, s, room, "1", "2", "3", "4")
	sess, err := s.Load(ctx, room)
	if err != nil || sess.Turns[1].Text != "no" || sess.Turns[1].Answer.Variants[0].Text != "yes" || sess.Turns[2].Text != "edited" {
		t.Errorf("Load = %+v, %v", sess.Turns, err)
	}
	if _, err := s.UpdateTurn(ctx, room, "9", func(*session.Turn) error { return nil }); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("an unknown turn: %v; want ErrNotFound", err)
	}
	refusal := errors.New("no")
	if _, err := s.UpdateTurn(ctx, room, "2", func(turn *session.Turn) error { turn.Text = "x"; return refusal }); !errors.Is(err, refusal) {
		t.Errorf("an error of change: %v", err)
	}
	// many at once: none is lost
	mustAccept(t, s, room, question("10", "n"))
	finish(t, s, room, "10", answer("11", ""), true) // closed without one
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for {
				_, err := s.UpdateTurn(ctx, room, "10", func(turn *session.Turn) error { turn.Text += fmt.Sprint(i); return nil })
				if !errors.Is(err, session.ErrConflict) {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	all.Wait()
	if sess, _ = s.Load(ctx, room); len(sess.Turns[4].Text) != 5 {
		t.Errorf("after four changes at once: %q", sess.Turns[4].Text)
	}
}

func testUndo(t *testing.T, s Store) {
	ctx := t.Context()
	undo := func(want int) {
		t.Helper()
		if n, err := s.Undo(ctx, room); n != want || err != nil {
			t.Fatalf("Undo = %d, %v; want %d", n, err, want)
		}
	}
	undo(0)
	mustAccept(t, s, room, question("1", "first"))
	finish(t, s, room, "1", answer("2", "yes"), true)
	mustAccept(t, s, room, question("3", "open"))
	if err := s.Reset(ctx, room); err != nil {
		t.Fatal(err)
	}
	holds(t, s, room)
	mustAccept(t, s, room, question("4", "since"))
	undo(3)
	holds(t, s, room, "1", "2", "3", "4")
	undo(0)
	finish(t, s, room, "3", answer("5", "late"), false) // closed for good
	finish(t, s, room, "4", answer("6", "in time"), true)
	holds(t, s, room, "1", "2", "3", "4", "6")
	// what is deleted meanwhile does not come back
	if err := s.Reset(ctx, room); err != nil {
		t.Fatal(err)
	}
	remove(t, s, room, "2", "")
	remove(t, s, room, "4", "6")
	remove(t, s, room, "99", "")
	undo(2)
	holds(t, s, room, "1", "3")
}

func testClaim(t *testing.T, s Store) {
	ctx := t.Context()
	claim := func(id string, want bool) {
		t.Helper()
		if got, err := s.Claim(ctx, room, id); got != want || err != nil {
			t.Errorf("Claim(%s) = %v, %v; want %v", id, got, err, want)
		}
	}
	claim("1", true)
	claim("1", false)
	if _, ok, err := s.Accept(ctx, room, question("1", "refused")); ok || err != nil {
		t.Errorf("Accept of a claimed message = %v, %v; want false", ok, err)
	}
	mustAccept(t, s, room, question("2", "taken"))
	claim("2", false)
	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if ok, err := s.Claim(ctx, room, "3"); err != nil {
				t.Error(err)
			} else if ok {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 8 claims succeeded; want 1", won.Load())
	}
}

func testHold(t *testing.T, s Store) {
	ctx := t.Context()
	hold := func(when, id string, want bool) {
		t.Helper()
		if got, err := s.Hold(ctx, room, id); got != want || err != nil {
			t.Errorf("%s: Hold(%s) = %v, %v; want %v", when, id, got, err, want)
		}
		if got, err := s.Waits(ctx, room, id); got != want || err != nil {
			t.Errorf("%s: Waits(%s) = %v, %v; want %v", when, id, got, err, want)
		}
	}
	hold("unknown", "1", false)
	mustAccept(t, s, room, question("1", "mine"))
	hold("accepted here", "1", true)
	open := []session.Pending{{Key: room, Turn: session.Turn{ID: "1"}}, {Key: room, Turn: session.Turn{ID: "9"}}}
	if err := errors.Join(s.Renew(ctx, open), s.Renew(ctx, nil), s.Release(ctx, open)); err != nil {
		t.Error(err)
	}
	hold("released", "1", true)
	finish(t, s, room, "1", answer("2", "done"), true)
	hold("finished", "1", false)
}

func testForget(t *testing.T, s Store) {
	ctx := t.Context()
	by := func(id, person, text string) session.Turn {
		q := question(id, text)
		q.AuthorID = person
		return q
	}
	other := session.Key{Channel: "1002"}
	mustAccept(t, s, room, by("1", "ann", "secret one"))
	mustAccept(t, s, room, by("2", "bob", "bob's own"))
	finish(t, s, room, "1", answering("a1", "1", "ann", "about the secret"), true)
	finish(t, s, room, "2", answer("a2", "to bob"), true)
	mustAccept(t, s, room, by("3", "ann", "secret open"))
	mustAccept(t, s, other, by("4", "ann", "secret elsewhere"))
	finish(t, s, other, "4", answer("a4", "of old: directly behind"), true)
	away := session.Key{Channel: "1003"}
	mustAccept(t, s, away, by("5", "ann", "secret put away"))
	if err := s.Reset(ctx, away); err != nil {
		t.Fatal(err)
	}
	n, err := s.Forget(ctx, "ann")
	if err != nil || n != 6 {
		t.Errorf("Forget = %d, %v; want 6", n, err)
	}
	holds(t, s, room, "2", "a2")
	holds(t, s, other)
	if n, err := s.Undo(ctx, away); n != 0 || err != nil {
		t.Errorf("Undo brings back %d, %v", n, err)
	}
	if p, err := s.Pending(ctx); err != nil || len(p) != 0 {
		t.Errorf("Pending = %v, %v; want none", p, err)
	}
	finish(t, s, room, "3", answer("a3", "late"), false)
	if n, err := s.Forget(ctx, "ann"); n != 0 || err != nil {
		t.Errorf("a second Forget = %d, %v; want 0", n, err)
	}
	if _, err := s.Forget(ctx, ""); err == nil {
		t.Error("nobody can be forgotten")
	}
}

func testTake(t *testing.T, s Store) {
	ctx := t.Context()
	const each = time.Hour // so that none is added while the test runs
	for i := range 3 {
		if wait, err := s.Take(ctx, "u:1", 3, each); wait != 0 || err != nil {
			t.Fatalf("token %d of 3: wait %v, %v", i+1, wait, err)
		}
	}
	wait, err := s.Take(ctx, "u:1", 3, each)
	if err != nil || wait <= each-time.Minute || wait > each {
		t.Errorf("the fourth of 3: wait %v, %v; want about %v", wait, err, each)
	}
	if wait, err := s.Take(ctx, "u:2", 3, each); wait != 0 || err != nil {
		t.Errorf("another bucket: wait %v, %v", wait, err)
	}
	const short = 100 * time.Millisecond
	for range 2 {
		if wait, err := s.Take(ctx, "u:3", 2, short); wait != 0 || err != nil {
			t.Fatalf("wait %v, %v", wait, err)
		}
	}
	// tokens come back one by one
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if wait, err := s.Take(ctx, "u:3", 2, short); err != nil || time.Now().After(end) {
			t.Fatalf("no token comes back: %v, %v", wait, err)
		} else if wait == 0 {
			break
		}
	}
}

func testLongTurns(t *testing.T, s Store) {
	mustAccept(t, s, room, question("1", "?"))
	long := answering("2", "1", "77", strings.Repeat("x", 8000))
	finish(t, s, room, "1", long, true)
	for i := range session.MaxVariants + 2 {
		if _, err := s.UpdateTurn(t.Context(), room, "2", func(turn *session.Turn) error {
			turn.AddVariant(session.Variant{Text: strings.Repeat(fmt.Sprint(i), 8000)})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	sess, err := s.Load(t.Context(), room)
	if err != nil || len(sess.Turns) != 2 {
		t.Fatalf("Load = %v, %v", ids(sess.Turns), err)
	}
	if diff := cmp.Diff(session.MaxVariants, sess.Turns[1].Answer.Of()); diff != "" {
		t.Errorf("alternatives (-want +got):\n%s", diff)
	}
}
