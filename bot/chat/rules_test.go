package chat

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"moebot/session"
)

// strict lets a person ask twice and masks "hush".
type strict struct {
	mu     sync.Mutex
	failed map[string]int
}

func (s *strict) Limits(_, person string, _ session.Settings) []session.Limit {
	return []session.Limit{{Name: "person/" + person, Size: 2, Every: time.Hour}}
}

func (s *strict) Mask(text string) (string, bool) {
	return strings.ReplaceAll(text, "hush", "***"), true
}

func (s *strict) Asked(session.Key, string)                                {}
func (s *strict) Answered(session.Key, Usage, string, bool, time.Duration) {}

func (s *strict) Failed(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed[kind]++
}

// growing keeps what was shown on the way.
type growing struct {
	boardReply
	mu    *sync.Mutex
	texts *[]string
}

func (g growing) Update(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	*g.texts = append(*g.texts, text)
}

func TestRules(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.s.Close(t.Context())
	r := &strict{failed: map[string]int{}}
	w.s = New(w.store, w.gen, Options{QueueLen: 9, Timeout: time.Minute, Rules: r, Observer: r, Log: slog.New(slog.DiscardHandler)})
	var texts []string
	var mu sync.Mutex
	q := Question{Key: session.Key{Channel: "c"}, Reply: growing{boardReply{w.board, "1"}, &mu, &texts},
		Turn: session.Turn{ID: "1", Role: session.RoleUser, AuthorID: "u", Text: "hush now", Time: time.Now()}}
	if err := w.s.Ask(q); err != nil {
		t.Fatal(err)
	}
	same(t, w.board.wait(t, 1), []string{"1: 1 *** now"})
	w.settle()
	same(t, w.turns("c"), []string{"1 hush now", "a1 1 *** now"}) // what was shown is what is kept
	mu.Lock()
	for _, shown := range texts {
		if strings.Contains(shown, "hu") {
			t.Errorf("on the way it showed %q", shown)
		}
	}
	mu.Unlock()
	for i := 2; i <= 4; i++ {
		w.must("c", fmt.Sprint(i), "x")
		w.board.wait(t, i)
		w.settle()
	}
	said := w.board.wait(t, 4)
	same(t, said[1:2], []string{"2: 3 x"})
	for i, s := range said[2:] { // how long depends on how long the test takes
		var id, seconds int
		if _, err := fmt.Sscanf(s, "%d: "+strings.Replace(TooFast(time.Hour), "3600", "%d", 1), &id, &seconds); err != nil || id != i+3 || seconds < 3000 || seconds > 3600 {
			t.Errorf("too fast: %q (%v)", s, err)
		}
	}
	w.settle()
	w.s.Refuse(Question{Key: session.Key{Channel: "c"}, Reply: boardReply{w.board, "5"}, Turn: session.Turn{ID: "5", Role: session.RoleUser, Text: "never stored"}}, "no")
	if said := w.board.wait(t, 5); said[4] != "5: no" {
		t.Errorf("refused: %q", said[4])
	}
	if all := strings.Join(w.turns("c"), "\n"); strings.Contains(all, "never stored") {
		t.Errorf("stored: %s", all)
	}
	if d := w.gen.trace("a2").Drafts; len(d) != 2 || d[1].Text != "be kind" { // what may not be said is not told of
		t.Errorf("drafts are %+v", d)
	}
	if wait := w.s.Limited(t.Context(), "i0", "", "other", session.Settings{}); wait != 0 {
		t.Errorf("another person waits %v", wait)
	}
}

// shared lets each person ask once and a server three times.
type shared struct{ strict }

func (s *shared) Limits(server, person string, _ session.Settings) []session.Limit {
	return []session.Limit{{Name: "person/" + person, Size: 1, Every: time.Hour}, {Name: "server/" + server, Size: 3, Every: time.Hour}}
}

