package sessiontest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"moebot/session"
)

// remove removes a turn and checks which answer goes with it.
func remove(t *testing.T, s Store, k session.Key, id, want string) {
	t.Helper()
	answer, err := s.Remove(t.Context(), k, id)
	if err != nil || answer != want {
		t.Fatalf("Remove(%s, %s) = %q, %v; want %q, nil", k, id, answer, err, want)
	}
}

func testRemove(t *testing.T, s Store) {
	mustAccept(t, s, room, question("1", "q"))
	mustAccept(t, s, room, question("3", "q"))
	mustAccept(t, s, room, question("5", "q"))
	finish(t, s, room, "1", answer("2", "of old: directly behind"), true)
	finish(t, s, room, "5", answering("6", "5", "77", "a"), true)
	remove(t, s, room, "99", "")
	holds(t, s, room, "1", "2", "3", "5", "6")
	remove(t, s, room, "1", "2")
	holds(t, s, room, "3", "5", "6")
	remove(t, s, room, "3", "") // the turns behind it are no answer to it
	holds(t, s, room, "5", "6")
	finish(t, s, room, "3", answer("4", "a"), false)
	holds(t, s, room, "5", "6")
	if p, err := s.Pending(t.Context()); err != nil || len(p) != 0 {
		t.Fatalf("Pending = %v, %v; want none", p, err)
	}
	for _, id := range []string{"1", "2", "3"} {
		if _, ok, err := s.Accept(t.Context(), room, question(id, "q")); err != nil || ok {
			t.Fatalf("Accept of the removed message %s = %v, %v; want false", id, ok, err)
		}
	}
	remove(t, s, room, "6", "") // an answer's message: what it answers stays
	holds(t, s, room, "5")
	remove(t, s, room, "5", "")
	holds(t, s, room)
}

// testRemoveAnswers: with a question goes its answer, wherever that stands by now and
// whatever was made of it.
func testRemoveAnswers(t *testing.T, s Store) {
	ctx := t.Context()
	mustAccept(t, s, room, question("1", "I live in Oslo"))
	finish(t, s, room, "1", answering("2", "1", "77", "Oslo is nice"), true)
	if _, err := s.UpdateTurn(ctx, room, "2", func(turn *session.Turn) error {
		turn.AddVariant(session.Variant{Text: "What is Oslo like?"})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	mustAccept(t, s, room, question("3", "q"))
	finish(t, s, room, "3", answering("4", "3", "77", "a"), true)
	if err := s.Reset(ctx, room); err != nil {
		t.Fatal(err)
	}
	remove(t, s, room, "1", "2")
	if n, err := s.Undo(ctx, room); n != 2 || err != nil {
		t.Fatalf("Undo = %d, %v; want 2", n, err)
	}
	holds(t, s, room, "3", "4")
	// the question is pushed out, and its answer is the oldest turn
	long := session.Key{Channel: "1002"}
	for i := range 4 {
		mustAccept(t, s, long, question(fmt.Sprint("q", i), "q"))
	}
	finish(t, s, long, "q0", session.Turn{}, true)
	finish(t, s, long, "q1", answering("a1", "q1", "77", "a"), true)
	finish(t, s, long, "q2", answering("a2", "q2", "77", "a"), true)
	holds(t, s, long, "a1", "q2", "a2", "q3")
	remove(t, s, long, "q1", "a1")
	holds(t, s, long, "q2", "a2", "q3")
}

// testRemoveConcurrently: an answer that comes while its question is removed is refused
// or goes with it, and so does one that is changed meanwhile.
func testRemoveConcurrently(t *testing.T, s Store) {
	ctx := t.Context()
	for round := range 20 {
		old, q := fmt.Sprint("old", round), fmt.Sprint("q", round)
		mustAccept(t, s, room, question(old, "q"))
		finish(t, s, room, old, answer("a"+old, "a"), true)
		mustAccept(t, s, room, question(q, "q"))
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := s.Finish(ctx, room, q, answer("a"+q, "a")); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			_, err := s.UpdateTurn(ctx, room, "a"+old, func(turn *session.Turn) error {
				turn.AddVariant(session.Variant{Text: "b"})
				return nil
			})
			if err != nil && !errors.Is(err, session.ErrNotFound) {
				t.Error(err)
			}
		})
		for _, id := range []string{q, old} {
			all.Go(func() {
				if _, err := s.Remove(ctx, room, id); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		holds(t, s, room)
	}
}
