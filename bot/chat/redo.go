package chat

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"moebot/session"
)

// Redo asks for another answer to a question, or for more of the one there is.
type Redo struct {
	Key        session.Key
	QuestionID string
	Old        session.Turn     // the answer as it is
	Continue   bool             // go on with Old, where it was cut
	Reply      Reply            // shows the new one in its place
	Above      session.Settings // as in Question
	Refers     *session.Turn    // as in Question
	// Failed is told in one sentence why the answer stays what it was. May be nil.
	Failed func(notice string)
}

// Redo takes the wish and returns at once. ErrUnderWay means that the question is
// being answered just now; ErrFull and ErrClosed are as in Ask. The new answer is
// made in order with the questions of the channel, from the conversation up to the
// question, and is kept beside the old one, which can be chosen again; an answer to what
// the question was before it was edited is not kept.
func (s *Service) Redo(r Redo) error {
	asker := ""
	if r.Old.Answer != nil {
		asker = r.Old.Answer.For
	}
	w := &work{redo: &r, q: Question{Key: r.Key, Reply: r.Reply, Turn: session.Turn{ID: r.QuestionID, AuthorID: asker}}}
	if _, taken := s.open.LoadOrStore(w.q.name(), w); taken {
		return ErrUnderWay
	}
	before, err := s.turns.add(r.Key.Channel, func(int) {
		defer s.open.Delete(w.q.name())
		s.contain(w.q, func(Question) { s.again(w) })
	})
	if err != nil {
		s.open.Delete(w.q.name())
		return err
	}
	if before > 0 {
		r.Reply.Queued(before)
	}
	return nil
}

// What people are told when an answer stays what it was.
const (
	sayForgotten = "I don't remember that question any more, so I can't answer it again."
	sayNoMore    = "I have nothing to add to that."
)

// again makes an answer a second time.
func (s *Service) again(w *work) {
	r, start := w.redo, time.Now()
	ctx, cancel, ok := w.begin(s.ctx, s.opt.Timeout)
	if !ok {
		return // a stopped one is restored by who stopped it
	}
	defer cancel()
	defer func() { // whatever became of it, an edit meanwhile is not lost
		if offer := w.end(r.Old.Answer != nil && r.Old.Answer.Stale); offer != nil {
			s.markStale(r.Key, r.QuestionID, offer)
		}
	}()
	if s.ctx.Err() != nil {
		s.restore(r)
		return
	}
	p, notice := s.redoPrompt(r)
	if notice != "" {
		s.fail(r, notice)
		return
	}
	if words := s.inNeed(p); words != "" {
		s.fail(r, words)
		return
	}
	r.Reply.Start()
	a, err := s.generate(ctx, r.Reply, p)
	if w.isGone() {
		s.restore(r)
		return
	}
	text, notice := s.verdict(ctx, w.q, &a, err)
	if text == "" {
		if a.Stop == stopPerson {
			notice = ""
		} else if r.Continue && err == nil {
			notice = sayNoMore
		}
		s.fail(r, notice)
		return
	}
	turn := r.Old
	if r.Continue {
		turn.Extend(session.Variant{Text: strings.TrimSpace(text), Cut: a.cut()})
	} else {
		turn.AddVariant(session.Variant{Text: strings.TrimSpace(text), Cut: a.cut()})
	}
	w.mu.Lock()
	turn.Answer.Stale = turn.Answer.Stale || w.edited
	w.mu.Unlock()
	ids, ok := s.show(w.q, EndOf(turn))
	if !ok {
		return
	}
	turn.ID, turn.Answer.More, turn.Answer.To, turn.Time = ids[0], ids[1:], r.QuestionID, time.Now()
	stored := s.store1(w.q, "the new answer is stored", func(ctx context.Context) (bool, error) {
		_, err := s.store.UpdateTurn(ctx, r.Key, r.Old.ID, func(t *session.Turn) error { *t = turn; return nil })
		if errors.Is(err, session.ErrNotFound) { // reset meanwhile: what is shown is not part of the conversation
			return false, nil
		}
		return err == nil, err
	})
	r.Old = turn // which it is from here on
	s.stats.redone.Add(1)
	if stored {
		ctx, cancel := context.WithTimeout(s.hard, storeTimeout)
		defer cancel()
		if err := s.store.Count(ctx, r.Key, map[string]int64{tokensIn: int64(a.Usage.PromptTokens), tokensOut: int64(a.Usage.DecodedTokens)}); err != nil {
			s.opt.Log.Warn("tokens could not be counted", "err", err)
		}
	}
	s.count(w.q, a, start, stored, true)
	if t, ok := s.gen.(Tracer); ok && !w.isGone() {
		t.Keep(r.Key.Channel, turn.ID, a.Trace, r.Continue && len(a.Trace.Tokens) > 0)
	}
}

// redoPrompt reads the conversation up to the question; a notice says why that will
// not do.
func (s *Service) redoPrompt(r *Redo) (p Prompt, notice string) {
	ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
	defer cancel()
	sess, err := s.store.Load(ctx, r.Key)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		s.opt.Log.Error("a conversation could not be read", "channel", r.Key.Channel, "message", r.QuestionID, "err", err)
		return p, sayAway
	}
	turns := sess.UpTo(r.QuestionID)
	now, ok := sess.AnswerTo(r.QuestionID)
	if turns == nil || !ok {
		return p, sayForgotten
	}
	r.Old = now // another process may have changed it
	set := r.Above.Merge(sess.Settings)
	p = Prompt{Key: r.Key, QuestionID: r.QuestionID, Turns: withReferred(Recent(turns, set, 1), r.Refers), Settings: set}
	switch {
	case r.Continue:
		p.Begin = now.Text
	case now.Answer != nil && now.Answer.Stale: // another question, to which nothing was said yet
	default:
		p.Settings.Seed = nil // or the same would be said again
		p.Unlike = []string{now.Text}
		if now.Answer != nil {
			for _, v := range now.Answer.Variants {
				p.Unlike = append(p.Unlike, v.Text)
			}
		}
	}
	return p, ""
}

