package redisstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"moebot/session"
	"moebot/session/sessiontest"
)

// TestDiskIsFull: a Redis that cannot append to its file refuses to write (MISCONF) until
// it can. What it refused is not there, what it accepted is, also after its death.
func TestDiskIsFull(t *testing.T) {
	r := sessiontest.StartRedisOnSmallDisk(t, 256)
	s := open(t, r.URL(), sessiontest.Limits{MaxTurns: maxTraffic})
	f := startTraffic(t, s, 4)
	text := refused(t, func() error {
		_, err := s.Claim(t.Context(), session.Key{Channel: "other"}, time.Now().Format(time.RFC3339Nano))
		return err
	})
	if !strings.Contains(text, "MISCONF") {
		t.Errorf("refused because %q; want MISCONF", text)
	}
	if _, err := s.Ping(t.Context()); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Ping on a full disk = %v; want ErrUnavailable, for /readyz to say so", err)
	}
	r.Enlarge()
	f.flows(8)
	f.end().losesNothing(t, true)
	eventually(t, "what was appended is written", func() bool { return strings.Contains(r.Ask("INFO", "persistence"), "aof_buffer_length:0\r") }) // everysec: two seconds at most
	r.Kill()
	r.Start()
	if again := f.compare(); again.lost+again.doubled+again.pending != 0 {
		t.Errorf("after a restart of Redis %v, %d left open", again, again.pending)
	}
}

// TestDiskIsFullAlways: with appendfsync always Redis ends when it cannot write, rather
// than say so: the store is away until Redis is started again, with room.
func TestDiskIsFullAlways(t *testing.T) {
	r := sessiontest.StartRedisOnSmallDisk(t, 256, "--appendfsync", "always")
	s := open(t, r.URL(), sessiontest.Limits{MaxTurns: maxTraffic})
	f := startTraffic(t, s, 4)
	eventually(t, "Redis ends on a full disk", func() bool {
		_, err := s.Ping(t.Context())
		return errors.Is(err, session.ErrUnavailable)
	})
	r.Kill()
	r.StartOnLargeDisk()
	f.flows(8)
	f.end().losesNothing(t, true)
}
