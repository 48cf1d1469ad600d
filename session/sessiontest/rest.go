package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moebot/session"
)

func testSettings(t *testing.T, s Store) {
	ctx := t.Context()
	all := session.Settings{
		Temperature: ptr(0.0), TopP: ptr(0.9), MinP: ptr(0.05), RepeatPenalty: ptr(1.1), TopK: ptr(0),
		MaxTokens: ptr(256), Seed: ptr(uint64(math.MaxUint64)), Persona: ptr("a <fox> & \"friend\" 🦊"),
	}
	for _, want := range []session.Settings{all, {Temperature: ptr(1.25)}, {Persona: ptr("")}, {}} {
		if err := s.SetSettings(ctx, room, want); err != nil {
			t.Fatal(err)
		}
		got, err := s.Settings(ctx, room)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("Settings: %v (-want +got):\n%s", err, diff)
		}
		sess, err := s.Load(ctx, room)
		if want.IsZero() {
			if !errors.Is(err, session.ErrNotFound) {
				t.Fatalf("Load without turns and settings: %v, want ErrNotFound", err)
			}
		} else if diff := cmp.Diff(want, sess.Settings); err != nil || diff != "" {
			t.Fatalf("Load: %v, settings (-want +got):\n%s", err, diff)
		}
	}
	if err := s.SetSettings(ctx, room, all); err != nil {
		t.Fatal(err)
	}
	sess := mustAccept(t, s, room, question("1", "q"))
	if diff := cmp.Diff(all, sess.Settings); diff != "" {
		t.Fatalf("settings of Accept (-want +got):\n%s", diff)
	}
	if set, err := s.Settings(ctx, session.Key{Channel: "1002"}); err != nil || !set.IsZero() {
		t.Fatalf("settings of another channel = %v, %v; want none", set, err)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), -1, 2.01} {
		err := s.SetSettings(ctx, room, session.Settings{Temperature: &bad})
		var se *session.SettingError
		if !errors.As(err, &se) || se.Name != "temperature" {
			t.Errorf("SetSettings(temperature %v): %v; want a SettingError", bad, err)
		}
	}
	if got, err := s.Settings(ctx, room); err != nil || !cmp.Equal(all, got) {
		t.Errorf("after refused settings: %v, %v; want those before", got, err)
	}
}

