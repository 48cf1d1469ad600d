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
	"moebot/session/sessiontest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers with the number of turns it was given and the question's text; what
// is written in the question makes it misbehave.
type echo struct {
	mu     sync.Mutex
	traces map[string]Trace
	wait   chan struct{} // "wait" blocks until it closes
}

func (e *echo) Generate(ctx context.Context, p Prompt, emit func(string) error) (Answer, error) {
	q := p.Turns[len(p.Turns)-1].Text
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
	case "slow":
		say("so slow")
		<-ctx.Done()
		return a, ctx.Err()
	case "wait":
		<-e.wait
	}
	say(fmt.Sprintf("%d ", len(p.Turns)))
	say(q)
	a.Trace = Trace{Layers: 1, Experts: 2, Tokens: []TraceToken{{Text: q}}}
	return a, nil
}

func (e *echo) Keep(id string, t Trace) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.traces[id] = t
}

var errBusy = errors.New("busy")

// board shows replies.
type board struct {
	mu    sync.Mutex
	said  []string // "question: answer", in the order of their ends
	begun map[string]bool
	lost  bool        // answers cannot be shown
	stuck atomic.Bool // showing takes for ever
}

type boardReply struct {
	b  *board
	id string
}

func (r boardReply) Start() {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	r.b.begun[r.id] = true
}
func (boardReply) Update(string) {}
func (r boardReply) Finish(ctx context.Context, text string) (string, error) {
	if r.b.stuck.Load() {
		<-ctx.Done()
		return "", ctx.Err()
	}
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	if r.b.lost {
		return "", errors.New("no permission")
	}
	r.b.said = append(r.b.said, r.id+": "+text)
	return "a" + r.id, nil
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

// settle waits until no question is pending: an answer is stored after it is shown.
func (w *world) settle() {
	w.t.Helper()
	for end := time.Now().Add(10 * time.Second); w.pending() > 0; time.Sleep(time.Millisecond) {
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
	if s := w.s.Stats(); s.Questions != 4 || s.Answers != 4 || s.Duplicates != 1 || s.DecodedTokens != 12 || w.pending() != 0 {
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
	said := strings.Join(w.board.wait(t, 22-refused), "\n")
	full := strings.Count(said, Full)
	// the queue holds four; one or two more may come in as the first are answered
	if answered := 21 - refused - full; answered < 4 || answered > 8 {
		t.Errorf("%d of 21 answered, %d refused at once, %d in words; want about 4 answered\n%s", answered, refused, full, said)
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
	for _, turn := range w.turns("c") {
		if strings.HasPrefix(turn, "1 ") || strings.Contains(turn, "1 unheard") {
			t.Errorf("still in the context: %q", w.turns("c"))
		}
	}
}

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
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("closing took %v", took)
	}
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

// A question whose asker was told to ask again does not come back.
func TestRefusedQuestionIsForgotten(t *testing.T) {
	w := newWorld(t, time.Minute)
	lossy := &loseAnswer{Store: w.store}
	w.s = New(lossy, w.gen, Options{QueueLen: 4, Timeout: time.Minute, Log: slog.New(slog.DiscardHandler)})
	w.must("c", "1", "hi")
	w.board.wait(t, 1)
	w.settle()
	lossy.on.Store(true)
	w.must("c", "2", "taken, but who knows")
	if said := w.board.wait(t, 2); said[1] != "2: "+sayAway {
		t.Fatalf("without an answer of the store: %q", said[1])
	}
	w.settle()
	same(t, w.turns("c"), []string{"1 hi", "a1 1 hi"})
}

// loseAnswer is a Store whose Accept, once on, takes effect and fails.
type loseAnswer struct {
	Store
	on atomic.Bool
}

func (l *loseAnswer) Accept(ctx context.Context, k session.Key, t session.Turn) (session.Session, bool, error) {
	s, ok, err := l.Store.Accept(ctx, k, t)
	if l.on.Load() {
		return session.Session{}, false, errors.Join(session.ErrUnavailable, err)
	}
	return s, ok, err
}

// Redis is killed in mid-conversation: the person reads a calm sentence, the next
// message works, and what was acknowledged as saved is there.
func TestRedisKilledAndRestarted(t *testing.T) {
	r := sessiontest.StartRedis(t)
	store, err := redisstore.Open(context.Background(), redisstore.Options{URL: r.URL()})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, time.Minute)
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
