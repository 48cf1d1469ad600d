package chat

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"moebot/session"
)

func TestConversation(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.must("c", "1", "hi")
	w.must("c", "2", "and?")
	w.must("d", "3", "else")
	w.board.wait(t, 3)
	w.must("c", "1", "hi") // delivered again
	w.must("c", "4", "more")
	w.board.wait(t, 4)
	traced := func() int {
		w.gen.mu.Lock()
		defer w.gen.mu.Unlock()
		return len(w.gen.traces["a4"].Tokens)
	}
	for end := time.Now().Add(10 * time.Second); traced() != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the answer's trace is not kept")
		}
	}
	same(t, w.turns("c"), []string{"1 hi", "a1 1 hi", "2 and?", "a2 3 and?", "4 more", "a4 5 more"})
	same(t, w.turns("d"), []string{"3 else", "a3 1 else"})
	if s := w.s.Stats(); s.Questions != 4 || s.Answers != 4 || s.Duplicates != 1 || w.pending() != 0 {
		t.Errorf("stats are %+v, %d pending", s, w.pending())
	}
}

func TestEveryQuestionIsAnsweredOrRefusedInWords(t *testing.T) {
	for text, want := range map[string]string{"panic": sayFailed, "fail": sayFailed, "half": "half a …", "busy": sayBusy, "nothing": sayNothing, "slow": "so slow …"} {
		w := newWorld(t, 50*time.Millisecond)
		w.must("c", "1", text)
		same(t, w.board.wait(t, 1), []string{"1: " + want})
		w.must("c", "2", "and now?")
		if said := w.board.wait(t, 2); !strings.HasSuffix(said[1], "and now?") {
			t.Errorf("after %q: %q", text, said)
		}
		w.settle()
	}
}

func TestFullQueueRefusesPolitely(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.must("c", "0", "wait")
	refused := 0
	for i := 1; i <= 20; i++ {
		if err := w.ask("c", fmt.Sprint(i), "x"); errors.Is(err, ErrFull) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
	}
	w.must("other", "99", "free") // another channel is not held up
	for !strings.Contains(strings.Join(w.board.wait(t, 1), ","), "99: 1 free") {
		time.Sleep(time.Millisecond)
	}
	close(w.gen.wait)
	said := w.board.wait(t, 22)
	full, last := 0, 0
	for _, line := range said {
		id, text, _ := strings.Cut(line, ": ")
		if text != Full {
			continue
		}
		full++
		n, err := strconv.Atoi(id)
		if err != nil || n < last {
			t.Errorf("question %s was refused after %d", id, last)
		}
		last = n
	}
	// the queue holds four; one or two more may come in as the first are answered
	if answered := 21 - full; answered < 4 || answered > 8 || refused > full {
		t.Errorf("%d of 21 answered, %d refused at once, %d in words; want about 4 answered\n%q", answered, refused, full, said)
	}
	w.settle()
}

func TestStoreAwayAndBack(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.must("c", "1", "hi")
	w.board.wait(t, 1)
	w.settle()
	addr := w.redis.Addr()
	w.redis.Close()
	w.must("c", "2", "are you there?")
	if said := w.board.wait(t, 2); said[1] != "2: "+sayAway {
		t.Errorf("without a store: %q", said[1])
	}
	if err := w.redis.StartAddr(addr); err != nil {
		t.Fatal(err)
	}
	w.must("c", "3", "and now?")
	if said := w.board.wait(t, 3); said[2] != "3: 3 and now?" {
		t.Errorf("with the store back: %q", said[2])
	}
}

func TestAnswerIsStoredOnceTheStoreIsBack(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.must("c", "1", "wait")
	w.accepted("1")
	w.redis.SetError("MISCONF away")
	close(w.gen.wait)
	w.board.wait(t, 1)
	w.redis.SetError("")
	w.settle()
	same(t, w.turns("c"), []string{"1 wait", "a1 1 wait"})
}

func TestDeletedAndUnshownMessagesLeaveTheContext(t *testing.T) {
	w := newWorld(t, time.Minute)
	w.must("c", "1", "hi")
	w.board.wait(t, 1)
	w.settle()
	w.s.Remove(session.Key{Channel: "c"}, "1")
	w.board.mu.Lock()
	w.board.lost = true
	w.board.mu.Unlock()
	w.must("c", "2", "unheard")
	for end := time.Now().Add(10 * time.Second); w.s.Stats().Failed == 0 || w.pending() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the lost answer is not settled")
		}
	}
	same(t, w.turns("c"), []string{"2 unheard"}) // nor is there what was answered to the deleted one
}
