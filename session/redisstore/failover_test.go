package redisstore_test

import (
	"errors"
	"testing"
	"time"

	"moebot/session"
	"moebot/session/sessiontest"
)

// mayLose checks what a failover may do: replication does not wait, so the last
// writes may be gone, but nothing is there twice and a question that is lost is not
// left open.
func (c tally) mayLose(t *testing.T) {
	t.Helper()
	t.Log(c)
	if c.doubled != 0 || c.failed == 0 || c.pending > c.lost {
		t.Errorf("%v, %d questions left open; want none doubled, some failed calls, and no more open than were lost", c, c.pending)
	}
	if most := c.acked / 4; c.lost > most {
		t.Errorf("%d of %d acknowledged turns are lost; want no more than the last few", c.lost, c.acked)
	}
	if c.lost == 0 && c.odd != 0 {
		t.Errorf("nothing is lost, but %d calls were told that a turn was known already, or gone", c.odd)
	}
}

// TestSentinelFailover kills the master in the middle of use. The sentinels make a
// replica the master and the store goes on with it, without a word from us; when the
// old one comes back it is a replica, and the store does not mind.
func TestSentinelFailover(t *testing.T) {
	n := sessiontest.StartSentinel(t, 2, time.Second)
	s := open(t, n.URL(), sessiontest.Limits{MaxTurns: maxTraffic})
	f := startTraffic(t, s, 6)
	f.flows(60)
	old := n.Master()
	old.Kill()
	f.flows(60)
	if m := n.Master(); m == nil || m == old {
		t.Fatalf("the master is %v; want another than before", m)
	}
	old.Start()
	eventually(t, "the old master is a replica", func() bool { return n.Synced(2) })
	f.flows(12)
	f.end().mayLose(t)
}

// TestClusterFailover kills one of three masters in the middle of use; its replica
// takes its place.
func TestClusterFailover(t *testing.T) {
	nodes := sessiontest.StartCluster(t, 1)
	s := open(t, sessiontest.ClusterURL(nodes), sessiontest.Limits{MaxTurns: maxTraffic})
	f := startTraffic(t, s, 12)
	f.flows(60)
	nodes[1].Kill()
	killed := time.Now()
	eventually(t, "the replica is a master", func() bool { return nodes[4].Is("role:master") })
	t.Logf("another master after %v", time.Since(killed).Round(time.Millisecond))
	f.flows(120) // of all channels: each has its own worker
	c := f.end()
	c.mayLose(t)
	if c.gap > 40*time.Second { // of go-redis's own accord it takes a minute
		t.Errorf("a channel was without a store for %v", c.gap)
	}
	if _, err := s.Ping(t.Context()); err != nil {
		t.Errorf("Ping after the failover: %v", err)
	}
}

// TestTooFewReplicas: a Redis that is told to write only what a replica gets, and has
// none, refuses for now.
func TestTooFewReplicas(t *testing.T) {
	r := sessiontest.StartRedis(t, "--min-replicas-to-write", "1")
	s := open(t, r.URL(), sessiontest.Limits{})
	k := session.Key{Channel: "1"}
	if _, _, err := s.Accept(t.Context(), k, question("1")); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Accept without a replica = %v; want ErrUnavailable", err)
	}
	r.Ask("CONFIG", "SET", "min-replicas-to-write", "0")
	if _, ok, err := s.Accept(t.Context(), k, question("1")); err != nil || !ok {
		t.Errorf("Accept again = %v, %v; want true", ok, err)
	}
}

// TestRedisKilled kills Redis with kill -9 in the middle of use and starts it again,
// twice. While it is away every error is ErrUnavailable; afterwards calls succeed and
// nothing is there twice. With appendfsync always nothing acknowledged is missing.
// With everysec Redis may acknowledge, for two seconds at most, what it has not
// written yet, namely while the disk is slower than it: that much may be missing.
func TestRedisKilled(t *testing.T) {
	for fsync, mayLose := range map[string]bool{"always": false, "everysec": true} {
		t.Run(fsync, func(t *testing.T) {
			r := sessiontest.StartRedis(t, "--appendfsync", fsync)
			s := open(t, r.URL(), sessiontest.Limits{MaxTurns: maxTraffic})
			f := startTraffic(t, s, 6)
			for range 2 {
				time.Sleep(300 * time.Millisecond)
				f.flows(12)
				r.Kill()
				if _, err := s.Ping(t.Context()); !errors.Is(err, session.ErrUnavailable) {
					t.Errorf("Ping while Redis is away = %v; want ErrUnavailable", err)
				}
				start := time.Now()
				if _, err := s.Load(t.Context(), session.Key{Channel: "0"}); !errors.Is(err, session.ErrUnavailable) {
					t.Errorf("Load while Redis is away = %v; want ErrUnavailable", err)
				}
				if d := time.Since(start); d > 8*time.Second {
					t.Errorf("it took %v to say so", d)
				}
				r.Start()
				f.flows(12)
			}
			time.Sleep(100 * time.Millisecond)
			c := f.end()
			if mayLose {
				c.mayLose(t)
				return
			}
			c.losesNothing(t, true)
		})
	}
}
