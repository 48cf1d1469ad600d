package sessiontest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moebot/session"
)

// plain is a session as slow and obvious as can be.
type plain struct {
	turns []string // ids
	known map[string]bool
	open  map[string]bool
	by    map[string]string // question → the answer that finished it
	set   session.Settings
}

// testModel does random things in a few channels and compares each outcome
// with plain ones: channels never see each other, and nothing depends on how
// the actions interleave.
func testModel(t *testing.T, s Store) {
	const seed, steps, keep = 7, 400, 9 // keep is the suite's MaxTurns for this test
	r := rand.New(rand.NewPCG(seed, 0))
	channels := map[string]*plain{}
	names := []string{"4001", "4002", "4003"}
	for _, c := range names {
		channels[c] = &plain{known: map[string]bool{}, open: map[string]bool{}, by: map[string]string{}}
	}
	ctx := t.Context()
	check := func(step int, what string, want, got any, err error) {
		t.Helper()
		if err != nil || !cmp.Equal(want, got) {
			t.Fatalf("seed %d, step %d: %s = %v, %v; want %v", seed, step, what, got, err, want)
		}
	}
	for step := range steps {
		c := names[r.IntN(len(names))]
		k, m := session.Key{Channel: c}, channels[c]
		id := fmt.Sprint(r.IntN(60))
		switch n := r.IntN(20); {
		case n < 8:
			sess, ok, err := s.Accept(ctx, k, question(id, c+" asks "+id))
			check(step, "Accept "+id, !m.known[id], ok, err)
			if ok {
				m.known[id], m.open[id] = true, true
				m.turns = append(m.turns, id)
				m.turns = m.turns[max(0, len(m.turns)-keep):]
			}
			check(step, "its turns", append([]string{}, m.turns...), ids(sess.Turns), nil)
		case n < 15:
			a := "a" + id + fmt.Sprint(r.IntN(2))
			want := m.open[id] || m.by[id] == a
			done, err := s.Finish(ctx, k, id, answer(a, c+" answers "+id))
			check(step, "Finish "+id, want, done, err)
			if m.open[id] {
				delete(m.open, id)
				m.by[id], m.known[a] = a, true
				if i := slices.Index(m.turns, id); i >= 0 {
					m.turns = slices.Insert(m.turns, i+1, a)
					m.turns = m.turns[max(0, len(m.turns)-keep):]
				}
			}
		case n < 16:
			check(step, "Reset", nil, nil, s.Reset(ctx, k))
			m.turns, m.open = nil, map[string]bool{}
		case n < 18:
			gone := ""
			if i := slices.Index(m.turns, id); i >= 0 {
				m.turns = slices.Delete(m.turns, i, i+1)
				if i < len(m.turns) && m.turns[i] == m.by[id] {
					gone = m.by[id]
					m.turns = slices.Delete(m.turns, i, i+1)
				}
			}
			delete(m.open, id)
			answer, err := s.Remove(ctx, k, id)
			check(step, "Remove "+id, gone, answer, err)
		default:
			m.set = session.Settings{TopK: ptr(r.IntN(100))}
			check(step, "SetSettings", nil, nil, s.SetSettings(ctx, k, m.set))
		}
		got, err := s.Load(ctx, k)
		if len(m.turns) == 0 && m.set.IsZero() {
			if !errors.Is(err, session.ErrNotFound) {
				t.Fatalf("seed %d, step %d: Load = %v, %v; want ErrNotFound", seed, step, got, err)
			}
			continue
		}
		check(step, "Load", append([]string{}, m.turns...), ids(got.Turns), err)
		check(step, "settings", m.set, got.Settings, nil)
		for _, turn := range got.Turns {
			if turn.Text[:4] != c {
				t.Fatalf("seed %d, step %d: channel %s holds %q", seed, step, c, turn.Text)
			}
		}
	}
	open := 0
	for _, m := range channels {
		open += len(m.open)
	}
	p, err := s.Pending(ctx)
	check(steps, "number of pending questions", open, len(p), err)
}
