package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"moebot/session"
)

func TestCloseFinishesOrMarksWhatRuns(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.must("c", "1", "slow")
	w.must("c", "2", "behind it")
	w.must("d", "3", "quick")
	w.board.wait(t, 1)
	w.accepted("1", "2", "3")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	w.s.Close(ctx)
	if err := w.ask("c", "4", "late"); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed service says %v", err)
	}
	same(t, w.board.wait(t, 2), []string{"3: 1 quick", "1: so slow …"})
	// what waited is answered by the next start
	left, err := w.store.Pending(context.Background())
	if err != nil || len(left) != 1 || left[0].Turn.ID != "2" {
		t.Fatalf("%d questions are left: %v, %v; want 2", len(left), left, err)
	}
	next := New(w.store, w.gen, Options{QueueLen: 4, Timeout: time.Minute, Log: slog.New(slog.DiscardHandler)})
	defer next.Close(context.Background())
	if err := next.AskWait(context.Background(), Question{Key: left[0].Key, Turn: left[0].Turn, Known: true, Reply: boardReply{w.board, "2"}}); err != nil {
		t.Fatal(err)
	}
	same(t, w.board.wait(t, 3)[2:], []string{"2: 3 behind it"})
}

// With HandOver what runs is not shown unfinished: another process answers it anew.
func TestCloseHandsOver(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.s.opt.HandOver = true
	w.must("c", "1", "slow")
	w.accepted("1")
	for begun := false; !begun; time.Sleep(time.Millisecond) {
		w.board.mu.Lock()
		begun = w.board.begun["1"]
		w.board.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	w.s.Close(ctx)
	same(t, w.board.wait(t, 0), nil)
	left, err := w.store.Pending(context.Background())
	if err != nil || len(left) != 1 {
		t.Fatalf("%d questions are left: %v", len(left), err)
	}
	if mine, err := w.store.Hold(context.Background(), left[0].Key, "1"); err != nil || !mine {
		t.Errorf("nobody else may have it: %v, %v", mine, err)
	}
}

// A stop is bounded even if nothing can be shown or stored any more.
func TestCloseDoesNotHang(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.must("c", "1", "slow")
	w.accepted("1")
	w.board.stuck.Store(true)
	w.redis.SetError("MISCONF away")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	w.s.Close(ctx)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("closing took %v", took)
	}
}

// Nobody is refused because many questions of before are being taken up: most of them were
// answered long ago.
func TestQuestionsOfBeforeTakeNoRoom(t *testing.T) {
	w := newWorld(t, time.Minute)
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	for i := 0; ; i++ {
		q := Question{Key: session.Key{Channel: "c"}, Turn: session.Turn{ID: fmt.Sprint(i)}, Decide: func(context.Context, *Question) (string, bool) {
			<-gate
			return "", false
		}}
		if err := w.s.AskWait(ctx, q); err != nil { // there is no more room for them
			if i < 4 {
				t.Errorf("only %d were taken up: %v", i, err)
			}
			break
		}
	}
	w.must("c", "1000", "hello")
	open()
	if said := w.board.wait(t, 1); said[0] != "1000: 1 hello" {
		t.Errorf("said %q", said)
	}
	w.settle()
}

func TestAskWaitWaitsForRoom(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.must("c", "0", "wait")
	var asking sync.WaitGroup
	asking.Go(func() {
		for i := 1; i <= 20; i++ {
			q := Question{Key: session.Key{Channel: "c"}, Reply: boardReply{w.board, fmt.Sprint(i)},
				Turn: session.Turn{ID: fmt.Sprint(i), Role: session.RoleUser, Text: "x", Time: time.Now()}}
			if err := w.s.AskWait(context.Background(), q); err != nil {
				t.Error(err)
			}
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	for errors.Is(w.ask("c", "50", "x"), nil) { // until the channel is full
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := w.s.AskWait(ctx, Question{Key: session.Key{Channel: "c"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait gives %v", err)
	}
	close(w.gen.wait)
	asking.Wait()
	// 0, the 20, and 50 answered or refused
	said := w.board.wait(t, 21)
	for i, n := 0, 0; i < len(said); i++ {
		if strings.HasPrefix(said[i], "50: ") {
			continue
		}
		if !strings.HasPrefix(said[i], fmt.Sprint(n, ": ")) || strings.HasSuffix(said[i], Full) {
			t.Fatalf("answer %d is %q", n, said[i])
		}
		n++
	}
}

// A notice that Discord does not take in time is said later, once, and nobody waits for
// that.
func TestNoticeIsInsistedOn(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.s.Close(t.Context())
	var log atomic.Int64
	w.s = New(w.store, w.gen, Options{QueueLen: 4, Timeout: time.Minute, Deliver: 20 * time.Millisecond, Log: slog.New(slog.NewTextHandler(lines{&log}, nil))})
	w.board.stuck.Store(true)
	w.must("c", "1", "fail")
	w.until("the notice failed twice", func() bool { return log.Load() >= 3 }) // and the answer before it
	w.board.stuck.Store(false)
	w.board.wait(t, 1)
	w.must("c", "2", "hi")
	same(t, w.board.wait(t, 2), []string{"1: " + sayFailed, "2: 2 hi"})
	w.settle()
}

// lines counts those of a log.
type lines struct{ n *atomic.Int64 }

func (l lines) Write(b []byte) (int, error) { l.n.Add(1); return len(b), nil }
