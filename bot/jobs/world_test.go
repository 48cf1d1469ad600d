package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"moebot/bot/chat"
	"moebot/session"
	"moebot/session/sessiontest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lease is short, so that dead workers are noticed soon.
const lease = time.Second

// counter is a stand-in for a model: it counts " 0 1 2 ..." as many words as the
// question says, every so often, and goes on counting where an answer began. Panics and
// deaths are asked for by name.
type counter struct {
	every time.Duration
	die   func() // of "die": as if the process did

	mu    sync.Mutex
	calls map[string]int // by question
}

func (g *counter) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	q := p.Turns[len(p.Turns)-1]
	g.mu.Lock()
	if g.calls == nil {
		g.calls = map[string]int{}
	}
	g.calls[q.ID]++
	g.mu.Unlock()
	switch q.Text {
	case "panic":
		panic("as asked")
	case "busy":
		return chat.Answer{}, errCounterBusy
	case "die":
		g.die()
		<-ctx.Done()
		return chat.Answer{}, ctx.Err()
	}
	var n int
	if _, err := fmt.Sscanf(q.Text, "count %d", &n); err != nil {
		return chat.Answer{}, fmt.Errorf("cannot count: %w", err)
	}
	var text strings.Builder
	a := chat.Answer{Stop: "end", Usage: chat.Usage{PromptTokens: len(p.Turns)}, Trace: chat.Trace{Layers: 1, Experts: 2}}
	for i := len(strings.Fields(p.Begin)); i < n; i++ {
		if g.every > 0 {
			select {
			case <-ctx.Done():
				a.Text = text.String()
				return a, ctx.Err()
			case <-time.After(g.every):
			}
		}
		if p.Settings.MaxTokens != nil && a.Usage.DecodedTokens == *p.Settings.MaxTokens {
			a.Stop = "length"
			break
		}
		word := fmt.Sprintf(" %d", i)
		text.WriteString(word)
		a.Usage.DecodedTokens++
		a.Trace.Tokens = append(a.Trace.Tokens, chat.TraceToken{Text: word, Prob: 0.5, Experts: [][]chat.Choice{{{Expert: 1, Weight: 1}}}})
		if err := emit(word); err != nil {
			return a, err
		}
	}
	a.Text = text.String()
	return a, nil
}

var errCounterBusy = errors.New("the counter is busy")

// counted is what a counter says to "count n".
func counted(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " %d", i)
	}
	return b.String()
}

// world is a Redis with workers and a client.
type world struct {
	t     *testing.T
	redis *sessiontest.Redis
	log   *slog.Logger
	rdb   redis.UniversalClient
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := newWorldWithout(t)
	w.redis = sessiontest.StartRedis(t)
	w.rdb = w.connect(nil)
	return w
}

// newWorldWithout is a world that has no Redis yet.
func newWorldWithout(t *testing.T) *world {
	return &world{t: t, log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))}
}

// connect opens a connection of one process; line may be nil.
func (w *world) connect(l *line) redis.UniversalClient {
	o := &redis.Options{Addr: w.redis.Addr, ContextTimeoutEnabled: true, ReadTimeout: time.Second, DisableIdentity: true, PoolSize: 100}
	if l != nil {
		o.Dialer = l.dial
	}
	c := redis.NewClient(o)
	w.t.Cleanup(func() { c.Close() })
	return c
}

func (w *world) client(o ClientOptions) *Client {
	o.Lease, o.Log = lease, w.log
	c := NewClient(w.rdb, o)
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) worker(gen chat.Generator, o WorkerOptions) *Worker { return w.workerOn(w.rdb, gen, o) }

func (w *world) workerOn(rdb redis.UniversalClient, gen chat.Generator, o WorkerOptions) *Worker {
	o.Lease, o.Log = lease, w.log
	o.Busy = func(err error) bool { return errors.Is(err, errCounterBusy) }
	worker := NewWorker(rdb, gen, o)
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		worker.Close(ctx)
	})
	return worker
}

// kill ends a worker as kill -9 does: it says nothing more, and gives nothing back.
func (w *Worker) kill() {
	w.shut()
	w.drop()
	w.yield(errSevere)
}

// line is the cable between a process and Redis.
type line struct {
	mu  sync.Mutex
	cut chan struct{} // closed when the line is whole again; nil while it is
}

func (l *line) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return lineConn{c, l}, nil
}

// pull cuts the line; plug mends it: what was sent meanwhile arrives then.
func (l *line) pull() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = make(chan struct{})
}

func (l *line) plug() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.cut)
	l.cut = nil
}

func (l *line) isCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut != nil
}

func (l *line) wait() {
	l.mu.Lock()
	cut := l.cut
	l.mu.Unlock()
	if cut != nil {
		<-cut
	}
}

type lineConn struct {
	net.Conn
	l *line
}

func (c lineConn) Write(b []byte) (int, error) {
	c.l.wait()
	return c.Conn.Write(b)
}

func prompt(channel, id, text string) chat.Prompt {
	return chat.Prompt{Key: session.Key{Channel: channel}, QuestionID: id, Turns: []session.Turn{{ID: id, Role: session.RoleUser, AuthorID: "7", Author: "mia", Text: text, Time: time.UnixMilli(1700000000000).UTC()}}}
}

// heard is what was emitted.
type heard struct {
	mu   sync.Mutex
	text string
	n    int
}

func (h *heard) emit(s string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text += s
	h.n++
	return nil
}

func (h *heard) now() (string, int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text, h.n
}

func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("never: %s", what)
		}
	}
}

// lines waits until nothing is left of any job in Redis.
func (w *world) clean(c *Client) {
	w.t.Helper()
	w.until("nothing is left of the jobs", func() bool {
		_, length, err := survey(w.t.Context(), w.rdb)
		left, _ := w.rdb.Keys(w.t.Context(), "mb:{"+c.id+"}:job:*").Result()
		return err == nil && length == 0 && len(left) == 0
	})
}

// ask asks for an answer beside the test.
func (w *world) ask(ctx context.Context, c *Client, p chat.Prompt) (*heard, <-chan chat.Answer, <-chan error) {
	h, answers, errs := &heard{}, make(chan chat.Answer, 1), make(chan error, 1)
	go func() {
		a, err := c.Generate(ctx, p, h.emit)
		answers <- a
		errs <- err
	}()
	return h, answers, errs
}
