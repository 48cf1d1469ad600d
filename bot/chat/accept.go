package chat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"moebot/session"
)

// accept stores a question and puts it into its channel's queue. It runs in the
// order of arrival and waits for nothing but the store, and, for patient questions,
// for room.
func (s *Service) accept(q Question) {
	if !s.decide(&q) {
		return
	}
	idle := s.turns.idle(q.Key.Channel)
	sess, wait, ok := s.take(q)
	if !ok {
		return
	}
	if wait > 0 {
		s.asked(q)
		s.turnBack(q, TooFast(wait))
		return
	}
	w := &work{q: q}
	if _, taken := s.open.LoadOrStore(q.name(), w); taken { // pending, but not left over
		s.stats.duplicates.Add(1)
		return
	}
	s.asked(q)
	if idle {
		w.sess = sess
	}
	job := func(before int) {
		defer s.open.Delete(q.name())
		if before > 0 { // what came before is not in it
			w.outdate()
		}
		s.contain(q, func(Question) { s.answer(w) })
	}
	var before int
	var err error
	if q.patient {
		before, err = s.turns.wait(s.ctx, q.Key.Channel, job)
	} else {
		before, err = s.turns.add(q.Key.Channel, job)
	}
	switch {
	case errors.Is(err, ErrFull):
		s.turnBack(q, Full)
		s.open.Delete(q.name())
	case err != nil:
		s.open.Delete(q.name())
		s.leave(q)
	case before > 0:
		q.Reply.Queued(before)
	}
}

// decide lets a question that is not one yet be decided; false if it is none, or is
// refused.
func (s *Service) decide(q *Question) bool {
	if q.Decide == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
	defer cancel()
	refusal, ok := q.Decide(ctx, q)
	if !ok {
		return false
	}
	if refusal != "" {
		s.stats.refused.Add(1)
		if !q.Quiet {
			s.notify(*q, func(q Question) { s.turnAway(q, refusal) })
		}
		return false
	}
	return true
}

