package chat

import (
	"context"
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

// trips counts what a client sends to Redis and waits for.
type trips struct{ n atomic.Int64 }

func (h *trips) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.n.Add(1)
		return next(ctx, cmd)
	}
}

func (h *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() != "hello" && cmds[0].Name() != "client" { // a new connection's greeting
			h.n.Add(1)
		}
		return next(ctx, cmds)
	}
}

// noted is a Generator that notes how many round trips there were when it began.
type noted struct {
	*echo
	trips *trips
	began chan int64
}

func (g noted) Generate(ctx context.Context, p Prompt, emit func(string) error) (Answer, error) {
	g.began <- g.trips.n.Load()
	return g.echo.Generate(ctx, p, emit)
}

// A question takes at most two round trips to the store before the model starts, one
// if nothing is before it in its channel, and one after; with a person's limits, too.
func TestRoundTrips(t *testing.T) {
	for _, c := range []struct {
		name   string
		client func(t *testing.T) redis.UniversalClient
	}{
		{"one node", func(t *testing.T) redis.UniversalClient {
			return redis.NewClient(&redis.Options{Addr: sessiontest.StartRedis(t).Addr, ContextTimeoutEnabled: true})
		}},
		{"cluster", func(t *testing.T) redis.UniversalClient {
			var addrs []string
			for _, n := range sessiontest.StartCluster(t, 0) {
				addrs = append(addrs, n.Addr)
			}
			return redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, ContextTimeoutEnabled: true})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, count := c.client(t), &trips{}
			store, err := redisstore.New(client, redisstore.Options{})
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, time.Minute)
			w.s.Close(t.Context())
			w.store.Close()
			w.store = store
			client.AddHook(count)
			gen := noted{w.gen, count, make(chan int64, 1)}
			r := &strict{failed: map[string]int{}}
			w.s = New(store, gen, Options{QueueLen: 9, Timeout: time.Minute, Rules: r, Observer: r, Log: slog.New(slog.DiscardHandler)})
			ask := func(channel, id, text string) {
				t.Helper()
				err := w.s.Ask(Question{Key: session.Key{Channel: channel}, Reply: boardReply{w.board, id}, // a person each: nobody meets their limit
					Turn: session.Turn{ID: id, Role: session.RoleUser, AuthorID: "of" + id, Text: text, Time: time.Now()}})
				if err != nil {
					t.Fatal(err)
				}
			}
			idle := func() {
				w.until("nothing is under way", func() bool { return w.underWay() == 0 })
			}
			const warm = 100 // so that each node knows each script
			for i := range warm {
				ask(fmt.Sprint("warm", i), fmt.Sprint("w", i), "hi")
				<-gen.began
			}
			w.board.wait(t, warm)
			idle()

			start := count.n.Load()
			ask("c", "1", "hi")
			begun := <-gen.began
			w.board.wait(t, warm+1)
			idle()
			if before, after := begun-start, count.n.Load()-begun; before != 1 || after != 1 {
				t.Errorf("%d round trips before the model and %d after, want 1 and 1", before, after)
			}

			ask("c", "2", "wait")
			<-gen.began
			start = count.n.Load()
			ask("c", "3", "hi")
			w.until("a question waits", func() bool { return w.s.Stats().Waiting == 1 })
			close(w.gen.wait)
			begun = <-gen.began
			if got := w.board.wait(t, warm+3)[warm+2]; got != "3: 5 hi" {
				t.Errorf("behind another question: %q", got)
			}
			idle()
			begun-- // that of the end of the question before
			if before, after := begun-start, count.n.Load()-1-begun; before != 2 || after != 1 {
				t.Errorf("behind another question: %d round trips before the model and %d after, want 2 and 1", before, after)
			}
		})
	}
}
