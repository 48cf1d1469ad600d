package discordtest

import (
	"slices"
	"sync"
	"time"
)

// Clock tells the time by which deadlines (3 s to acknowledge an interaction, 15 min of its token), rate
// limits and message times are measured. Implementations are safe for concurrent use.
type Clock interface {
	// Now is the present time.
	Now() time.Time
	// AfterFunc calls f on another goroutine, or inside the call that moves the clock, once d has passed.
	// The function returned keeps f from being called; it reports whether it came in time.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// systemClock is the computer's own clock.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

// ManualClock is a Clock that stands still until Advance moves it, so that minutes take microseconds in a
// test. The zero value is not ready; use NewManualClock.
type ManualClock struct {
	mu      sync.Mutex
	now     time.Time
	pending []*manualTimer
}

type manualTimer struct {
	at time.Time
	f  func()
}

// NewManualClock returns a clock that shows start.
func NewManualClock(start time.Time) *ManualClock { return &ManualClock{now: start} }

// Now is the time the clock was last moved to.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc implements Clock; f is called by the Advance that passes its time.
func (c *ManualClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &manualTimer{at: c.now.Add(d), f: f}
	c.pending = append(c.pending, t)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(c.pending, t)
		if i < 0 {
			return false
		}
		c.pending = slices.Delete(c.pending, i, i+1)
		return true
	}
}

// Advance moves the clock by d and calls, in the order of their times, the functions that became due.
func (c *ManualClock) Advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	for {
		next := -1
		for i, t := range c.pending {
			if !t.at.After(end) && (next < 0 || t.at.Before(c.pending[next].at)) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		t := c.pending[next]
		c.pending = slices.Delete(c.pending, next, next+1)
		if t.at.After(c.now) {
			c.now = t.at
		}
		c.mu.Unlock()
		t.f()
		c.mu.Lock()
	}
	c.now = end
	c.mu.Unlock()
}