func testUpdateSettings(t *testing.T, s Store) {
	ctx := t.Context()
	change := []func(*session.Settings){
		func(s *session.Settings) { s.Temperature = ptr(0.7) },
		func(s *session.Settings) { s.TopK = ptr(40) },
		func(s *session.Settings) { s.MaxTokens = ptr(99) },
	}
	var wg sync.WaitGroup
	for _, f := range change {
		wg.Go(func() {
			if _, err := s.UpdateSettings(ctx, room, func(s *session.Settings) error { f(s); return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want := session.Settings{Temperature: ptr(0.7), TopK: ptr(40), MaxTokens: ptr(99)}
	got, err := s.Settings(ctx, room)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("three changes at once: %v (-want +got):\n%s", err, diff)
	}
	refused := errors.New("refused")
	if _, err := s.UpdateSettings(ctx, room, func(*session.Settings) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("UpdateSettings = %v; want the error of the change", err)
	}
	var se *session.SettingError
	if _, err := s.UpdateSettings(ctx, room, func(s *session.Settings) error { s.TopP = ptr(math.NaN()); return nil }); !errors.As(err, &se) {
		t.Errorf("UpdateSettings(top_p NaN) = %v; want a SettingError", err)
	}
	got, err = s.UpdateSettings(ctx, room, func(s *session.Settings) error { *s = session.Settings{}; return nil })
	if err != nil || !got.IsZero() {
		t.Errorf("UpdateSettings to none = %v, %v", got, err)
	}
	holds(t, s, room)
}

func testPending(t *testing.T, s Store) {
	start := time.Now().Add(-time.Second)
	type asked struct{ channel, id string }
	var want []asked
	for i := range 12 {
		q := asked{fmt.Sprint(2000 + i%5), fmt.Sprint(100 - i)}
		want = append(want, q)
		mustAccept(t, s, session.Key{Channel: q.channel}, question(q.id, "q "+q.id))
		time.Sleep(2 * time.Millisecond) // the order is by milliseconds
	}
	for _, done := range []int{10, 4, 0} {
		q := want[done]
		finish(t, s, session.Key{Channel: q.channel}, q.id, answer("a"+q.id, "a"), true)
		want = append(want[:done:done], want[done+1:]...)
	}
	list, err := s.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []asked
	for _, p := range list {
		got = append(got, asked{p.Key.Channel, p.Turn.ID})
		if diff := cmp.Diff(question(p.Turn.ID, "q "+p.Turn.ID), p.Turn); diff != "" {
			t.Errorf("pending turn (-want +got):\n%s", diff)
		}
		if p.Since.Before(start) || p.Since.After(time.Now()) {
			t.Errorf("pending since %v, started at %v", p.Since, start)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Pending = %v; want %v", got, want)
	}
}

func testPendingGivenUp(t *testing.T, s Store) {
	mustAccept(t, s, room, question("1", "q"))
	if p, err := s.Pending(t.Context()); err != nil || len(p) != 1 {
		t.Fatalf("Pending = %v, %v; want one", p, err)
	}
	eventually(t, "the question is given up", func() bool {
		p, err := s.Pending(t.Context())
		return err == nil && len(p) == 0
	})
	// Who works on it nevertheless may finish.
	finish(t, s, room, "1", answer("2", "a"), true)
	holds(t, s, room, "1", "2")
}

func testFacts(t *testing.T, s Store) {
	ctx := t.Context()
	for _, v := range []string{"abc", "", "bytes \x00\xff\r\n"} {
		for _, name := range []string{"commands", "other/fact-1"} {
			if err := s.Remember(ctx, name, v+name); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"commands", "other/fact-1"} {
			if got, err := s.Recall(ctx, name); err != nil || got != v+name {
				t.Errorf("Recall(%s) = %q, %v; want %q", name, got, err, v+name)
			}
		}
	}
}

func testCounters(t *testing.T, s Store) {
	ctx := t.Context()
	if err := s.Count(ctx, room, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		k := session.Key{Channel: fmt.Sprint(3000 + i)}
		mustAccept(t, s, k, question("1", "q"))
		mustAccept(t, s, k, question("1b", "q"))
		if _, _, err := s.Accept(ctx, k, question("1", "q")); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second changes nothing
			if done, err := s.Finish(ctx, k, "1", answer("2", "a"), session.Amount{Name: "pieces", N: 3}, session.Amount{Name: "tokens_in", N: 1000}); !done || err != nil {
				t.Fatal(done, err)
			}
		}
		if done, err := s.Finish(ctx, k, "1", answer("3", "b"), session.Amount{Name: "pieces", N: 100}); done || err != nil {
			t.Errorf("a second answer: %v, %v", done, err)
		}
		if err := s.Count(ctx, k, map[string]int64{"tokens_in": int64(i), "tokens_out": 1 << 40}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]int64{"messages": 20, "answers": 10, "pieces": 30, "tokens_in": 10045, "tokens_out": 10 << 40}
	got, err := s.Counters(ctx)
	if diff := cmp.Diff(session.Counters{Total: want, Today: want}, got); err != nil || diff != "" {
		t.Errorf("Counters: %v (-want +got; midnight UTC may explain a difference):\n%s", err, diff)
	}
}

func testBadInput(t *testing.T, s Store) {
	ctx := t.Context()
	for _, k := range []session.Key{{}, {Channel: "a b"}, {Channel: "a\n"}, {Channel: "é"}, {Channel: string(make([]byte, 200))}} {
		if _, _, err := s.Accept(ctx, k, question("1", "q")); err == nil {
			t.Errorf("Accept in channel %q: no error", k.Channel)
		}
		_, lerr := s.Load(ctx, k)
		_, serr := s.Settings(ctx, k)
		_, uerr := s.UpdateSettings(ctx, k, func(*session.Settings) error { return nil })
		_, ferr := s.Finish(ctx, k, "1", answer("2", "a"))
		_, rerr := s.Remove(ctx, k, "1")
		for name, err := range map[string]error{
			"Load": lerr, "Settings": serr, "UpdateSettings": uerr, "Finish": ferr, "Reset": s.Reset(ctx, k), "Remove": rerr,
			"SetSettings": s.SetSettings(ctx, k, session.Settings{}), "Count": s.Count(ctx, k, map[string]int64{"x": 1}),
		} {
			if err == nil || errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrUnavailable) {
				t.Errorf("%s in channel %q: %v; want an error of its own", name, k.Channel, err)
			}
		}
	}
	for _, turn := range []session.Turn{{}, {ID: "1"}, {ID: "1 2", Role: session.RoleUser}, {ID: "1", Role: "system"}} {
		if _, _, err := s.Accept(ctx, room, turn); err == nil {
			t.Errorf("Accept(%v): no error", turn)
		}
	}
	if _, err := s.Finish(ctx, room, "", answer("2", "a")); err == nil {
		t.Error("Finish without a question: no error")
	}
	if err := s.Remember(ctx, "", "x"); err == nil {
		t.Error("Remember without a name: no error")
	}
	holds(t, s, room)
	// Curly braces and colons in an id stay inside it.
	odd := session.Key{Channel: "{x}:y"}
	mustAccept(t, s, odd, question("{1}:2", "q"))
	finish(t, s, odd, "{1}:2", answer("3", "a"), true)
	holds(t, s, odd, "{1}:2", "3")
	// Bytes that are not UTF-8 are replaced, not refused.
	sess := mustAccept(t, s, room, question("9", "a\xff\xfeb"))
	if got, want := sess.Turns[0].Text, "a\uFFFDb"; got != want {
		t.Errorf("text = %q, want %q", got, want)
	}
}

func testContext(t *testing.T, s Store) {
	mustAccept(t, s, room, question("1", "q"))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for want, ctx := range map[error]context.Context{context.Canceled: cancelled, context.DeadlineExceeded: late} {
		_, _, aerr := s.Accept(ctx, room, question("2", "q"))
		_, lerr := s.Load(ctx, room)
		_, perr := s.Pending(ctx)
		_, cerr := s.Counters(ctx)
		for name, err := range map[string]error{"Accept": aerr, "Load": lerr, "Pending": perr, "Counters": cerr, "Reset": s.Reset(ctx, room)} {
			if !errors.Is(err, want) {
				t.Errorf("%s = %v; want %v", name, err, want)
			}
		}
	}
	holds(t, s, room, "1")
	mustAccept(t, s, room, question("2", "q"))
}
