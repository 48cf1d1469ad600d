package chat

import (
	"fmt"
	"log/slog"
	"testing"
	"time"
)

func TestLately(t *testing.T) {
	var l lately
	for i := range maxLately + 100 {
		l.add(fmt.Sprint(i))
		l.add(fmt.Sprint(i))
	}
	for i, want := range map[int]bool{0: false, 99: false, 100: true, maxLately: true, maxLately + 99: true, maxLately + 100: false} {
		if got := l.has(fmt.Sprint(i)); got != want {
			t.Errorf("has(%d) = %v, want %v", i, got, want)
		}
	}
	if len(l.known) != maxLately || len(l.ring) != maxLately {
		t.Errorf("it holds %d and %d, want %d", len(l.known), len(l.ring), maxLately)
	}
}

// A question that is delivered again while the store is away is not refused, be it
// waiting, under way or answered; one that was refused is not answered when it is
// delivered again.
func TestDeliveredAgainWhileTheStoreIsAway(t *testing.T) {
	w := newWorld(t, time.Minute)
	lossy := &loseAnswer{Store: w.store}
	w.s.Close(t.Context())
	w.s = New(lossy, w.gen, Options{QueueLen: 4, Timeout: time.Minute, Log: slog.New(slog.DiscardHandler)})
	w.must("c", "1", "hi")
	w.board.wait(t, 1)
	w.settle()
	w.must("c", "2", "wait")
	w.must("c", "3", "behind it")
	w.until("one is under way and one waits", func() bool { return w.s.Stats().Waiting == 1 })
	lossy.on.Store(true)
	for _, id := range []string{"1", "2", "3"} {
		w.must("c", id, "again")
	}
	w.must("c", "4", "refused") // and so is what comes behind them
	same(t, w.board.wait(t, 2)[1:], []string{"4: " + sayAway})
	w.must("c", "4", "refused")
	lossy.on.Store(false)
	w.must("c", "4", "refused")
	w.until("they are recognised", func() bool { return w.s.Stats().Duplicates == 5 })
	close(w.gen.wait)
	same(t, w.board.wait(t, 4)[2:], []string{"2: 3 wait", "3: 5 behind it"})
	w.until("the refused one is known", func() bool { return !w.s.refused.has("c 4") })
	w.must("c", "4", "refused")
	w.until("it is still recognised", func() bool { return w.s.Stats().Duplicates == 6 })
	w.settle()
	same(t, w.turns("c"), []string{"1 hi", "a1 1 hi", "2 wait", "a2 3 wait", "3 behind it", "a3 5 behind it"})
	if n := len(w.board.wait(t, 4)); n != 4 {
		t.Errorf("%d answers and notices, want 4", n)
	}
}
