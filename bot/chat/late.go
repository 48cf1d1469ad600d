package chat

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"moebot/session"
)

// late repeats calls of the store that failed because it was away, in their order,
// until it is back. One goroutine works while there is something to do.
type late struct {
	mu      sync.Mutex
	chores  []chore
	working bool
	wg      sync.WaitGroup
}

// chore is a call to repeat; do must be right to call again.
type chore struct {
	what             string // of the log: "the answer is stored"
	channel, message string
	do               func(ctx context.Context) error
}

// maxChores bounds what is remembered while the store is away.
const maxChores = 10000

// attempt does a chore now or, if the store is away or one of the same message waits for
// it, later. It reports whether it is done.
func (s *Service) attempt(c chore) bool {
	if s.late.has(c.channel, c.message) { // in their order
		s.later(c)
		return false
	}
	ctx, cancel := context.WithTimeout(s.hard, storeTimeout)
	defer cancel()
	err := c.do(ctx)
	if err == nil {
		return true
	}
	s.opt.Log.Error("a call of the store failed", "not_done", c.what, "channel", c.channel, "message", c.message, "again", away(err), "err", err)
	if away(err) {
		s.later(c)
	}
	return false
}

// has reports whether a chore of a message waits.
func (l *late) has(channel, message string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.chores, func(c chore) bool { return c.channel == channel && c.message == message })
}

// later hands a failed call over. It is dropped if there are too many of them.
func (s *Service) later(c chore) {
	l := &s.late
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.chores) >= maxChores {
		s.opt.Log.Error("the store is away for too long: not done", "what", c.what, "channel", c.channel, "message", c.message)
		return
	}
	l.chores = append(l.chores, c)
	if !l.working {
		l.working = true
		l.wg.Go(s.catchUp)
	}
}

// maxCatchUp is the longest that a store that is away is left alone: other processes may take
// up what it was not told is done.
const maxCatchUp = 4 * time.Second

// catchUp works off the chores. When the service stops each gets one more chance.
func (s *Service) catchUp() {
	wait := time.Second
	for {
		select {
		case <-s.ctx.Done():
		case <-time.After(wait):
		}
		stopping := s.ctx.Err() != nil
		done, did := s.catchUpOnce()
		switch {
		case done:
			return
		case stopping:
			s.giveUp()
			return
		case did > 0: // it was back for a moment
			wait = time.Second
			continue
		}
		wait = min(2*wait, maxCatchUp)
	}
}

// catchUpOnce does chores until one fails for want of the store, and returns how many it
// did; done means that none is left and the work is over.
func (s *Service) catchUpOnce() (done bool, did int) {
	l := &s.late
	for ; ; did++ {
		l.mu.Lock()
		if len(l.chores) == 0 {
			l.working = false
			l.mu.Unlock()
			return true, did
		}
		c := l.chores[0]
		l.mu.Unlock()
		ctx, cancel := context.WithTimeout(s.hard, storeTimeout)
		err := c.do(ctx)
		cancel()
		switch {
		case err == nil:
			s.opt.Log.Info("the store is back", "done", c.what, "channel", c.channel, "message", c.message)
		case away(err):
			return false, did
		default:
			s.opt.Log.Error("a late call of the store failed", "not_done", c.what, "channel", c.channel, "message", c.message, "err", err)
		}
		l.mu.Lock()
		l.chores = l.chores[1:]
		l.mu.Unlock()
	}
}

func (s *Service) giveUp() {
	s.late.mu.Lock()
	defer s.late.mu.Unlock()
	for _, c := range s.late.chores {
		s.opt.Log.Error("the store did not come back", "not_done", c.what, "channel", c.channel, "message", c.message)
	}
	s.late.chores, s.late.working = nil, false
}

// away reports whether a call of the store may succeed later.
func away(err error) bool {
	return errors.Is(err, session.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
