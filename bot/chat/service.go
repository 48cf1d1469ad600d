package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"moebot/session"
)

// Options are what a Service is told once.
type Options struct {
	QueueLen int              // questions of a channel, the one being answered included; at least 1
	Timeout  time.Duration    // of an answer, from its turn in the queue
	Busy     func(error) bool // whether a Generator's error means "too many at once"
	Log      *slog.Logger
}

// What people are told when there is no answer. One calm sentence each; the log has
// the cause.
const (
	sayAway    = "I can't reach my memory at the moment, so I didn't take that in. Please ask me again in a little while."
	sayFailed  = "Something went wrong while I was thinking about that. Please ask me again."
	sayBusy    = "There are too many questions at once just now. Please ask me again in a moment."
	sayTimeout = "That took me too long, so I stopped."
	sayNothing = "I have no words for that."
	unfinished = " …"
	stopped    = "I was switched off before I could answer. Please ask me again."
	// storeTimeout bounds a call of the store, so that an absent Redis is noticed soon.
	storeTimeout = 5 * time.Second
	// deliverTimeout bounds the showing of a finished answer.
	deliverTimeout = 60 * time.Second
	// grace is how long Close lets broken off answers be shown and stored.
	grace = 1500 * time.Millisecond
)

// Full is what a person is told whose question finds the queue full.
const Full = "I'm still busy with the questions before yours. Please ask me again when I've caught up."

// Service answers questions.
type Service struct {
	store  Store
	gen    Generator
	opt    Options
	intake *queue // stores questions as they come
	turns  *queue // answers them
	stats  stats

	late late     // calls of the store to repeat
	open sync.Map // by Question.name: accepted here and not settled yet

	ctx    context.Context // ends when running answers are to be broken off
	cancel context.CancelCauseFunc
	hard   context.Context // ends when nothing can be shown or stored any more
	drop   context.CancelFunc
}

