package chat

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"moebot/session"
)

// Options are what a Service is told once.
type Options struct {
	QueueLen int           // questions of a channel, the one being answered included; at least 1
	Timeout  time.Duration // of an answer, from its turn in the queue
	Renew    time.Duration // between signs of life to the store; 0 is 5 s
	Deliver  time.Duration // for the showing of a finished answer; 0 is a minute
	// HandOver leaves answers that Close breaks off to other processes, which answer
	// anew, instead of showing them unfinished.
	HandOver bool
	Busy     func(error) bool // whether a Generator's error means "too many at once"
	Rules    Rules            // may be nil
	Observer Observer         // may be nil
	Log      *slog.Logger
}

// Rules are what people and the model are held to. They may change at any time.
type Rules interface {
	// Limits are the buckets that a question of a person takes a token from, in a server,
	// or in none if that is empty, where such settings hold. Where one of them is empty,
	// the others keep theirs.
	Limits(serverID, personID string, set session.Settings) []session.Limit
	// Mask is what may be shown of a text of the model's; masks is whether that may
	// differ from the text at all.
	Mask(text string) (shown string, masks bool)
	// InNeed is what is said, in place of an answer of the model's, to a message that speaks
	// of great need; "" to others.
	InNeed(text string) string
}

// Observer is told of what happens, for figures. It must not block.
type Observer interface {
	// Asked is told of a question that was taken, and who asked it.
	Asked(k session.Key, personID string)
	// Answered is told of an answer that was shown, whether it is another one to the same
	// question or more of it, and how long it took from its turn in the queue.
	Answered(k session.Key, u Usage, stop string, again bool, took time.Duration)
	// Failed is told of what went wrong: store, show, timeout, busy, generate, panic.
	Failed(kind string)
}

// What people are told when there is no answer. One calm sentence each; the log has
// the cause.
const (
	sayAway    = "I can't reach my memory at the moment, so I didn't take that in. Please ask me again in a little while."
	sayFailed  = "Something went wrong while I was thinking about that. Please ask me again."
	sayBusy    = "There are too many questions at once just now. Please ask me again in a moment."
	sayTimeout = "That took me too long, so I stopped."
	sayNothing = "I have no words for that."
	sayStopped = "Stopped before I had said anything."
	unfinished = " …"
	stopped    = "I was switched off before I could answer. Please ask me again."
	// storeTimeout bounds a call of the store, so that an absent Redis is noticed soon.
	storeTimeout = 5 * time.Second
	// grace is how long Close lets broken off answers be shown and stored.
	grace = 1500 * time.Millisecond
)

// Full is what a person is told whose question finds the queue full.
const Full = "I'm still busy with the questions before yours. Please ask me again when I've caught up."

// Service answers questions.
type Service struct {
	store   Store
	gen     Generator
	opt     Options
	intake  *queue // stores questions as they come
	turns   *queue // answers them
	notices *queue // tells people what is no answer
	stats   stats

	late    late           // calls of the store to repeat
	heard   lately         // questions that the store knows
	refused lately         // questions whose authors were told that the store is away, which does not know it yet
	open    sync.Map       // by Question.name: *work, accepted here and not settled yet
	wg      sync.WaitGroup // of keepCharge
	inVain  atomic.Bool    // the last question of before waited for the store, which did not come back; see hold

	ctx    context.Context // ends when running answers are to be broken off
	cancel context.CancelCauseFunc
	hard   context.Context // ends when nothing can be shown or stored any more
	drop   context.CancelFunc
}

