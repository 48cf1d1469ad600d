package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/session"
	"moebot/session/redisstore"
)

func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("never: %s", what)
		}
	}
}

func TestStopKeepsWhatWasSaid(t *testing.T) {
	w := newWorld(t, time.Minute)
	k := session.Key{Channel: "c"}
	w.must("c", "1", "slow")
	w.must("c", "2", "behind it")
	w.must("c", "3", "and this")
	w.accepted("1", "2", "3")
	if who, ok := w.s.UnderWay(k, "1"); who != "u" || !ok {
		t.Errorf("under way: %q, %v", who, ok)
	}
	// one that waits is settled at once, in front of those before it
	if !w.s.Stop(k, "2") {
		t.Error("what waits cannot be stopped")
	}
	same(t, w.board.wait(t, 1), []string{"2: " + sayStopped})
	start := time.Now()
	if !w.s.Stop(k, "1") {
		t.Error("what runs cannot be stopped")
	}
	same(t, w.board.wait(t, 3), []string{"2: " + sayStopped, "1: so slow", "3: 4 and this"})
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	w.settle()
	same(t, w.turns("c"), []string{"1 slow", "a1 so slow", "2 behind it", "3 and this", "a3 4 and this"})
	if w.s.Stop(k, "1") || w.s.Stop(k, "99") {
		t.Error("something was stopped that is not there")
	}
	w.board.mu.Lock()
	same(t, w.board.queued, []string{"2 behind 1", "3 behind 2"})
	w.board.mu.Unlock()
	w.must("c", "4", "mute")
	w.accepted("4")
	if n := w.s.StopAll(k, "somebody"); n != 0 {
		t.Errorf("%d stopped for somebody else", n)
	}
	if n := w.s.StopAll(k, ""); n != 1 {
		t.Errorf("%d stopped", n)
	}
	if said := w.board.wait(t, 4); said[3] != "4: "+sayStopped {
		t.Errorf("stopped without a word: %q", said[3])
	}
	w.settle()
}

func TestDeletedQuestionEndsItsAnswer(t *testing.T) {
	w := newWorld(t, time.Minute)
	k := session.Key{Channel: "c"}
	w.must("c", "1", "mute")
	w.must("c", "2", "behind it")
	w.accepted("1", "2")
	w.s.Remove(k, "2")
	w.s.Remove(k, "1")
	w.until("both withdrawn", func() bool {
		w.board.mu.Lock()
		defer w.board.mu.Unlock()
		return len(w.board.withdrawn) == 2
	})
	w.must("c", "3", "slow")
	w.accepted("3")
	w.s.Remove(k, "3")
	same(t, w.board.wait(t, 1), []string{"3: so slow"}) // what was said stays to be seen
	w.settle()
	same(t, w.turns("c"), nil)
}

// A refusal that takes long to be shown holds up neither the questions after it nor
// the deletions.
func TestRefusalsDoNotHoldUpTheIntake(t *testing.T) {
	w := newWorld(t, time.Minute)
	k := session.Key{Channel: "c"}
	w.must("c", "0", "wait")
	w.accepted("0")
	w.board.stuck.Store(true)
	for i := 1; i <= 8; i++ {
		w.ask("c", fmt.Sprint(i), "x")
		w.until("taken", func() bool { return w.s.Stats().Questions+w.s.Stats().Refused > int64(i) })
	}
	if w.s.Stats().Refused == 0 {
		t.Fatal("nothing was refused")
	}
	w.s.Remove(k, "1")
	w.until("the deleted question is gone", func() bool { return !strings.Contains(strings.Join(w.turns("c"), "\n"), "1 x") })
	w.board.stuck.Store(false)
	close(w.gen.wait)
}

