package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"moebot/session"
)

// answer makes, shows and stores the answer to one question.
func (s *Service) answer(w *work) {
	q := w.q
	start := time.Now()
	ctx, cancel, ok := w.begin(s.ctx, s.opt.Timeout)
	if !ok {
		return // stopped, and settled by who stopped it
	}
	defer cancel()
	if s.ctx.Err() != nil {
		if !q.once {
			s.leave(q)
		}
		return
	}
	p, err := s.prompt(w)
	if err != nil {
		if s.ctx.Err() != nil {
			s.leave(q)
			return
		}
		s.failed("store")
		s.opt.Log.Error("a conversation could not be read", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
		s.refuse(q)
		return
	}
	if len(p.Turns) == 0 { // deleted or reset while it waited
		s.opt.Log.Info("a question is gone before its turn", "channel", q.Key.Channel, "message", q.Turn.ID)
		s.withdraw(q.Reply)
		return
	}
	if words := s.inNeed(p); words != "" {
		s.opt.Log.Info("a message speaks of great need: it has the words that are for it", "channel", q.Key.Channel, "message", q.Turn.ID)
		s.say(q, words) // before it is settled: rather twice, if we die here, than not at all
		s.settle(q)
		return
	}
	q.Reply.Start()
	a, genErr := s.generate(ctx, q.Reply, p)
	if genErr != nil && s.opt.HandOver && !q.once && errors.Is(context.Cause(ctx), errStopping) {
		s.handOver(q)
		return
	}
	text, notice := s.verdict(ctx, q, &a, genErr)
	text = strings.TrimSpace(text)
	if text == "" && w.isGone() {
		s.withdraw(q.Reply)
		return
	}
	if text == "" {
		if genErr == nil {
			s.failed("generate") // not a word
		}
		s.conclude(q, notice)
		return
	}
	end := End{Text: text, Answer: !q.once, Cut: a.cut(), Of: 1}
	w.mu.Lock()
	end.Stale = w.edited
	w.mu.Unlock()
	ids, ok := s.show(q, end)
	if !ok { // nobody saw it: it is not part of the conversation
		s.conclude(q, sayFailed)
		return
	}
	turn := session.Turn{ID: ids[0], Role: session.RoleAssistant, Text: text, Time: time.Now(),
		Answer: &session.Answer{To: q.Turn.ID, For: q.Turn.AuthorID, More: ids[1:], Cut: end.Cut, Stale: end.Stale}}
	if len(ids) == 1 {
		turn.Answer.More = nil
	}
	s.keep(q, turn, a, start)
	if offer := w.end(end.Stale); offer != nil {
		s.markStale(q.Key, q.Turn.ID, offer)
	}
}

// show shows an answer for good; false if nobody can see it.
func (s *Service) show(q Question, e End) ([]string, bool) {
	ctx, cancel := context.WithTimeout(s.hard, s.opt.Deliver)
	defer cancel()
	ids, err := q.Reply.Finish(ctx, e)
	if err != nil {
		s.failed("show")
		s.opt.Log.Error("an answer could not be shown", "channel", q.Key.Channel, "message", q.Turn.ID, "err", err)
	}
	return ids, len(ids) > 0
}

func (s *Service) withdraw(r Reply) {
	ctx, cancel := context.WithTimeout(s.hard, s.opt.Deliver)
	defer cancel()
	r.Withdraw(ctx)
}

// Tracer is a Generator that wants to know which message an answer became, or, if more,
// which message's answer was gone on with.
type Tracer interface {
	Keep(channel, messageID string, t Trace, more bool)
}

// prompt reads the conversation up to the question.
func (s *Service) prompt(w *work) (Prompt, error) {
	q := w.q
	if q.once {
		return q.prompt, nil
	}
	sess := w.known()
	if sess == nil {
		ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
		defer cancel()
		now, err := s.store.Load(ctx, q.Key)
		if errors.Is(err, session.ErrNotFound) {
			return Prompt{}, nil
		}
		if err != nil {
			return Prompt{}, err
		}
		sess = &now
	}
	turns := sess.UpTo(q.Turn.ID)
	switch {
	case !q.Known:
	case len(turns) == 0: // what came since has pushed it out of the conversation, or it was deleted
		if s.stillOpen(q) {
			turns = []session.Turn{q.Turn}
		}
	case len(turns) < len(sess.Turns) && sess.Turns[len(turns)].Role == session.RoleAssistant:
		return Prompt{}, nil // answered since it was found pending
	}
	set := q.Above.Merge(sess.Settings)
	return Prompt{Key: q.Key, QuestionID: q.Turn.ID, Turns: withReferred(Recent(turns, set, 1), q.Refers), Settings: set}, nil
}

// Recent are the turns of a conversation that the model shall see by its settings, of
// which the last more are no history.
func Recent(turns []session.Turn, set session.Settings, more int) []session.Turn {
	if set.History == nil {
		return turns
	}
	return turns[max(0, len(turns)-more-*set.History):]
}

// stillOpen reports whether a question waits for its answer: it was not deleted.
func (s *Service) stillOpen(q Question) bool {
	ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
	defer cancel()
	mine, err := s.store.Hold(ctx, q.Key, q.Turn.ID)
	return err == nil && mine
}

// nearTurns is how many turns before a question are sure to be in its prompt, as far as
// they are short.
const nearTurns = 6

// withReferred are the turns up to a question with the message that it replies to.
func withReferred(turns []session.Turn, m *session.Turn) []session.Turn {
	n := len(turns) - 1
	if m == nil || n < 0 {
		return turns
	}
	for _, t := range turns[max(0, n-nearTurns):] {
		if t.ID == m.ID || t.Answer != nil && slices.Contains(t.Answer.More, m.ID) {
			return turns
		}
	}
	return slices.Insert(slices.Clone(turns), n, *m)
}

// generate has an answer made and shows it on the way. Its text is what may be shown, with
// what it begins with; it is empty if there is no more than that.
func (s *Service) generate(ctx context.Context, r Reply, p Prompt) (Answer, error) {
	var text strings.Builder
	text.WriteString(p.Begin)
	words := wordsOut(p.Settings)
	a, err := s.gen.Generate(ctx, p, func(piece string) error {
		text.WriteString(piece)
		r.Update(words.SoFar(s.soFar(text.String())))
		return nil
	})
	if strings.TrimSpace(a.Text) == "" {
		a.Text = ""
		return a, err
	}
	mask := func(text string) string {
		if s.opt.Rules != nil {
			text, _ = s.opt.Rules.Mask(text)
		}
		return words.Mask(text)
	}
	whole := p.Begin + a.Text
	if a.Text = mask(whole); a.Text != whole { // its tokens would tell what it is that may not be said
		a.Trace = Trace{}
	}
	for i, t := range a.Trace.Tokens {
		a.Trace.Tokens[i].Alternatives = slices.DeleteFunc(t.Alternatives, func(o Alternative) bool { return mask(o.Text) != o.Text })
	}
	a.Trace.Drafts = slices.DeleteFunc(a.Trace.Drafts, func(d Draft) bool { return mask(d.Text) != d.Text })
	return a, err
}

// inNeed is what is said where the question of a prompt speaks of great need.
func (s *Service) inNeed(p Prompt) string {
	if s.opt.Rules == nil || p.Begin != "" {
		return ""
	}
	return s.opt.Rules.InNeed(p.Turns[len(p.Turns)-1].Text)
}

// wordsOut are the words that settings do not want said.
func wordsOut(set session.Settings) Words {
	if set.WordsOut == nil {
		return Words{}
	}
	return FindWords(*set.WordsOut)
}

// soFar is what may be shown of a growing text: where words are masked, all but the
// last, which may become one of them.
func (s *Service) soFar(text string) string {
	if s.opt.Rules == nil {
		return text
	}
	masked, masks := s.opt.Rules.Mask(text)
	if !masks {
		return text
	}
	return masked[:strings.LastIndexAny(masked, " \n")+1]
}

// stopPerson is the Stop of an answer that a person stopped.
const stopPerson = "stopped"

// verdict is the text to show as the answer, or else the notice to show instead.
func (s *Service) verdict(ctx context.Context, q Question, a *Answer, err error) (text, notice string) {
	text = strings.TrimRight(a.Text, " \n")
	switch {
	case err == nil:
		return text, sayNothing
	case errors.Is(context.Cause(ctx), errStopped):
		a.Stop = stopPerson
		return text, sayStopped
	case errors.Is(context.Cause(s.ctx), errStopping):
		notice = stopped
	case errors.Is(err, context.DeadlineExceeded):
		notice = sayTimeout
		s.failed("timeout")
	case s.opt.Busy(err):
		notice = sayBusy
		s.failed("busy")
	default:
		notice = sayFailed
		s.failed("generate")
	}
	s.opt.Log.Error("an answer broke off", "channel", q.Key.Channel, "message", q.Turn.ID, "tokens", a.Usage.DecodedTokens, "err", err)
	if text != "" {
		text += unfinished
	}
	return text, notice
}

// keep stores a shown answer and counts it.
func (s *Service) keep(q Question, turn session.Turn, a Answer, start time.Time) {
	stored := false
	if !q.once {
		stored = s.store1(q, "the answer is stored", func(ctx context.Context) (bool, error) {
			return s.store.Finish(ctx, q.Key, q.Turn.ID, turn,
				session.Amount{Name: tokensIn, N: int64(a.Usage.PromptTokens)}, session.Amount{Name: tokensOut, N: int64(a.Usage.DecodedTokens)})
		})
	}
	s.count(q, a, start, stored, false)
	if t, ok := s.gen.(Tracer); ok {
		t.Keep(q.Key.Channel, turn.ID, a.Trace, false)
	}
}

// store1 stores something of an answer that was shown, at once or, if the store is
// away, later; it reports whether it is stored now.
func (s *Service) store1(q Question, what string, do func(ctx context.Context) (bool, error)) bool {
	done := false
	return s.attempt(chore{what, q.Key.Channel, q.Turn.ID, func(ctx context.Context) (err error) {
		done, err = do(ctx)
		return err
	}}) && done
}

// Counters of the store.
const tokensIn, tokensOut = "tokens_in", "tokens_out"

// count counts an answer that was shown, for the first time or again.
func (s *Service) count(q Question, a Answer, start time.Time, stored, again bool) {
	u := a.Usage
	s.stats.answers.Add(1)
	if s.opt.Observer != nil {
		s.opt.Observer.Answered(q.Key, u, a.Stop, again, time.Since(start))
	}
	s.opt.Log.Info("answered", "channel", q.Key.Channel, "message", q.Turn.ID, "stored", stored, "stop", a.Stop,
		"prompt", u.PromptTokens, "reused", u.ReusedTokens, "dropped_turns", u.DroppedTurns, "decoded", u.DecodedTokens,
		"first_token", u.TimeToFirstToken.Round(100*time.Microsecond), "tok_s", fmt.Sprintf("%.1f", u.Speed()), "took", time.Since(start).Round(time.Millisecond))
}

// Speed is tokens per second after the first, 0 for fewer than two.
func (u Usage) Speed() float64 {
	if u.DecodeTime <= 0 || u.DecodedTokens < 2 {
		return 0
	}
	return float64(u.DecodedTokens-1) / u.DecodeTime.Seconds()
}
