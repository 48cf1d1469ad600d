package chat

import (
	"context"
	"errors"
	"sync"
	"time"

	"moebot/session"
)

// ErrUnderWay is returned when what is asked for is being worked on already.
var ErrUnderWay = errors.New("chat: it is under way")

// Causes for which an answer is broken off.
var (
	errStopping = errors.New("chat: stopping")               // the service
	errStopped  = errors.New("chat: the answer was stopped") // by a person
)

// work is a question, or an answer to be made again, from when it has a place in the
// queue until it is settled.
type work struct {
	q    Question
	redo *Redo // nil for a question

	mu      sync.Mutex
	sess    *session.Session // the conversation up to the question; nil where it has to be read
	begun   bool
	stopped bool
	edited  bool               // the question, while its answer was being made
	offer   func(session.Turn) // if so, told of an answer that was shown before
	over    bool               // the answer is stored: an edit comes behind it
	gone    bool               // the question was deleted
	cancel  context.CancelCauseFunc
}

// begin makes the context of an answer; false if it was stopped before.
func (w *work) begin(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return nil, nil, false
	}
	ctx, w.cancel = context.WithCancelCause(ctx)
	cancel := w.cancel
	ctx, end := context.WithTimeout(ctx, timeout)
	w.begun = true
	return ctx, func() { end(); cancel(nil) }, true
}

// end notes that the answer is stored, as one to an edited question if stale. If the
// question was edited since that was decided, it returns who is to be told.
func (w *work) end(stale bool) (offer func(session.Turn)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.edited && !stale {
		return w.offer
	}
	return nil
}

// outdate has the conversation read again: it has changed.
func (w *work) outdate() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sess = nil
}

// known is the conversation, if it need not be read. It is so once.
func (w *work) known() *session.Session {
	w.mu.Lock()
	defer w.mu.Unlock()
	sess := w.sess
	w.sess = nil
	return sess
}

// edit notes that the question was edited; answered is told of its answer, if that is to
// the question as it was. It reports whether that is known: the answer is stored already, or
// is there and not yet made again.
func (w *work) edit(answered func(session.Turn)) (over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.edited, w.sess, w.offer = w.edited || w.begun, nil, answered
	return w.over || w.redo != nil && !w.begun
}

// stop breaks the work off. It reports whether that is its end: it had not begun.
func (w *work) stop() (waited bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return false
	}
	w.stopped = true
	if w.begun {
		w.cancel(errStopped)
	}
	return !w.begun
}

// delete breaks the work off because its question was deleted. It reports as stop.
func (w *work) delete() (waited bool) {
	w.mu.Lock()
	w.gone = true
	w.mu.Unlock()
	return w.stop()
}

// isGone reports whether the question was deleted.
func (w *work) isGone() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gone
}

// under finds what is under way for a question.
func (s *Service) under(k session.Key, questionID string) *work {
	w, _ := s.open.Load(name(k, questionID))
	if w == nil {
		return nil
	}
	return w.(*work)
}

// UnderWay reports whether a question is being answered here, or again, or waits for
// it, and whose it is.
func (s *Service) UnderWay(k session.Key, questionID string) (asker string, ok bool) {
	w := s.under(k, questionID)
	if w == nil {
		return "", false
	}
	return w.q.Turn.AuthorID, true
}

// Stop ends the work on a question: an answer ends within a token, and what was said
// of it stays; a question that waits is settled without one. It reports false if
// there is no work on it here.
func (s *Service) Stop(k session.Key, questionID string) bool {
	w := s.under(k, questionID)
	if w == nil {
		return false
	}
	s.stop(w)
	return true
}

// StopAll stops all work in a channel, of one person or, if that is empty, of all,
// and returns how much that was.
func (s *Service) StopAll(k session.Key, personID string) (n int) {
	s.each(func(w *work) {
		if w.q.Key == k && (personID == "" || w.q.Turn.AuthorID == personID) {
			s.stop(w)
			n++
		}
	})
	return n
}

// StopPerson stops all work for one person, in all channels.
func (s *Service) StopPerson(personID string) {
	s.each(func(w *work) {
		if w.q.Turn.AuthorID == personID {
			s.stop(w)
		}
	})
}

func (s *Service) stop(w *work) {
	s.stats.stopped.Add(1)
	if !w.stop() {
		return
	}
	if w.redo != nil {
		s.aside(w.q.Key.Channel, w.q, func(Question) { s.restore(w.redo) })
		return
	}
	s.aside(w.q.name(), w.q, s.settle)                             // not behind what is said before
	if !s.notify(w.q, func(q Question) { s.say(q, sayStopped) }) { // what says that it waits goes all the same
		s.aside(w.q.name(), w.q, func(q Question) { s.withdraw(q.Reply) })
	}
}

// aside runs f beside the queue of questions, after what was put aside before in the
// same lane: for what may take long and is no answer.
func (s *Service) aside(lane string, q Question, f func(Question)) {
	if err := s.notices.push(lane, func() { s.contain(q, f) }); err != nil {
		s.opt.Log.Info("what is no answer is not done", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
	}
}

// notify is aside, in the lane of the channel, for a notice. It is left out where
// maxNotices wait already, and it reports false.
func (s *Service) notify(q Question, f func(Question)) bool {
	_, err := s.notices.add(q.Key.Channel, func(int) { s.contain(q, f) })
	if err != nil {
		s.opt.Log.Info("a notice is not shown", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
	}
	return err == nil
}

// Working counts what is under way, or waits, in the channels for which of is true.
func (s *Service) Working(of func(channel string) bool) (n int) {
	s.each(func(w *work) {
		if of(w.q.Key.Channel) {
			n++
		}
	})
	return n
}

// each calls f for all that is under way or waits here.
func (s *Service) each(f func(*work)) {
	s.open.Range(func(_, w any) bool { f(w.(*work)); return true })
}

// renewEvery is how often the store hears that this process is still at its
// questions; redisstore lets others have them after three times that.
const renewEvery = 5 * time.Second

// keepCharge renews the charge of open questions until the service stops.
func (s *Service) keepCharge() {
	tick := time.NewTicker(s.opt.Renew)
	defer tick.Stop()
	for {
		select {
		case <-s.hard.Done():
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(s.hard, storeTimeout)
		if err := s.store.Renew(ctx, s.charge()); err != nil && s.hard.Err() == nil {
			s.opt.Log.Warn("the store did not hear that questions are being worked on", "err", err)
		}
		cancel()
	}
}

// charge lists the questions under way that the store knows.
func (s *Service) charge() (out []session.Pending) {
	s.each(func(w *work) {
		if w.redo == nil && !w.q.once {
			out = append(out, session.Pending{Key: w.q.Key, Turn: session.Turn{ID: w.q.Turn.ID}})
		}
	})
	return out
}
