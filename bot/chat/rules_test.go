package chat

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"moebot/session"
)

// strict lets a person ask twice and masks "hush".
type strict struct {
	mu     sync.Mutex
	failed map[string]int
}

func (s *strict) Limits(person string, _ session.Settings) []session.Limit {
	return []session.Limit{{Name: "person/" + person, Size: 2, Every: time.Hour}}
}

func (s *strict) Mask(text string) (string, bool) {
	return strings.ReplaceAll(text, "hush", "***"), true
}

func (s *strict) Asked(session.Key, string)                          {}
func (s *strict) Answered(session.Key, Usage, string, time.Duration) {}

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
	if wait := w.s.Limited(t.Context(), "other", session.Settings{}); wait != 0 {
		t.Errorf("another person waits %v", wait)
	}
}
