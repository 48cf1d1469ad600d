package chat

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"moebot/session"
)

// answerTo is the stored answer to a question.
func (w *world) answerTo(channel, question string) session.Turn {
	w.t.Helper()
	s, err := w.store.Load(w.t.Context(), session.Key{Channel: channel})
	if err != nil {
		w.t.Fatal(err)
	}
	a, ok := s.AnswerTo(question)
	if !ok {
		w.t.Fatalf("no answer to %s in %+v", question, s.Turns)
	}
	return a
}

func (w *world) redo(channel, question string, more bool) *[]string {
	w.t.Helper()
	failed := &[]string{}
	err := w.s.Redo(Redo{Key: session.Key{Channel: channel}, QuestionID: question, Old: w.answerTo(channel, question), Continue: more,
		Reply: boardReply{w.board, question}, Failed: func(s string) { *failed = append(*failed, s) }})
	if err != nil {
		w.t.Fatal(err)
	}
	return failed
}

func TestAgainInPlace(t *testing.T) {
	w := newWorld(t, time.Minute)
	k := session.Key{Channel: "c"}
	w.must("c", "1", "hi")
	w.must("c", "2", "and?")
	w.board.wait(t, 2)
	w.settle()
	w.redo("c", "1", false)
	w.board.wait(t, 3)
	w.until("stored", func() bool { return w.answerTo("c", "1").Answer.Of() == 2 })
	w.gen.mu.Lock()
	same(t, w.gen.unlike, []string{"1 hi"}) // another one is wanted
	w.gen.mu.Unlock()
	a := w.answerTo("c", "1")
	if a.Text != "1 hi" || a.ID != "a1" || a.Answer.Chosen != 1 || a.Answer.For != "u" {
		t.Errorf("the second answer: %+v, %+v", a, a.Answer)
	}
	w.board.mu.Lock()
	if e := w.board.ends[2]; !e.Answer || e.Of != 2 || e.Chosen != 1 {
		t.Errorf("shown as %+v", e)
	}
	w.board.mu.Unlock()
	same(t, w.turns("c"), []string{"1 hi", "a1 1 hi", "2 and?", "a2 3 and?"}) // in its place
	w.until("settled", func() bool { _, busy := w.s.UnderWay(k, "1"); return !busy })
	// choosing, within what there is
	if got, err := w.s.Choose(t.Context(), k, "1", 0); err != nil || got.Answer.Chosen != 0 {
		t.Errorf("Choose = %+v, %v", got.Answer, err)
	}
	if _, err := w.s.Choose(t.Context(), k, "1", 2); err == nil {
		t.Error("an alternative that is not there was chosen")
	}
	if _, err := w.s.Choose(t.Context(), k, "9", 0); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("an unknown question: %v", err)
	}
	if got := w.answerTo("c", "1").Answer.Chosen; got != 0 {
		t.Errorf("stored choice %d", got)
	}
}

func TestContinueWhereItWasCut(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.must("c", "1", "cut")
	w.board.wait(t, 1)
	w.settle()
	if a := w.answerTo("c", "1"); !a.Answer.Cut || a.Text != "1 cut" {
		t.Fatalf("the cut answer: %+v, %+v", a, a.Answer)
	}
	w.redo("c", "1", true)
	if said := w.board.wait(t, 2); said[1] != "1: 1 cut and so on" {
		t.Errorf("gone on with: %q", said[1])
	}
	w.until("stored", func() bool { return w.answerTo("c", "1").Text == "1 cut and so on" })
	if a := w.answerTo("c", "1"); a.Answer.Of() != 1 {
		t.Errorf("an alternative was made: %+v", a.Answer)
	}
}

