package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/session"
	"moebot/session/redisstore"
	"moebot/session/sessiontest"
)

// A question whose asker was told to ask again does not come back.
func TestRefusedQuestionIsForgotten(t *testing.T) {
	w := newWorld(t, time.Minute)
	lossy := &loseAnswer{Store: w.store}
	w.s.Close(t.Context())
	w.s = New(lossy, w.gen, Options{QueueLen: 4, Timeout: time.Minute, Log: slog.New(slog.DiscardHandler)})
	w.must("c", "1", "hi")
	w.board.wait(t, 1)
	w.settle()
	lossy.on.Store(true)
	w.must("c", "2", "taken, but who knows")
	if said := w.board.wait(t, 2); said[1] != "2: "+sayAway {
		t.Fatalf("without an answer of the store: %q", said[1])
	}
	w.board.mu.Lock()
	if e := w.board.ends[1]; !e.Shared || e.Answer {
		t.Errorf("it is said as %+v; want a notice to a question that another process may answer", e)
	}
	w.board.mu.Unlock()
	w.settle()
	same(t, w.turns("c"), []string{"1 hi", "a1 1 hi"})
}

// A question that was left over for so long that the conversation went on without it is
// answered all the same; one that was deleted is not.
func TestLeftOverQuestionPushedOut(t *testing.T) {
	w := newWorld(t, time.Minute)
	k, ctx := session.Key{Channel: "c"}, t.Context()
	accept := func(id string) session.Turn {
		t.Helper()
		turn := session.Turn{ID: id, Role: session.RoleUser, Author: "Mia", Text: "question " + id, Time: time.Now()}
		if _, ok, err := w.store.Accept(ctx, k, turn); !ok || err != nil {
			t.Fatal(ok, err)
		}
		return turn
	}
	left, deleted := accept("1"), accept("2")
	for i := 100; i < 140; i++ {
		q := accept(fmt.Sprint(i))
		if _, err := w.store.Finish(ctx, k, q.ID, session.Turn{ID: "a" + q.ID, Role: session.RoleAssistant, Text: "answer"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.store.Remove(ctx, k, "2"); err != nil {
		t.Fatal(err)
	}
	for _, turn := range []session.Turn{deleted, left} {
		if err := w.s.AskWait(ctx, Question{Key: k, Turn: turn, Known: true, Reply: boardReply{w.board, turn.ID}}); err != nil {
			t.Fatal(err)
		}
	}
	same(t, w.board.wait(t, 1), []string{"1: 1 question 1"})
	w.settle()
}

// Questions of before keep their places where the store goes away for a moment just when
// they are taken up.
func TestLeftOverQuestionsKeepTheirOrder(t *testing.T) {
	w := newWorld(t, time.Minute)
	k, ctx := session.Key{Channel: "c"}, t.Context()
	w.redis.SetError("")
	var left []session.Turn
	for _, id := range []string{"1", "2"} {
		turn := session.Turn{ID: id, Role: session.RoleUser, Author: "Mia", Text: "question " + id, Time: time.Now()}
		if _, ok, err := w.store.Accept(ctx, k, turn); !ok || err != nil {
			t.Fatal(ok, err)
		}
		left = append(left, turn)
	}
	w.redis.SetError("LOADING away")
	for _, turn := range left {
		if err := w.s.AskWait(ctx, Question{Key: k, Turn: turn, Known: true, Reply: boardReply{w.board, turn.ID}}); err != nil {
			t.Fatal(err)
		}
	}
	w.must("c", "3", "new")
	time.Sleep(2 * holdPause)
	w.redis.SetError("")
	same(t, w.board.wait(t, 3), []string{"1: 1 question 1", "2: 3 question 2", "3: 5 new"})
	w.settle()
}

// An answer that was shown while the store was away is not made again when the store is back,
// but does not know of it yet.
func TestAnsweredWhileTheStoreWasAway(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.must("c", "1", "wait")
	w.accepted("1")
	left := session.Turn{ID: "1", Role: session.RoleUser, Author: "Mia", Text: "wait", Time: time.Now()}
	w.redis.SetError("LOADING away")
	close(w.gen.wait)
	w.board.wait(t, 1)
	w.until("the answer is to be stored later", func() bool { return w.s.late.has("c", "1") && w.underWay() == 0 })
	w.redis.SetError("")
	if err := w.s.AskWait(t.Context(), Question{Key: session.Key{Channel: "c"}, Turn: left, Known: true, Reply: boardReply{w.board, "1"}}); err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.until("it is taken for what it is", func() bool { return w.s.Stats().Duplicates == 1 })
	same(t, w.board.wait(t, 1), []string{"1: 1 wait"})
	same(t, w.turns("c"), []string{"1 wait", "a1 1 wait"})
}

// A question that was taken before says so to who asks it again, also if it is forgotten.
func TestAskedTwice(t *testing.T) {
	w := newWorld(t, time.Minute)
	q := Question{Key: session.Key{Channel: "c"}, Reply: boardReply{w.board, "1"}, Turn: session.Turn{ID: "1", Role: session.RoleUser, Author: "Mia", Text: "hi", Time: time.Now()}}
	var twice atomic.Int32
	q.Twice = func() { twice.Add(1) }
	for range 2 {
		if err := w.s.Ask(q); err != nil {
			t.Fatal(err)
		}
	}
	w.until("it is said", func() bool { return twice.Load() == 1 })
	same(t, w.board.wait(t, 1), []string{"1: 1 hi"})
	w.settle()
}

// Such a question stays if another process has it by the time the store is back.
func TestRefusedQuestionOfAnotherProcess(t *testing.T) {
	w := newWorld(t, time.Minute)
	lossy := &loseAnswer{Store: w.store}
	lossy.on.Store(true)
	w.s.Close(t.Context())
	w.s = New(lossy, w.gen, Options{QueueLen: 4, Timeout: time.Minute, Log: slog.New(slog.DiscardHandler)})
	other, err := redisstore.New(redis.NewClient(&redis.Options{Addr: w.redis.Addr(), ContextTimeoutEnabled: true}), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var taken atomic.Bool
	q := Question{Key: session.Key{Channel: "c"}, Reply: boardReply{w.board, "1"}, Taken: func() { taken.Store(true) },
		Turn: session.Turn{ID: "1", Role: session.RoleUser, Author: "Mia", Text: "who has it?", Time: time.Now()}}
	if err := w.s.Ask(q); err != nil {
		t.Fatal(err)
	}
	if said := w.board.wait(t, 1); said[0] != "1: "+sayAway {
		t.Fatalf("without an answer of the store: %q", said)
	}
	w.redis.FastForward(time.Minute) // nobody is in charge any more
	if mine, err := other.Hold(t.Context(), q.Key, "1"); err != nil || !mine {
		t.Fatalf("taken over: %v, %v", mine, err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if !w.s.refused.has(q.name()) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the store never hears of it")
		}
	}
	same(t, w.turns("c"), []string{"1 who has it?"})
	if w.pending() != 1 || !taken.Load() {
		t.Errorf("%d pending, and whoever asked may forget it: %v", w.pending(), taken.Load())
	}
}

// loseAnswer is a Store whose Admit, once on, takes effect and fails.
type loseAnswer struct {
	Store
	on atomic.Bool
}

func (l *loseAnswer) Admit(ctx context.Context, k session.Key, t session.Turn, limits []session.Limit) (session.Session, bool, time.Duration, error) {
	s, ok, wait, err := l.Store.Admit(ctx, k, t, limits)
	if l.on.Load() {
		return session.Session{}, false, 0, errors.Join(session.ErrUnavailable, err)
	}
	return s, ok, wait, err
}

// Redis is killed in mid-conversation: the person reads a calm sentence, the next
// message works, and what was acknowledged as saved is there.
func TestRedisKilledAndRestarted(t *testing.T) {
	r := sessiontest.StartRedis(t, "--appendfsync", "always") // while it syncs each second, it acknowledges what it has not written yet
	store, err := redisstore.Open(context.Background(), redisstore.Options{URL: r.URL()})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, time.Minute)
	w.s.Close(t.Context())
	w.s = New(store, w.gen, Options{QueueLen: 4, Timeout: time.Minute, Log: slog.New(slog.DiscardHandler)})
	w.store.Close()
	w.store = store
	n := 0
	ask := func(text string) string {
		n++
		w.must("c", fmt.Sprint(n), text)
		return w.board.wait(t, n)[n-1]
	}
	for range 3 {
		ask("hi")
	}
	w.settle()
	r.Kill()
	start := time.Now()
	if said := ask("are you there?"); said != "4: "+sayAway {
		t.Errorf("without Redis: %q", said)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("that was said after %v", took)
	}
	r.Start()
	if said := ask("and now?"); said != "5: 7 and now?" {
		t.Errorf("with Redis back: %q", said)
	}
	w.settle()
	same(t, w.turns("c"), []string{"1 hi", "a1 1 hi", "2 hi", "a2 3 hi", "3 hi", "a3 5 hi", "5 and now?", "a5 7 and now?"})

	// an answer under way when Redis dies is shown, and stored when it is back
	n++
	w.must("c", "6", "wait")
	w.accepted("6")
	r.Kill()
	close(w.gen.wait)
	if said := w.board.wait(t, n)[n-1]; said != "6: 9 wait" {
		t.Errorf("an answer under way: %q", said)
	}
	r.Start()
	w.settle()
	if turns := w.turns("c"); turns[len(turns)-1] != "a6 9 wait" {
		t.Errorf("the answer shown without Redis is not stored: %q", turns)
	}
}

func TestPendingQuestionsAreAnsweredOnceAfterARestart(t *testing.T) {
	w := newWorld(t, time.Minute)
	key := session.Key{Channel: "c"}
	turn := session.Turn{ID: "1", Role: session.RoleUser, Author: "Mia", Text: "left over", Time: time.Now()}
	if _, ok, err := w.store.Accept(context.Background(), key, turn); !ok || err != nil {
		t.Fatal(ok, err)
	}
	w.must("c", "1", "left over") // and Discord sends it again
	if err := w.s.Ask(Question{Key: key, Turn: turn, Known: true, Reply: boardReply{w.board, "1"}}); err != nil {
		t.Fatal(err)
	}
	w.board.wait(t, 1)
	w.must("c", "2", "next")
	same(t, w.board.wait(t, 2), []string{"1: 1 left over", "2: 3 next"})

	// a list of pending questions that is older than what happened since
	w.settle()
	w.must("c", "3", "wait")
	w.accepted("3", "1", "2")
	for _, id := range []string{"2", "3"} { // answered, and being answered
		if err := w.s.AskWait(context.Background(), Question{Key: key, Turn: session.Turn{ID: id}, Known: true, Reply: boardReply{w.board, id}}); err != nil {
			t.Fatal(err)
		}
	}
	close(w.gen.wait)
	w.must("c", "4", "last")
	same(t, w.board.wait(t, 4)[2:], []string{"3: 5 wait", "4: 7 last"})
}