// New returns a service. Close it.
func New(store Store, gen Generator, o Options) *Service {
	s := &Service{store: store, gen: gen, opt: o, intake: newQueue(o.QueueLen + 1), turns: newQueue(o.QueueLen)}
	if s.opt.Busy == nil {
		s.opt.Busy = func(error) bool { return false }
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.hard, s.drop = context.WithCancel(context.Background())
	return s
}

// Ask takes a question and returns at once. ErrFull and ErrClosed mean that it was
// not taken; nothing of it is stored then.
func (s *Service) Ask(q Question) error {
	err := s.intake.add(q.Key.Channel, func() { s.contain(q, s.accept) })
	if err != nil {
		s.stats.refused.Add(1)
	}
	return err
}

// AskWait takes a question that may wait: one found after a gap or a restart.
// It blocks while the queue of its channel is full, and never returns ErrFull.
func (s *Service) AskWait(ctx context.Context, q Question) error {
	q.patient = true
	return s.intake.wait(ctx, q.Key.Channel, func() { s.contain(q, s.accept) })
}

// Remove takes a message out of its conversation: it was deleted. It acts in order
// with the questions of the channel.
func (s *Service) Remove(k session.Key, messageID string) {
	err := s.intake.push(k.Channel, func() {
		ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
		defer cancel()
		if err := s.store.Remove(ctx, k, messageID); err != nil && !errors.Is(err, session.ErrNotFound) {
			s.opt.Log.Error("a deleted message could not be forgotten", "channel", k.Channel, "message", messageID, "err", err)
		}
	})
	if err != nil {
		s.opt.Log.Warn("a message was deleted while stopping and is not forgotten", "channel", k.Channel, "message", messageID)
	}
}

// errStopping is the cause of answers broken off by Close.
var errStopping = errors.New("chat: stopping")

// Close takes no more questions and waits for the answers under way. When ctx ends,
// it breaks them off: what is there is shown, marked as unfinished, and questions
// still waiting stay pending in the store. That takes it two seconds at most.
func (s *Service) Close(ctx context.Context) {
	s.intake.close()
	done := make(chan struct{})
	go func() {
		s.intake.done()
		s.turns.close()
		s.turns.done()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.cancel(errStopping)
		defer time.AfterFunc(grace, s.drop).Stop()
		<-done
	}
	s.cancel(errStopping)
	defer time.AfterFunc(grace, s.drop).Stop()
	s.late.wg.Wait()
	s.drop()
}

// contain keeps a panic to the message that caused it.
func (s *Service) contain(q Question, f func(Question)) {
	defer func() {
		if p := recover(); p != nil {
			s.stats.failed.Add(1)
			s.opt.Log.Error("a question caused a panic", "channel", q.Key.Channel, "message", q.Turn.ID, "panic", p, "stack", string(debug.Stack()))
			defer func() { // a Reply may panic too
				if p := recover(); p != nil {
					s.opt.Log.Error("and its notice did too", "message", q.Turn.ID, "panic", p)
				}
			}()
			s.conclude(q, sayFailed) // or it would cause the panic again after a restart
		}
	}()
	f(q)
}

// accept stores a question and puts it into its channel's queue. It runs in the
// order of arrival.
func (s *Service) accept(q Question) {
	if !q.Known {
		ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
		_, accepted, err := s.store.Accept(ctx, q.Key, q.Turn)
		cancel()
		if err != nil {
			s.stats.failed.Add(1)
			s.opt.Log.Error("a question could not be stored", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
			if s.ctx.Err() == nil {
				s.refuse(q)
			}
			return
		}
		if !accepted { // delivered twice, or taken by another instance
			s.stats.duplicates.Add(1)
			return
		}
	}
	if _, taken := s.open.LoadOrStore(q.name(), true); taken { // pending, but not left over
		s.stats.duplicates.Add(1)
		return
	}
	s.stats.questions.Add(1)
	job := func() {
		defer s.open.Delete(q.name())
		s.contain(q, s.answer)
	}
	var err error
	if q.patient {
		err = s.turns.wait(s.ctx, q.Key.Channel, job)
	} else {
		err = s.turns.add(q.Key.Channel, job)
	}
	switch {
	case errors.Is(err, ErrFull):
		defer s.open.Delete(q.name())
		s.stats.refused.Add(1)
		s.conclude(q, Full)
	case err != nil:
		s.open.Delete(q.name())
		s.opt.Log.Info("a question is left for the next start", "channel", q.Key.Channel, "message", q.Turn.ID)
	}
}

// refuse tells a person that the store is away. Whether it took the question before
// it went is not known: once it is back the question is taken out of it, as the
// person was told.
func (s *Service) refuse(q Question) {
	s.later(chore{"the refused question is forgotten", q.Key.Channel, q.Turn.ID, func(ctx context.Context) error {
		if err := s.store.Remove(ctx, q.Key, q.Turn.ID); !errors.Is(err, session.ErrNotFound) {
			return err
		}
		return nil
	}})
	s.say(q, sayAway)
}

// say shows a sentence that is not part of the conversation.
func (s *Service) say(q Question, text string) {
	ctx, cancel := context.WithTimeout(s.hard, deliverTimeout)
	defer cancel()
	if _, err := q.Reply.Finish(ctx, text); err != nil {
		s.opt.Log.Error("a notice could not be shown", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
	}
}

// conclude settles a question without an answer of the model: it will not be
// pending any more, and the person reads why.
func (s *Service) conclude(q Question, notice string) {
	c := chore{"the question is settled", q.Key.Channel, q.Turn.ID, func(ctx context.Context) error {
		_, err := s.store.Finish(ctx, q.Key, q.Turn.ID, session.Turn{ID: q.Turn.ID, Role: session.RoleAssistant, Time: time.Now()})
		return err
	}}
	ctx, cancel := context.WithTimeout(s.hard, storeTimeout)
	defer cancel()
	if err := c.do(ctx); err != nil {
		s.opt.Log.Error("a question could not be settled", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
		if away(err) {
			s.later(c)
		}
	}
	s.say(q, notice)
}

// answer makes, shows and stores the answer to one question.
func (s *Service) answer(q Question) {
	if s.ctx.Err() != nil {
		s.opt.Log.Info("a question is left for the next start", "channel", q.Key.Channel, "message", q.Turn.ID)
		return
	}
	start := time.Now()
	p, err := s.prompt(q)
	if err != nil {
		if s.ctx.Err() != nil {
			return // left for the next start
		}
		s.stats.failed.Add(1)
		s.opt.Log.Error("a conversation could not be read", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
		s.refuse(q)
		return
	}
	if len(p.Turns) == 0 { // deleted or reset while it waited
		s.opt.Log.Info("a question is gone before its turn", "channel", q.Key.Channel, "message", q.Turn.ID)
		return
	}
	q.Reply.Start()
	a, genErr := s.generate(q, p)
	text, notice := s.verdict(q, a, genErr)
	if text == "" {
		s.stats.failed.Add(1)
		s.conclude(q, notice)
		return
	}
	ctx, cancel := context.WithTimeout(s.hard, deliverTimeout)
	defer cancel()
	id, err := q.Reply.Finish(ctx, text)
	if err != nil {
		s.stats.failed.Add(1)
		s.opt.Log.Error("an answer could not be shown", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
		if id == "" { // nobody saw it: it is not part of the conversation
			s.conclude(q, sayFailed)
			return
		}
	}
	s.keep(q, id, text, a, start)
	if t, ok := s.gen.(Tracer); ok {
		t.Keep(id, a.Trace)
	}
}

// Tracer is a Generator that wants to know which message an answer became.
type Tracer interface {
	Keep(messageID string, t Trace)
}

// prompt reads the conversation up to the question.
func (s *Service) prompt(q Question) (Prompt, error) {
	ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
	defer cancel()
	sess, err := s.store.Load(ctx, q.Key)
	if errors.Is(err, session.ErrNotFound) {
		return Prompt{}, nil
	}
	if err != nil {
		return Prompt{}, err
	}
	turns := sess.UpTo(q.Turn.ID)
	if q.Known && len(turns) < len(sess.Turns) && sess.Turns[len(turns)].Role == session.RoleAssistant {
		return Prompt{}, nil // answered since it was found pending
	}
	return Prompt{Key: q.Key, QuestionID: q.Turn.ID, Turns: turns, Settings: sess.Settings}, nil
}

func (s *Service) generate(q Question, p Prompt) (Answer, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.opt.Timeout)
	defer cancel()
	var text strings.Builder
	return s.gen.Generate(ctx, p, func(piece string) error {
		text.WriteString(piece)
		q.Reply.Update(text.String())
		return nil
	})
}

// verdict is the text to show as the answer, or else the notice to show instead.
func (s *Service) verdict(q Question, a Answer, err error) (text, notice string) {
	text = strings.TrimSpace(a.Text)
	switch {
	case err == nil:
		return text, sayNothing
	case errors.Is(context.Cause(s.ctx), errStopping):
		notice = stopped
	case errors.Is(err, context.DeadlineExceeded):
		notice = sayTimeout
	case s.opt.Busy(err):
		notice = sayBusy
	default:
		notice = sayFailed
	}
	s.opt.Log.Error("an answer broke off", "channel", q.Key.Channel, "message", q.Turn.ID, "tokens", a.Usage.DecodedTokens, "err", err)
	if text != "" {
		text += unfinished
	}
	return text, notice
}

// keep stores a shown answer and counts it.
func (s *Service) keep(q Question, id, text string, a Answer, start time.Time) {
	turn := session.Turn{ID: id, Role: session.RoleAssistant, Text: text, Time: time.Now()}
	u := a.Usage
	done := false
	c := chore{"the answer is stored", q.Key.Channel, q.Turn.ID, func(ctx context.Context) (err error) {
		done, err = s.store.Finish(ctx, q.Key, q.Turn.ID, turn)
		return err
	}}
	ctx, cancel := context.WithTimeout(s.hard, storeTimeout)
	defer cancel()
	err := c.do(ctx)
	stored := done
	switch {
	case err == nil:
		if err := s.store.Count(ctx, q.Key, map[string]int64{"tokens_in": int64(u.PromptTokens), "tokens_out": int64(u.DecodedTokens)}); err != nil {
			s.opt.Log.Warn("tokens could not be counted", "err", err)
		}
	case away(err):
		// the person has seen the answer, and a question left pending would be
		// answered a second time after a restart
		s.opt.Log.Error("an answer could not be stored; trying again", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
		s.later(c)
	default:
		s.opt.Log.Error("an answer could not be stored", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
	}
	s.stats.answered(u, time.Since(start))
	s.opt.Log.Info("answered", "channel", q.Key.Channel, "message", q.Turn.ID, "stored", stored, "stop", a.Stop,
		"prompt", u.PromptTokens, "reused", u.ReusedTokens, "dropped_turns", u.DroppedTurns, "decoded", u.DecodedTokens,
		"first_token", u.TimeToFirstToken.Round(100*time.Microsecond), "tok_s", fmt.Sprintf("%.1f", u.speed()), "took", time.Since(start).Round(time.Millisecond))
}

// speed is tokens per second after the first.
func (u Usage) speed() float64 {
	if u.DecodeTime <= 0 || u.DecodedTokens < 2 {
		return 0
	}
	return float64(u.DecodedTokens-1) / u.DecodeTime.Seconds()
}