func TestRedoThatFailsRestores(t *testing.T) {
	w := newWorld(t, time.Minute)
	k := session.Key{Channel: "c"}
	for id, text := range map[string]string{"1": "hi", "2": "slow"} {
		w.must("c", id, text)
	}
	w.accepted("2", "1")
	if err := w.s.Redo(Redo{Key: k, QuestionID: "2", Reply: boardReply{w.board, "2"}}); !errors.Is(err, ErrUnderWay) {
		t.Errorf("again while it is made: %v", err)
	}
	if _, err := w.s.Choose(t.Context(), k, "2", 0); !errors.Is(err, ErrUnderWay) {
		t.Errorf("a choice while it is made: %v", err)
	}
	w.s.Stop(k, "2")
	w.board.wait(t, 2)
	w.settle()
	// edited into something that fails
	edited := make(chan session.Turn, 1)
	w.s.Edited(k, "1", says("fail"), func(a session.Turn) { edited <- a })
	if a := <-edited; !a.Answer.Stale || a.ID != "a1" {
		t.Errorf("the answer to what was edited: %+v", a.Answer)
	}
	old := w.answerTo("c", "1").Text
	failed := w.redo("c", "1", false)
	if said := w.board.wait(t, 3); said[2] != "1: "+old {
		t.Errorf("restored as %q, want %q", said[2], old)
	}
	w.until("it is said", func() bool { _, busy := w.s.UnderWay(k, "1"); return !busy })
	same(t, *failed, []string{sayFailed})
	// edited back: the new answer is not stale
	w.s.Edited(k, "1", says("better"), func(a session.Turn) { edited <- a })
	<-edited
	w.settle()
	w.redo("c", "1", false)
	w.board.wait(t, 4)
	w.until("stored", func() bool {
		a := w.answerTo("c", "1")
		return !a.Answer.Stale && strings.HasSuffix(a.Text, " better") && a.Answer.Of() == 1
	})
	w.gen.mu.Lock()
	same(t, w.gen.unlike, nil) // what was said to another question may be right for this one
	w.gen.mu.Unlock()
	// nothing is known any more
	w.settle()
	if err := w.store.Reset(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	gone := make(chan string, 1)
	if err := w.s.Redo(Redo{Key: k, QuestionID: "1", Old: session.Turn{ID: "a1", Role: session.RoleAssistant, Text: "old"}, Reply: boardReply{w.board, "1"}, Failed: func(s string) { gone <- s }}); err != nil {
		t.Fatal(err)
	}
	if said := <-gone; said != sayForgotten {
		t.Errorf("after a reset: %q", said)
	}
}

func TestEditedWhileItWaitsAndWhileItIsAnswered(t *testing.T) {
	w := newWorld(t, time.Minute)
	k := session.Key{Channel: "c"}
	w.must("c", "1", "slow")
	w.must("c", "2", "behnd")
	w.accepted("1", "2")
	none := func(session.Turn) { t.Error("there is no answer yet") }
	w.s.Edited(k, "2", says("behind"), none)
	w.s.Edited(k, "1", says("slower"), none)
	w.s.Edited(k, "9", says("unknown"), none)
	w.until("edited", func() bool {
		under := w.s.under(k, "1")
		under.mu.Lock()
		defer under.mu.Unlock()
		tu := w.turns("c")
		return tu[0] == "1 slower" && tu[1] == "2 behind" && under.edited
	})
	w.s.Stop(k, "1")
	if said := w.board.wait(t, 2); said[1] != "2: 3 behind" {
		t.Errorf("the edited question is answered %q", said[1])
	}
	w.settle()
	if !w.answerTo("c", "1").Answer.Stale || w.answerTo("c", "2").Answer.Stale {
		t.Error("which answers are stale is wrong")
	}
}

// held is a Reply whose end is shown when it may be.
type held struct {
	boardReply
	shown, leave chan struct{}
}

func (h held) Finish(ctx context.Context, e End) ([]string, error) {
	close(h.shown)
	<-h.leave
	return h.boardReply.Finish(ctx, e)
}

// An edit that comes while the answer is on its way is not lost: a new answer is offered
// as soon as the old one is stored.
func TestEditedWhileTheAnswerIsShown(t *testing.T) {
	w := newWorld(t, time.Minute)
	k := session.Key{Channel: "c"}
	reply := held{boardReply{w.board, "1"}, make(chan struct{}), make(chan struct{})}
	if err := w.s.Ask(Question{Key: k, Reply: reply, Turn: session.Turn{ID: "1", Role: session.RoleUser, AuthorID: "u", Text: "first", Time: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	<-reply.shown
	offered := make(chan session.Turn, 1)
	w.s.Edited(k, "1", says("second"), func(a session.Turn) { offered <- a })
	w.until("the edit is stored", func() bool {
		under := w.s.under(k, "1")
		under.mu.Lock()
		defer under.mu.Unlock()
		return under.edited && w.turns("c")[0] == "1 second"
	})
	close(reply.leave)
	if a := <-offered; a.ID != "a1" || !a.Answer.Stale {
		t.Errorf("offered below %+v", a)
	}
	w.settle()
	same(t, w.turns("c"), []string{"1 second", "a1 1 first"})
	w.s.Edited(k, "1", says("third"), func(a session.Turn) { offered <- a }) // all is over
	<-offered
}

// moved is a Reply that shows an answer in other messages than before.
type moved struct{ boardReply }

func (m moved) Finish(ctx context.Context, e End) ([]string, error) {
	ids, err := m.boardReply.Finish(ctx, e)
	return append(ids, "file"), err
}

func TestRestoredInOtherMessages(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.must("c", "1", "hi")
	w.board.wait(t, 1)
	w.settle()
	k := session.Key{Channel: "c"}
	edited := make(chan session.Turn, 1)
	w.s.Edited(k, "1", says("nothing"), func(a session.Turn) { edited <- a })
	old := <-edited
	if err := w.s.Redo(Redo{Key: k, QuestionID: "1", Old: old, Reply: moved{boardReply{w.board, "1"}}}); err != nil {
		t.Fatal(err)
	}
	w.until("noted", func() bool { return slices.Equal(w.answerTo("c", "1").Answer.More, []string{"file"}) })
	if a := w.answerTo("c", "1"); a.ID != "a1" || a.Text != "1 hi" || a.Answer.To != "1" || !a.Answer.Stale {
		t.Errorf("noted as %+v, %+v", a, a.Answer)
	}
}

// What is deleted or edited while the store is away is so when it is back, in that order.
func TestDeletedAndEditedWhileTheStoreIsAway(t *testing.T) {
	w := newWorld(t, time.Minute)
	k := session.Key{Channel: "c"}
	w.must("c", "1", "hi")
	w.must("c", "2", "hi")
	w.board.wait(t, 2)
	w.settle()
	w.redis.SetError("MISCONF away")
	offered := make(chan session.Turn, 2)
	w.s.Remove(k, "1")
	w.s.Edited(k, "2", says("second"), func(a session.Turn) { offered <- a })
	w.until("both wait", func() bool { return w.s.late.has("c", "1") && w.s.late.has("c", "2") })
	w.redis.SetError("")
	w.s.Edited(k, "2", says("third"), func(a session.Turn) { offered <- a })
	w.until("all is done", func() bool { return !w.s.late.has("c", "1") && !w.s.late.has("c", "2") })
	same(t, w.turns("c"), []string{"2 third", "a2 3 hi"})
	if a := <-offered; !a.Answer.Stale || !w.answerTo("c", "2").Answer.Stale {
		t.Errorf("the answer to what was edited: %+v", a.Answer)
	}
}

// A phrase that is not to be said is not said in two parts, nor are its tokens kept.
func TestContinueMasksTheWhole(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.must("c", "1", "cut")
	w.board.wait(t, 1)
	w.settle()
	if got := w.gen.trace("a1"); len(got.Tokens) != 1 {
		t.Fatalf("the trace is %+v", got)
	}
	_, err := w.store.UpdateSettings(t.Context(), session.Key{Channel: "c"}, func(s *session.Settings) error {
		s.WordsOut = &[]string{"cut and"}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.redo("c", "1", true)
	const want = `1 \*\*\* so on`
	same(t, w.board.wait(t, 2)[1:], []string{"1: " + want})
	w.until("stored", func() bool { return w.answerTo("c", "1").Text == want })
	w.settle()
	if got := w.gen.trace("a1"); len(got.Tokens) != 0 {
		t.Errorf("the trace is %+v", got)
	}
}

// told notes what an Observer is told of answers.
type told struct {
	strict
	again []bool
}

func (o *told) Answered(_ session.Key, _ Usage, _ string, again bool, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.again = append(o.again, again)
}

// A second answer is not taken for one to a second question.
func TestGivenAgainIsCountedApart(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.s.Close(t.Context())
	o := &told{}
	w.s = New(w.store, w.gen, Options{QueueLen: 4, Timeout: time.Minute, Observer: o, Log: slog.New(slog.DiscardHandler)})
	w.must("c", "1", "hi")
	w.board.wait(t, 1)
	w.settle()
	w.redo("c", "1", false)
	w.until("both are counted", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return slices.Equal(o.again, []bool{false, true})
	})
	if s := w.s.Stats(); s.Questions != 1 || s.Answers != 2 || s.Redone != 1 {
		t.Errorf("%+v", s)
	}
}

// says is what an edited message says now.
func says(text string) func(context.Context) string {
	return func(context.Context) string { return text }
}