// fail shows the answer that there is, and says why it stays.
func (s *Service) fail(r *Redo, notice string) {
	s.restore(r)
	if notice != "" {
		if r.Failed != nil {
			r.Failed(notice)
		}
	}
}

// restore shows the answer that there was.
func (s *Service) restore(r *Redo) {
	ctx, cancel := context.WithTimeout(s.hard, s.opt.Deliver)
	defer cancel()
	ids, err := r.Reply.Finish(ctx, EndOf(r.Old))
	if err != nil {
		s.opt.Log.Error("an answer could not be shown as it was", "channel", r.Key.Channel, "message", r.QuestionID, "err", err)
	}
	s.attempt(chore{"the messages of an answer are noted", r.Key.Channel, r.QuestionID, func(ctx context.Context) error {
		return s.Shown(ctx, r.Key, r.QuestionID, r.Old, ids)
	}})
}

// Shown notes in which messages the answer to a question is shown, if they are others than
// it says. One that is not remembered, or none, is no error.
func (s *Service) Shown(ctx context.Context, k session.Key, questionID string, answer session.Turn, ids []string) error {
	before := []string{answer.ID}
	if answer.Answer != nil {
		before = append(before, answer.Answer.More...)
	}
	if len(ids) == 0 || slices.Equal(ids, before) {
		return nil
	}
	_, err := s.store.UpdateTurn(ctx, k, answer.ID, func(t *session.Turn) error {
		a := session.Answer{To: questionID}
		if t.Answer != nil {
			a = *t.Answer
		}
		a.More = ids[1:]
		t.ID, t.Answer = ids[0], &a
		return nil
	})
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return err
}

// Choose makes alternative n, from 0, of the answer to a question the one that is
// part of the conversation, and returns the answer as it is then. ErrUnderWay means
// that it is being made anew; session.ErrNotFound that it is not remembered.
func (s *Service) Choose(ctx context.Context, k session.Key, questionID string, n int) (session.Turn, error) {
	if s.under(k, questionID) != nil {
		return session.Turn{}, ErrUnderWay
	}
	sess, err := s.store.Load(ctx, k)
	if err != nil {
		return session.Turn{}, err
	}
	t, ok := sess.AnswerTo(questionID)
	if !ok {
		return session.Turn{}, session.ErrNotFound
	}
	return s.store.UpdateTurn(ctx, k, t.ID, func(t *session.Turn) error { return t.Choose(n) })
}

// Edited changes the text of a question: the conversation goes on from what it says
// now, which text finds out, and may wait for; if that is empty, all stays as it was.
// It acts in order with the questions of the channel. A question that waits is answered
// as it is then; if there is an answer already, it is marked as stale, and answered is
// called with it.
func (s *Service) Edited(k session.Key, questionID string, text func(context.Context) string, answered func(session.Turn)) {
	err := s.intake.push(k.Channel, func() {
		s.contain(Question{}, func(Question) { s.edit(k, questionID, text, answered) })
	})
	if err != nil {
		s.opt.Log.Warn("a message was edited while stopping and stays as it was", "channel", k.Channel, "message", questionID)
	}
}

// errSame ends an UpdateTurn that would change nothing.
var errSame = errors.New("chat: nothing has changed")

func (s *Service) edit(k session.Key, questionID string, text func(context.Context) string, answered func(session.Turn)) {
	now := ""
	s.attempt(chore{"the edited message is stored", k.Channel, questionID, func(ctx context.Context) error {
		_, err := s.store.UpdateTurn(ctx, k, questionID, func(t *session.Turn) error {
			if t.Role != session.RoleUser {
				return errSame
			}
			if now == "" { // once, and only of what is remembered
				now = text(ctx)
			}
			if now == "" || now == t.Text {
				return errSame
			}
			t.Text = now
			return nil
		})
		switch {
		case errors.Is(err, errSame), errors.Is(err, session.ErrNotFound):
			return nil
		case err != nil:
			return err
		}
		if w := s.under(k, questionID); w == nil || w.edit(answered) {
			s.markStale(k, questionID, answered)
		}
		return nil
	}})
}

// markStale marks the answer to a question, if there is one, as one to what the question
// was before, and tells answered of it.
func (s *Service) markStale(k session.Key, questionID string, answered func(session.Turn)) {
	s.attempt(chore{"the answer to an edited message is marked", k.Channel, questionID, func(ctx context.Context) error {
		sess, err := s.store.Load(ctx, k)
		if t, ok := sess.AnswerTo(questionID); err == nil && ok {
			t, err = s.store.UpdateTurn(ctx, k, t.ID, func(t *session.Turn) error {
				a := session.Answer{To: questionID}
				if t.Answer != nil {
					a = *t.Answer
				}
				a.Stale = true
				t.Answer = &a
				return nil
			})
			if err == nil {
				answered(t)
			}
		}
		if errors.Is(err, session.ErrNotFound) { // reset meanwhile
			return nil
		}
		return err
	}})
}
