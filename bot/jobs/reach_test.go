package jobs

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"moebot/bot/chat"
)

// noting is a Generator that notes when it is called.
type noting struct {
	chat.Generator
	mu sync.Mutex
	at map[string]time.Time // by question
}

func (g *noting) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	g.mu.Lock()
	if g.at == nil {
		g.at = map[string]time.Time{}
	}
	g.at[p.QuestionID] = time.Now()
	g.mu.Unlock()
	return g.Generator.Generate(ctx, p, emit)
}

// when is when it was asked a question, zero if it was not.
func (g *noting) when(question string) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.at[question]
}

// What is said again, as after Regenerate, reaches the worker that has read the
// conversation within 100 ms; also while the others and it are busy.
func TestAgainReachesTheSameWorker(t *testing.T) {
	w := newWorld(t)
	c := w.client(ClientOptions{})
	var gens []*noting
	for range 3 {
		g := &noting{Generator: &counter{every: 2 * time.Millisecond}}
		gens = append(gens, g)
		w.worker(g, WorkerOptions{Slots: 4})
	}
	w.until("all workers are known", func() bool { return c.Stats().Workers == 3 })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range 3 { // a part of the slots is taken
		w.ask(ctx, c, prompt(fmt.Sprint("other", i), fmt.Sprint("o", i), "count 100000"))
	}
	ask := func(question string) (worker int, took time.Duration) {
		start := time.Now()
		if _, err := c.Generate(ctx, prompt("channel", question, "count 3"), (&heard{}).emit); err != nil {
			t.Fatal(err)
		}
		for i, g := range gens {
			if at := g.when(question); !at.IsZero() {
				return i, at.Sub(start)
			}
		}
		t.Fatal("nobody was asked")
		return 0, 0
	}
	first, _ := ask("q")
	best, moved := time.Hour, 0
	for i := range 10 {
		again, took := ask(fmt.Sprint("again", i))
		if again != first {
			moved++
		}
		best = min(best, took) // of ten, since the machine may be busy
	}
	if best > 100*time.Millisecond || moved > 2 {
		t.Errorf("the worker was reached after %v at the soonest, another one %d of 10 times", best, moved)
	}
	t.Logf("reached after %v at the soonest; another worker %d of 10 times", best, moved)
}

// A server that asks much does not hold up another one that asks little.
func TestServersTakeTurns(t *testing.T) {
	w := newWorld(t)
	c := w.client(ClientOptions{Server: func(channel string) string { return strings.Split(channel, "-")[0] }})
	w.worker(&counter{every: 2 * time.Millisecond}, WorkerOptions{Slots: 1})
	w.until("it is known", func() bool { return c.Stats().Workers == 1 })
	var mu sync.Mutex
	done := map[string]int{}
	before := -1 // of the loud one's, when the quiet one's was done
	var all sync.WaitGroup
	ask := func(channel string) {
		all.Go(func() {
			if _, err := c.Generate(t.Context(), prompt(channel, "1", "count 5"), (&heard{}).emit); err != nil {
				t.Error(err)
			}
			server := strings.Split(channel, "-")[0]
			mu.Lock()
			defer mu.Unlock()
			done[server]++
			if server == "quiet" {
				before = done["loud"]
			}
		})
	}
	const loud = 60
	for i := range loud {
		ask(fmt.Sprint("loud-", i))
	}
	w.until("they wait", func() bool { return c.Stats().Waiting > loud/2 })
	ask("quiet-1")
	all.Wait()
	// least jobs have passed already, and the next turn may be the loud one's
	if before < 0 || before > loud/2 {
		t.Errorf("%d of the loud server's jobs were done before the quiet one's", before)
	}
	t.Logf("%d of %d jobs of the loud server were done before the quiet one's", before, loud)
	w.clean(c)
}
