package redisstore_test

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"moebot/session"
	"moebot/session/sessiontest"
)

// A question belongs to one process; to another only when the first is silent.
func TestHoldOfTwoProcesses(t *testing.T) {
	m := miniredis.RunT(t)
	a, b := open(t, "redis://"+m.Addr(), sessiontest.Limits{}), open(t, "redis://"+m.Addr(), sessiontest.Limits{})
	k, ctx := session.Key{Channel: "1"}, t.Context()
	if _, ok, err := a.Accept(ctx, k, question("42")); !ok || err != nil {
		t.Fatal(ok, err)
	}
	open := []session.Pending{{Key: k, Turn: session.Turn{ID: "42"}}}
	hold := func(when string, s sessiontest.Store, want bool) {
		t.Helper()
		if got, err := s.Hold(ctx, k, "42"); got != want || err != nil {
			t.Errorf("%s: Hold = %v, %v; want %v", when, got, err, want)
		}
	}
	hold("the other, at once", b, false)
	m.FastForward(10 * time.Second)
	if err := a.Renew(ctx, open); err != nil {
		t.Fatal(err)
	}
	m.FastForward(10 * time.Second)
	hold("the other, after a renewal", b, false)
	m.FastForward(6 * time.Second)
	hold("the other, when the first is silent", b, true)
	hold("the first, too late", a, false)
	if err := b.Release(ctx, open); err != nil {
		t.Fatal(err)
	}
	hold("the first, when the other gave it up", a, true)
}