// Two services on one Redis get every message and answer it once.
func TestTwoInstancesAnswerOnce(t *testing.T) {
	w := newWorld(t, time.Minute)
	store, err := redisstore.New(redis.NewClient(&redis.Options{Addr: w.redis.Addr(), ContextTimeoutEnabled: true}), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	other := New(store, w.gen, Options{QueueLen: 4, Timeout: time.Minute, Log: slog.New(slog.DiscardHandler)})
	defer other.Close(context.Background())
	const n = 40
	for i := range n {
		q := Question{Key: session.Key{Channel: fmt.Sprint("c", i%10)}, Reply: boardReply{w.board, fmt.Sprint(i)},
			Turn: session.Turn{ID: fmt.Sprint(i), Role: session.RoleUser, AuthorID: "u", Text: "x", Time: time.Now()}}
		for _, s := range []*Service{w.s, other} {
			if err := s.Ask(q); err != nil && !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
		}
		// one that is answered is not left over for the other either
		if p, err := store.Pending(t.Context()); err != nil {
			t.Fatal(err)
		} else {
			for _, p := range p {
				if err := other.AskWait(t.Context(), Question{Key: p.Key, Turn: p.Turn, Known: true, Reply: boardReply{w.board, p.Turn.ID}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	w.board.wait(t, n)
	w.settle()
	time.Sleep(20 * time.Millisecond)
	said := w.board.wait(t, n)
	if len(said) != n {
		t.Errorf("%d answers to %d questions", len(said), n)
	}
	got := map[string]int{}
	for _, s := range said {
		id, _, _ := strings.Cut(s, ":")
		if got[id]++; got[id] > 1 {
			t.Errorf("question %s is answered %d times", id, got[id])
		}
	}
}

func TestOnceIsNotRemembered(t *testing.T) {
	w := newWorld(t, time.Minute)
	p := Prompt{Key: session.Key{Channel: "ask"}, Turns: []session.Turn{{ID: "7", Role: session.RoleUser, AuthorID: "u", Text: "a secret"}}}
	if err := w.s.Once(p, boardReply{w.board, "7"}); err != nil {
		t.Fatal(err)
	}
	same(t, w.board.wait(t, 1), []string{"7: 1 a secret"})
	w.board.mu.Lock()
	if w.board.ends[0].Answer {
		t.Error("it can be changed")
	}
	w.board.mu.Unlock()
	if keys := w.redis.Keys(); len(keys) > 0 {
		t.Errorf("stored: %q", keys)
	}
}

// patient is a Reply whose notices are shown when they may be.
type patient struct {
	boardReply
	leave chan struct{}
}

func (p patient) Finish(ctx context.Context, e End) ([]string, error) {
	if !e.Answer {
		select {
		case <-p.leave:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return p.boardReply.Finish(ctx, e)
}

// A question that is refused or stopped is no longer pending, however long the notices
// before its own take, of which only so many wait.
func TestRefusedIsSettledAtOnce(t *testing.T) {
	w := newWorld(t, time.Minute)
	k := session.Key{Channel: "c"}
	leave := make(chan struct{})
	const n = maxNotices + 20
	for i := range n {
		err := w.s.AskWait(t.Context(), Question{Key: k, Reply: patient{boardReply{w.board, fmt.Sprint(i)}, leave},
			Turn: session.Turn{ID: fmt.Sprint(i), Role: session.RoleUser, AuthorID: "u", Text: "wait", Time: time.Now()}, Decide: func(_ context.Context, q *Question) (string, bool) {
				q.patient = false // asked in their order, and refused
				return "", true
			}})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.until("all are refused", func() bool { return w.s.Stats().Refused == n-4 })
	if got := w.pending(); got != 4 { // the one that is answered, and those behind it
		t.Errorf("%d questions are pending", got)
	}
	w.s.Stop(k, "2")
	w.until("the stopped one is settled", func() bool { return w.pending() == 3 })
	w.until("what says that it waits is gone, since there is no room to say that it stopped", func() bool {
		w.board.mu.Lock()
		defer w.board.mu.Unlock()
		return slices.Equal(w.board.withdrawn, []string{"2"})
	})
	if _, waiting := w.s.notices.depth(); waiting >= maxNotices {
		t.Errorf("%d notices wait", waiting)
	}
	close(leave)
	close(w.gen.wait)
	w.board.wait(t, maxNotices+3)
	w.settle()
}

// What waits when the service stops is left as it was: an answer to be made again shows
// what there was, and a notice that a question was stopped stays.
func TestCloseLeavesWhatWaits(t *testing.T) {
	w := newWorld(t, time.Minute)
	k := session.Key{Channel: "c"}
	w.must("c", "1", "hi")
	w.board.wait(t, 1)
	w.settle()
	w.must("c", "2", "slow")
	w.must("c", "3", "stopped")
	w.accepted("2", "1", "3")
	w.redo("c", "1", false)
	w.s.Stop(k, "3")
	w.board.wait(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.s.Close(ctx)
	said := w.board.wait(t, 4)
	same(t, said[:2], []string{"1: 1 hi", "3: " + sayStopped})
	if !slices.Contains(said[2:], "1: 1 hi") {
		t.Errorf("the answer is not shown again: %q", said)
	}
	same(t, w.board.withdrawn, nil)
}