// take reports whether the question is this service's to answer, how long its author
// has to wait with it, and, if it is new, the conversation up to it.
func (s *Service) take(q Question) (sess *session.Session, wait time.Duration, ok bool) {
	if s.refused.has(q.name()) {
		s.repeats(q)
		return nil, 0, false
	}
	if q.Known {
		if s.late.has(q.Key.Channel, q.Turn.ID) { // answered or settled here, of which the store knows nothing yet
			s.stats.duplicates.Add(1)
			return nil, 0, false
		}
		mine, err := s.hold(q)
		if err != nil { // it stays pending
			s.opt.Log.Error("a question of before could not be taken up", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
			return nil, 0, false
		}
		if !mine { // answered, or another process is at it
			s.stats.duplicates.Add(1)
		}
		return nil, 0, mine
	}
	if s.heard.has(q.name()) { // delivered twice
		s.repeats(q)
		return nil, 0, false
	}
	ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
	defer cancel()
	now, accepted, wait, err := s.store.Admit(ctx, q.Key, q.Turn, s.limits(q))
	switch {
	case err != nil:
		s.failed("store")
		s.opt.Log.Error("a question could not be stored", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
		if s.ctx.Err() == nil {
			s.refuse(q)
		}
		return nil, 0, false
	case !accepted: // taken by another instance, or long ago
		s.heard.add(q.name())
		s.repeats(q)
		return nil, 0, false
	}
	s.heard.add(q.name())
	return &now, wait, true
}

// repeats leaves a question alone that was taken before.
func (s *Service) repeats(q Question) {
	s.stats.duplicates.Add(1)
	if q.Twice != nil {
		q.Twice()
	}
}

// holdPatience is how long questions of before wait for a store that is away: were one left
// at once, another asked behind it could be taken a moment later, and overtake it. Who asked
// that one waits as long to hear that the store is away, so once it was in vain, the next
// ones do not wait.
const holdPatience, holdPause = 3 * time.Second, 100 * time.Millisecond

// hold takes charge of a question of before; false if it is answered, or another process is
// at it.
func (s *Service) hold(q Question) (mine bool, err error) {
	for start := time.Now(); ; {
		ctx, cancel := context.WithTimeout(s.ctx, max(storeTimeout-time.Since(start), holdPause))
		mine, err = s.store.Hold(ctx, q.Key, q.Turn.ID)
		cancel()
		switch {
		case err == nil || !away(err):
			s.inVain.Store(false)
			return mine, err
		case time.Since(start) > holdPatience || s.inVain.Load():
			s.inVain.Store(true)
			return mine, err
		}
		select {
		case <-s.ctx.Done():
			return false, err
		case <-time.After(holdPause):
		}
	}
}

// TooFast is what a person is told who asks more than they, or their server, may.
func TooFast(wait time.Duration) string {
	n := int((wait + time.Second - 1) / time.Second)
	if n == 1 {
		return "That is faster than I may answer here. Please wait a second."
	}
	return fmt.Sprintf("That is faster than I may answer here. Please wait %d seconds.", n)
}

// limits are what a question takes tokens from.
func (s *Service) limits(q Question) []session.Limit {
	if s.opt.Rules == nil || q.patient || q.Turn.AuthorID == "" {
		return nil
	}
	return s.opt.Rules.Limits(q.Server, q.Turn.AuthorID, q.Above)
}

// leave lets a question stay pending, for the next start or another process.
func (s *Service) leave(q Question) {
	s.release(q)
	s.withdraw(q.Reply)
}

// Pauser is a Reply that can be left as it is, half shown: the Reply of another process
// to the same question goes on with it.
type Pauser interface{ Pause(ctx context.Context) }

// handOver lets a question stay pending whose answer has begun.
func (s *Service) handOver(q Question) {
	r, ok := q.Reply.(Pauser)
	if !ok {
		s.leave(q)
		return
	}
	ctx, cancel := context.WithTimeout(s.hard, s.opt.Deliver)
	defer cancel()
	r.Pause(ctx)
	s.release(q)
}

// release gives up the charge of a question.
func (s *Service) release(q Question) {
	s.opt.Log.Info("a question is left for the next start", "channel", q.Key.Channel, "message", q.Turn.ID)
	ctx, cancel := context.WithTimeout(s.hard, time.Second)
	defer cancel()
	if err := s.store.Release(ctx, []session.Pending{{Key: q.Key, Turn: q.Turn}}); err != nil {
		s.opt.Log.Warn("a question that is left could not be given up; others wait a little for it", "err", err)
	}
}

// turnAway tells a person, once for all processes, why the question is not stored.
func (s *Service) turnAway(q Question, notice string) {
	ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
	first, err := s.store.Claim(ctx, q.Key, q.Turn.ID)
	cancel()
	if err != nil {
		s.opt.Log.Warn("a question that is refused could not be noted", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
	}
	if first || err != nil {
		s.say(q, notice)
	}
}

// refuse tells a person that the store is away. Whether it took the question before
// it went is not known: once it is back the question is taken out of it, as the
// person was told, and is known, so that it is not taken when it is delivered again. If
// another process has it by then, it is that one's: its answer stands for the notice.
func (s *Service) refuse(q Question) {
	s.refused.add(q.name())
	s.later(chore{"the refused question is forgotten", q.Key.Channel, q.Turn.ID, func(ctx context.Context) error {
		first, err := s.store.Claim(ctx, q.Key, q.Turn.ID)
		mine := false
		if err == nil && !first {
			mine, err = s.store.Hold(ctx, q.Key, q.Turn.ID)
		}
		if mine {
			_, err = s.store.Remove(ctx, q.Key, q.Turn.ID)
		}
		if err != nil && !errors.Is(err, session.ErrNotFound) {
			return err
		}
		s.refused.drop(q.name())
		return nil
	}})
	s.notify(q, func(q Question) { s.sayWithin(q, End{Text: sayAway, Shared: true}, noticeTries) })
}

// noticeTries is how often a notice is shown that finds Discord away, Options.Deliver
// each time.
const noticeTries = 10

// say shows a sentence that is not part of the conversation. If that takes too long, it
// goes on beside the questions that follow.
func (s *Service) say(q Question, text string) { s.sayWithin(q, End{Text: text}, noticeTries) }

func (s *Service) sayWithin(q Question, e End, tries int) {
	ctx, cancel := context.WithTimeout(s.hard, s.opt.Deliver)
	defer cancel()
	_, err := q.Reply.Finish(ctx, e)
	if err == nil {
		return
	}
	s.opt.Log.Error("a notice could not be shown", "channel", q.Key.Channel, "message", q.Turn.ID, "tries_left", tries-1, "err", err)
	if tries > 1 && errors.Is(err, context.DeadlineExceeded) && s.hard.Err() == nil {
		s.aside(q.Key.Channel, q, func(q Question) { s.sayWithin(q, e, tries-1) })
	}
}

// conclude settles a question without an answer of the model: it will not be
// pending any more, and the person reads why.
func (s *Service) conclude(q Question, notice string) {
	s.settle(q)
	s.say(q, notice)
}

// turnBack is conclude for want of room or of time: quietly, if nobody asked. The question
// is settled at once, or it would be taken for one that was left over while the notice
// waits for those before it. It is counted after that: who reads the count finds it settled.
func (s *Service) turnBack(q Question, notice string) {
	s.settle(q)
	s.stats.refused.Add(1)
	if !q.Quiet {
		s.notify(q, func(q Question) { s.say(q, notice) })
	}
}

// settle takes a question without an answer off the list of pending ones.
func (s *Service) settle(q Question) {
	if q.once {
		return
	}
	s.attempt(chore{"the question is settled", q.Key.Channel, q.Turn.ID, func(ctx context.Context) error {
		_, err := s.store.Finish(ctx, q.Key, q.Turn.ID, session.Turn{ID: q.Turn.ID, Role: session.RoleAssistant, Time: time.Now()})
		return err
	}})
}