// All people of a server have one bucket, of which one who asks too fast takes nothing.
func TestLimitOfAServer(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.s.Close(t.Context())
	w.s = New(w.store, w.gen, Options{QueueLen: 9, Timeout: time.Minute, Rules: &shared{strict{failed: map[string]int{}}}, Log: slog.New(slog.DiscardHandler)})
	for i, c := range []struct {
		server, person string
		answered       bool
	}{{"5", "ann", true}, {"5", "ann", false}, {"5", "ann", false}, {"5", "ann", false}, {"5", "ben", true}, {"5", "cid", true}, {"5", "dan", false}, {"6", "dan", true}, {"6", "eve", true}} {
		id := fmt.Sprint(i + 1)
		err := w.s.Ask(Question{Key: session.Key{Channel: "c"}, Server: c.server, Reply: boardReply{w.board, id},
			Turn: session.Turn{ID: id, Role: session.RoleUser, AuthorID: c.person, Text: "hello", Time: time.Now()}})
		if err != nil {
			t.Fatal(err)
		}
		said := w.board.wait(t, i+1)[i]
		w.settle()
		if answered := strings.HasSuffix(said, " hello"); answered != c.answered {
			t.Errorf("%s of server %s: %q", c.person, c.server, said)
		}
	}
	if wait := w.s.Limited(t.Context(), "i1", "6", "eve", session.Settings{}); wait == 0 {
		t.Error("commands have a bucket of their own")
	}
	if wait := w.s.Limited(t.Context(), "i2", "6", "fay", session.Settings{}); wait != 0 {
		t.Errorf("fay waits %v", wait)
	}
	if wait := w.s.Limited(t.Context(), "i3", "6", "hal", session.Settings{}); wait == 0 {
		t.Error("the server's bucket has more than it had")
	}
	if wait := w.s.Limited(t.Context(), "i4", "7", "hal", session.Settings{}); wait != 0 {
		t.Errorf("hal, whom one server refused, waits %v in another", wait)
	}
}

func (*strict) InNeed(text string) string {
	if text == "in need" {
		return "please call"
	}
	return ""
}

// A message that speaks of great need has the words that are for it, and none of the model's.
// It is settled, and they are no answer that the conversation goes on from.
func TestInNeed(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.s.Close(t.Context())
	r := &strict{failed: map[string]int{}}
	w.s = New(w.store, w.gen, Options{QueueLen: 9, Timeout: time.Minute, Rules: r, Observer: r, Log: slog.New(slog.DiscardHandler)})
	w.must("c", "1", "in need")
	same(t, w.board.wait(t, 1), []string{"1: please call"})
	w.settle()
	if n := w.pending(); n != 0 {
		t.Errorf("%d questions are pending", n)
	}
	w.must("c", "2", "thanks")
	same(t, w.board.wait(t, 2)[1:], []string{"2: 2 thanks"})
	w.settle()
	same(t, w.turns("c"), []string{"1 in need", "2 thanks", "a2 2 thanks"})

	// an edit that the question is answered again for
	edited := make(chan struct{})
	w.s.Edited(session.Key{Channel: "c"}, "2", func(context.Context) string { return "in need" }, func(session.Turn) { close(edited) })
	<-edited
	sess, err := w.store.Load(t.Context(), session.Key{Channel: "c"})
	if err != nil {
		t.Fatal(err)
	}
	old, _ := sess.AnswerTo("2")
	var told atomic.Value
	if err := w.s.Redo(Redo{Key: session.Key{Channel: "c"}, QuestionID: "2", Old: old, Reply: boardReply{w.board, "2"}, Failed: func(s string) { told.Store(s) }}); err != nil {
		t.Fatal(err)
	}
	same(t, w.board.wait(t, 3)[2:], []string{"2: 2 thanks"})
	w.settle()
	if told.Load() != "please call" {
		t.Errorf("who asked again is told %v", told.Load())
	}
}