// New returns a service. Close it.
func New(store Store, gen Generator, o Options) *Service {
	s := &Service{store: store, gen: gen, opt: o, intake: newQueue(o.QueueLen + 1), turns: newQueue(o.QueueLen), notices: newQueue(maxNotices)}
	s.intake.apart = true // nobody is refused because the questions of a gap are being looked up
	if s.opt.Renew <= 0 {
		s.opt.Renew = renewEvery
	}
	if s.opt.Deliver <= 0 {
		s.opt.Deliver = time.Minute
	}
	if s.opt.Busy == nil {
		s.opt.Busy = func(error) bool { return false }
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.hard, s.drop = context.WithCancel(context.Background())
	s.wg.Go(s.keepCharge)
	return s
}

// maxNotices bounds the refusals that wait to be said in a channel; more are silent.
const maxNotices = 32

// Ask takes a question and returns at once. ErrFull and ErrClosed mean that it was
// not taken; it is no part of the conversation then. With ErrFull the person is told.
func (s *Service) Ask(q Question) error {
	_, err := s.intake.add(q.Key.Channel, func(int) { s.contain(q, s.accept); s.taken(q) })
	if errors.Is(err, ErrFull) {
		if !q.Quiet {
			s.Refuse(q, Full)
		}
		s.taken(q)
	}
	return err
}

// taken tells who asked that it need not ask again. While stopping, that is not known.
func (s *Service) taken(q Question) {
	if q.Taken != nil && s.ctx.Err() == nil {
		q.Taken()
	}
}

// Once answers a question outside of any conversation: nothing of it is remembered,
// and the answer cannot be changed. The last of p.Turns is the question; its author's
// such questions are answered one after another. Errors are as in Ask, but nobody is
// told of ErrFull. It is stopped by the key of p and the id of the question.
func (s *Service) Once(p Prompt, r Reply) error {
	q := Question{Key: p.Key, Turn: p.Turns[len(p.Turns)-1], Reply: r, once: true, prompt: p}
	w := &work{q: q}
	if _, taken := s.open.LoadOrStore(q.name(), w); taken {
		return ErrUnderWay
	}
	before, err := s.turns.add("once "+q.Turn.AuthorID, func(int) {
		defer s.open.Delete(q.name())
		s.contain(q, func(Question) { s.answer(w) })
	})
	if err != nil {
		s.open.Delete(q.name())
		s.stats.refused.Add(1)
		return err
	}
	s.asked(q)
	if before > 0 {
		r.Queued(before)
	}
	return nil
}

// AskWait takes a question that may wait: one found after a gap or a restart.
// It blocks while the queue of its channel is full, and never returns ErrFull.
func (s *Service) AskWait(ctx context.Context, q Question) error {
	q.patient = true
	_, err := s.intake.wait(ctx, q.Key.Channel, func(int) { s.contain(q, s.accept); s.taken(q) })
	return err
}

// Remove takes a message out of its conversation, and the answer to it: it was deleted.
// It acts in order with the questions of the channel. An answer under way to it ends
// there, also one that is made again. What is shown of an answer stays to be seen. An answer
// is to one question, though the model saw those before it: it stays when one of them is
// deleted.
func (s *Service) Remove(k session.Key, messageID string) {
	err := s.intake.push(k.Channel, func() {
		s.attempt(chore{"the deleted message is forgotten", k.Channel, messageID, func(ctx context.Context) error {
			_, err := s.store.Remove(ctx, k, messageID)
			return err
		}})
		if w := s.under(k, messageID); w != nil && w.delete() {
			s.aside(k.Channel, w.q, func(q Question) {
				if w.redo != nil {
					s.restore(w.redo)
					return
				}
				s.withdraw(q.Reply)
			})
		}
	})
	if err != nil {
		s.opt.Log.Warn("a message was deleted while stopping and is not forgotten", "channel", k.Channel, "message", messageID)
	}
}

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
		s.notices.close()
		s.notices.done()
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
	s.wg.Wait()
}

// asked counts a question.
func (s *Service) asked(q Question) {
	s.stats.questions.Add(1)
	if s.opt.Observer != nil {
		s.opt.Observer.Asked(q.Key, q.Turn.AuthorID)
	}
}

// failed counts a failure.
func (s *Service) failed(kind string) {
	s.stats.failed.Add(1)
	if s.opt.Observer != nil {
		s.opt.Observer.Failed(kind)
	}
}

// Limited counts a question of a person that does not come through Ask, and that id tells
// from others; it returns how long they have to wait, 0 if it may be answered. Without the
// store all may.
func (s *Service) Limited(ctx context.Context, id, serverID, personID string, set session.Settings) time.Duration {
	if s.opt.Rules == nil {
		return 0
	}
	wait, err := s.store.TakeAll(ctx, id, s.opt.Rules.Limits(serverID, personID, set))
	if err != nil {
		s.opt.Log.Warn("a person's questions could not be counted", "err", err)
	}
	return wait
}

// Refuse tells a person, once for all processes, why a message is not answered. It is
// no part of the conversation.
func (s *Service) Refuse(q Question, notice string) {
	s.stats.refused.Add(1)
	if s.intake.addOver(q.Key.Channel, maxNotices, func() {
		s.notify(q, func(q Question) { s.turnAway(q, notice) })
	}) != nil {
		s.opt.Log.Warn("a refusal is not shown: too many of them", "channel", q.Key.Channel, "message", q.Turn.ID)
	}
}

// contain keeps a panic to the message that caused it.
func (s *Service) contain(q Question, f func(Question)) {
	defer func() {
		if p := recover(); p != nil {
			s.failed("panic")
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
