package chat

import (
	"slices"
	"strings"
	"testing"
	"time"

	"moebot/session"
)

// running waits until an answer to the question is being made again.
func (w *world) running(k session.Key, question string) {
	w.t.Helper()
	w.until("it is begun", func() bool {
		under := w.s.under(k, question)
		if under == nil {
			return false
		}
		under.mu.Lock()
		defer under.mu.Unlock()
		return under.redo != nil && under.begun
	})
}

// A question that is deleted while it is answered again, or waits for it, gets no new answer.
func TestDeletedWhileItIsAnsweredAgain(t *testing.T) {
	w := newWorld(t, time.Minute)
	k := session.Key{Channel: "c"}
	edited := make(chan session.Turn, 1)
	for _, q := range []string{"1", "2"} {
		w.must("c", q, "hi")
	}
	shown := w.board.wait(t, 2)
	for _, q := range []string{"1", "2"} {
		w.settle()
		w.s.Edited(k, q, says("slow"), func(a session.Turn) { edited <- a })
		<-edited
	}
	w.redo("c", "1", false)
	w.running(k, "1")
	w.redo("c", "2", false) // behind it
	w.s.Remove(k, "2")
	w.s.Remove(k, "1")
	restored := w.board.wait(t, 4)[2:]
	slices.Sort(restored)
	same(t, restored, shown)
	w.until("settled", func() bool { _, busy := w.s.UnderWay(k, "1"); return !busy })
	same(t, w.turns("c"), nil)
}

// An edit that comes while a question waits to be answered again marks the answer there is at
// once, and the new one begins a list of its own.
func TestEditedWhileItWaitsForAnotherAnswer(t *testing.T) {
	w := newWorld(t, time.Minute)
	k := session.Key{Channel: "c"}
	w.must("c", "1", "hi")
	w.board.wait(t, 1)
	w.settle()
	w.must("c", "2", "slow")
	w.accepted("1", "2")
	w.redo("c", "1", false)
	offered := make(chan session.Turn, 1)
	w.s.Edited(k, "1", says("better"), func(a session.Turn) { offered <- a })
	if a := <-offered; !a.Answer.Stale {
		t.Errorf("offered below %+v", a.Answer)
	}
	w.s.Stop(k, "2")
	w.until("answered", func() bool { return strings.HasSuffix(w.answerTo("c", "1").Text, " better") })
	w.settle()
	if a := w.answerTo("c", "1"); a.Answer.Stale || a.Answer.Of() != 1 {
		t.Errorf("the new answer is one of %d, stale: %v", a.Answer.Of(), a.Answer.Stale)
	}
}

// An edit that comes while another answer is made, which comes to nothing, is not lost.
func TestEditedWhileAnotherAnswerFails(t *testing.T) {
	w := newWorld(t, time.Minute)
	k := session.Key{Channel: "c"}
	edited := make(chan session.Turn, 1)
	w.must("c", "1", "hi")
	w.board.wait(t, 1)
	w.settle()
	if _, err := w.store.UpdateTurn(t.Context(), k, "1", func(t *session.Turn) error { t.Text = "mute"; return nil }); err != nil {
		t.Fatal(err)
	}
	w.redo("c", "1", false)
	w.running(k, "1")
	w.s.Edited(k, "1", says("another"), func(a session.Turn) { edited <- a })
	w.until("the edit is stored", func() bool { return w.turns("c")[0] == "1 another" })
	w.s.Stop(k, "1") // before a word was said
	if a := <-edited; !a.Answer.Stale || a.Text != "1 hi" {
		t.Errorf("offered below %+v", a)
	}
}
