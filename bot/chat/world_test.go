package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"moebot/session"
	"moebot/session/redisstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers with the number of turns it was given and the question's text; what
// is written in the question makes it misbehave.
type echo struct {
	mu     sync.Mutex
	traces map[string]Trace
	unlike []string      // of the last prompt
	wait   chan struct{} // "wait" blocks until it closes
}

func (e *echo) Generate(ctx context.Context, p Prompt, emit func(string) error) (Answer, error) {
	q := p.Turns[len(p.Turns)-1].Text
	e.mu.Lock()
	e.unlike = p.Unlike
	e.mu.Unlock()
	a := Answer{Stop: "end", Usage: Usage{PromptTokens: 10, DecodedTokens: 3}}
	say := func(s string) {
		a.Text += s
		if err := emit(s); err != nil {
			panic(err)
		}
	}
	switch q {
	case "panic":
		panic("as asked")
	case "fail":
		return a, errors.New("as asked")
	case "half":
		say("half a ")
		return a, errors.New("as asked")
	case "busy":
		return a, errBusy
	case "nothing":
		return a, nil
	case "cut":
		a.Stop = "length"
		if p.Begin != "" {
			say(" and so on")
			a.Trace = Trace{Layers: 1, Experts: 2, Tokens: []TraceToken{{Text: a.Text}}}
			return a, nil
		}
	case "mute":
		<-ctx.Done()
		return a, ctx.Err()
	case "slow":
		say("so slow")
		<-ctx.Done()
		return a, ctx.Err()
	case "wait":
		<-e.wait
	}
	say(fmt.Sprintf("%d ", len(p.Turns)))
	say(q)
	a.Trace = Trace{Layers: 1, Experts: 2, Tokens: []TraceToken{{Text: q}}, Drafts: []Draft{{a.Text, -1}, {"be hush", -2}, {"be kind", -3}}}
	return a, nil
}

func (e *echo) trace(id string) Trace {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.traces[id]
}

func (e *echo) Keep(_, id string, t Trace, more bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.traces[id] = t
}

var errBusy = errors.New("busy")

// board shows replies.
type board struct {
	mu                sync.Mutex
	said              []string // "question: answer", in the order of their ends
	ends              []End    // with them
	queued, withdrawn []string
	begun             map[string]bool
	lost              bool        // answers cannot be shown
	stuck             atomic.Bool // showing takes for ever
}

type boardReply struct {
	b  *board
	id string
}

func (r boardReply) Queued(n int) {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	r.b.queued = append(r.b.queued, fmt.Sprint(r.id, " behind ", n))
}

func (r boardReply) Withdraw(context.Context) {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	r.b.withdrawn = append(r.b.withdrawn, r.id)
}

func (r boardReply) Start() {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	r.b.begun[r.id] = true
}
func (boardReply) Update(string) {}
func (r boardReply) Finish(ctx context.Context, e End) ([]string, error) {
	if r.b.stuck.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	if r.b.lost {
		return nil, errors.New("no permission")
	}
	r.b.said, r.b.ends = append(r.b.said, r.id+": "+e.Text), append(r.b.ends, e)
	return []string{"a" + r.id}, nil
}

func (b *board) wait(t *testing.T, n int) []string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		b.mu.Lock()
		said := append([]string(nil), b.said...)
		b.mu.Unlock()
		if len(said) >= n {
			return said
		}
	}
	t.Fatalf("only %d of %d answers came: %q", len(b.said), n, b.said)
	return nil
}

type world struct {
	t     *testing.T
	redis *miniredis.Miniredis
	store *redisstore.Store
	gen   *echo
	board *board
	s     *Service
}

func newWorld(t *testing.T, timeout time.Duration) *world {
	t.Helper()
	r := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: r.Addr(), ContextTimeoutEnabled: true, MaxRetries: -1})
	store, err := redisstore.New(client, redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, redis: r, store: store, gen: &echo{traces: map[string]Trace{}, wait: make(chan struct{})}, board: &board{begun: map[string]bool{}}}
	w.s = New(store, w.gen, Options{QueueLen: 4, Timeout: timeout, Busy: func(err error) bool { return errors.Is(err, errBusy) },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		w.s.Close(ctx)
		store.Close()
	})
	return w
}

func (w *world) ask(channel, id, text string) error {
	return w.s.Ask(Question{Key: session.Key{Channel: channel}, Reply: boardReply{w.board, id},
		Turn: session.Turn{ID: id, Role: session.RoleUser, AuthorID: "u", Author: "Mia", Text: text, Time: time.Now()}})
}

func (w *world) must(channel, id, text string) {
	w.t.Helper()
	if err := w.ask(channel, id, text); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) turns(channel string) (out []string) {
	w.t.Helper()
	s, err := w.store.Load(context.Background(), session.Key{Channel: channel})
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		w.t.Fatal(err)
	}
	for _, t := range s.Turns {
		out = append(out, t.ID+" "+t.Text)
	}
	return out
}

func (w *world) pending() int {
	w.t.Helper()
	p, err := w.store.Pending(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return len(p)
}

// underWay is how many questions are not settled.
func (w *world) underWay() (n int) {
	w.s.open.Range(func(any, any) bool { n++; return true })
	return n
}

// settle waits until no question is pending or under way: an answer is stored after it
// is shown.
func (w *world) settle() {
	w.t.Helper()
	for end := time.Now().Add(10 * time.Second); w.pending()+w.underWay() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("%d questions stay pending", w.pending())
		}
	}
}

// accepted waits until the questions are stored and those at the head of their queue
// are being answered.
func (w *world) accepted(ids ...string) {
	w.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		w.board.mu.Lock()
		begun := w.board.begun[ids[0]]
		w.board.mu.Unlock()
		if begun && w.s.Stats().Questions >= int64(len(ids)) {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("never accepted: %q", ids)
		}
	}
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
