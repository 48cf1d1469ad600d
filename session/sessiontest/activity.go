package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moebot/session"
)

func testActivity(t *testing.T, s Store) {
	ctx := t.Context()
	now := time.Date(2026, 11, 5, 1, 59, 59, 0, time.UTC)
	batch := session.Batch{Writer: "w1"}
	add := func(at time.Time, places map[string]session.Activity) {
		t.Helper()
		batch.N++
		if left, err := s.AddActivity(ctx, at, batch, places); err != nil || len(left) > 0 {
			t.Fatalf("AddActivity leaves %v: %v", left, err)
		}
	}
	one := func(people ...string) session.Activity {
		var a session.Activity
		a.Add("messages", int64(len(people)))
		for _, p := range people {
			a.Saw(p)
		}
		a.Observe("first", 3*time.Millisecond)
		return a
	}
	add(now, nil)
	add(now, map[string]session.Activity{"all": one("ann", "bob"), "7001": one("ann"), "7002": {}})
	add(now, map[string]session.Activity{"all": one("ann", "cy")})
	add(now.Add(-2*time.Hour), map[string]session.Activity{"all": one("dee"), "7001": one("dee")}) // over midnight
	add(now.Add(-24*time.Hour), map[string]session.Activity{"7001": one("eve")})
	var both session.Activity
	both.Merge(one("ann", "bob"))
	both.Merge(one("ann", "cy"))
	for _, c := range []struct {
		place string
		hours int
		want  []session.Activity
	}{
		{"all", 4, []session.Activity{{}, one("dee"), {}, both}},
		{"all", 1, []session.Activity{both}},
		{"7001", 3, []session.Activity{one("dee"), {}, one("ann")}},
		{"7002", 2, make([]session.Activity, 2)},
		{"7003", 1, make([]session.Activity, 1)},
	} {
		got, err := s.Activity(ctx, c.place, now.Add(-59*time.Minute), c.hours) // the same hour
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%d hours of %s: %v (-want +got):\n%s", c.hours, c.place, err, diff)
		}
	}
	got, err := s.Activity(ctx, "7001", now, 168)
	if err != nil || len(got) != 168 || got[143].Counts["messages"] != 1 {
		t.Errorf("a week is %d hours: %v", len(got), err)
	}
	// A batch is added once, and those of other writers beside it.
	before := batch
	add(now, map[string]session.Activity{"7004": one("ann")})
	for _, again := range []session.Batch{batch, before, {Writer: "w2", N: 1}, {Writer: "w2", N: 1}} {
		if left, err := s.AddActivity(ctx, now, again, map[string]session.Activity{"7004": one("ann")}); err != nil || len(left) > 0 {
			t.Fatalf("AddActivity(%v) leaves %v: %v", again, left, err)
		}
	}
	if got, err := s.Activity(ctx, "7004", now, 1); err != nil || got[0].Counts["messages"] != 2 || len(got[0].Counts) != 2 {
		t.Errorf("two batches, told twice, are %v, %v", got, err)
	}
	for _, bad := range []session.Batch{{Writer: "w1"}, {N: 1}, {Writer: "w 1", N: 1}} {
		if _, err := s.AddActivity(ctx, now, bad, map[string]session.Activity{"7004": one("ann")}); err == nil {
			t.Errorf("AddActivity takes %+v", bad)
		}
	}
	// Many places in one call, in all partitions.
	many := map[string]session.Activity{}
	for i := range 150 {
		many[fmt.Sprint(8000+i)] = one(fmt.Sprint(i))
	}
	add(now, many)
	for place, want := range many {
		if got, err := s.Activity(ctx, place, now, 1); err != nil || !cmp.Equal(got[0], want) {
			t.Fatalf("of %s: %v, %v; want %v", place, got, err, want)
		}
	}
	// What is refused leaves nothing behind, and comes back whole.
	for _, bad := range []map[string]session.Activity{{"a b": one("x")}, {"": one("x")}, {"all": {Counts: map[string]int64{"é": 1}}}, {"all": {Marks: map[int]bool{-1: true}}}} {
		if left, err := s.AddActivity(ctx, now, batch, bad); err == nil || !cmp.Equal(left, bad) {
			t.Errorf("AddActivity(%v) leaves %v: %v", bad, left, err)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if left, err := s.AddActivity(cancelled, now, batch, many); !errors.Is(err, context.Canceled) || len(left) != len(many) {
		t.Errorf("AddActivity when cancelled leaves %d: %v", len(left), err)
	}
	if _, err := s.Activity(cancelled, "all", now, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Activity when cancelled: %v", err)
	}
	if got, err := s.Activity(ctx, "all", now, 1); err != nil || !cmp.Equal(got[0], both) {
		t.Errorf("in the end: %v, %v", got, err)
	}
}
