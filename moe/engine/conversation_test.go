package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"moebot/moe/tokenizer"
)

// exchange is one question of a conversation and what was answered when nobody else
// was there.
type exchange struct {
	request Request
	tokens  []int32 // of the answer
	text    string
}

// talk is a conversation of random questions behind a system text. Each prompt goes
// on behind the last answer; now and then the middle is trimmed away.
func talk(t testing.TB, e *Engine, rng *rand.Rand, key string, system []int32, turns int) (out []exchange) {
	history := slices.Clone(system)
	for k := range turns {
		if len(history) > 60 { // trimmed: the system text and the newest stay
			history = append(slices.Clone(system), history[len(history)-20:]...)
		}
		history = append(history, randomTokens(rng, 1+rng.IntN(9))...)
		r := request(key, uint64(k), slices.Clone(history)...)
		r.MaxTokens = 1 + rng.IntN(16)
		r.Trace = true
		fresh := r
		fresh.Key = "" // no cache is kept
		res := generate(t, e, fresh)
		x := exchange{request: r, text: res.Text}
		for _, tr := range res.Trace {
			x.tokens = append(x.tokens, tr.ID)
		}
		history = append(history, x.tokens...)
		out = append(out, x)
	}
	return out
}

// However conversations are interleaved, broken off, repeated and forgotten for
// want of memory: each says what it says alone in an engine that keeps nothing.
func TestInterleavedConversationsSayWhatTheySayAlone(t *testing.T) {
	const keys = 12
	rng := rand.New(rand.NewPCG(21, 22))
	alone := start(t, Options{Slots: 1, Threads: 1})
	systems := [][]int32{randomTokens(rng, 12), randomTokens(rng, 5), nil}
	talks := make([][]exchange, keys)
	for i := range talks {
		talks[i] = talk(t, alone, rng, fmt.Sprint("channel ", i), systems[i%3], 6)
	}
	for _, o := range []Options{
		{Slots: 1, ChunkTokens: 4},
		{Slots: 3, ChunkTokens: 7, Threads: 2},
		{Slots: 8, ChunkTokens: 64, CacheBytes: 3 * 96 * 8 * 2 * 16}, // three conversations' memory
		{Slots: 20, ChunkTokens: 1, Threads: 3},
	} {
		e := start(t, o)
		var wg sync.WaitGroup
		for i, exchanges := range talks {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(i), 5))
				for _, x := range exchanges {
					for range 1 + rng.IntN(2) { // asked again: the same answer
						if rng.IntN(3) == 0 {
							breakOff(t, e, x, 1+rng.IntN(4))
						}
						res, err := e.Generate(context.Background(), x.request, quiet)
						if err != nil || res.Text != x.text {
							t.Errorf("%+v: %s: %q (%v), alone %q", o, x.request.Key, res.Text, err, x.text)
						}
						for j, tr := range res.Trace {
							if j < len(x.tokens) && tr.ID != x.tokens[j] {
								t.Errorf("%s: token %d is %d, alone %d", x.request.Key, j, tr.ID, x.tokens[j])
							}
						}
					}
				}
			})
		}
		wg.Wait()
		if s := e.Stats(); s.Busy != 0 || s.Queued != 0 || o.CacheBytes > 0 && s.CacheBytes > o.CacheBytes {
			t.Errorf("%+v: in the end %d busy, %d queued, %d bytes of caches", o, s.Busy, s.Queued, s.CacheBytes)
		}
	}
}

// breakOff asks and stops listening after n pieces.
func breakOff(t *testing.T, e *Engine, x exchange, n int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	got := ""
	res, err := e.Generate(ctx, x.request, func(piece string) error {
		got += piece
		if n--; n == 0 {
			cancel()
		}
		return nil
	})
	if err != nil && (!errors.Is(err, context.Canceled) || res.Stop != StopCancelled) {
		t.Errorf("broken off: %s, %v", res.Stop, err)
	}
	if !strings.HasPrefix(x.text, res.Text) || got != res.Text {
		t.Errorf("broken off at %q, result %q, want a beginning of %q", got, res.Text, x.text)
	}
}

func TestWhatIsReused(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	system, a, b := randomTokens(rng, 20), randomTokens(rng, 5), randomTokens(rng, 6)
	e := start(t, Options{})
	ask := func(key string, parts ...[]int32) ([]int32, int) {
		r := request(key, 1, slices.Concat(parts...)...)
		r.Trace = true
		res := generate(t, e, r)
		var ids []int32
		for _, tr := range res.Trace {
			ids = append(ids, tr.ID)
		}
		return ids, res.Usage.ReusedTokens
	}
	answer, n := ask("a", system, a)
	if n != 0 {
		t.Errorf("%d tokens reused at first", n)
	}
	if _, n = ask("b", system, b); n != 20 {
		t.Errorf("%d tokens reused of the system text another conversation read, want 20", n)
	}
	// the last token of the answer was said but never read
	if _, n = ask("a", system, a, answer, b); n != 25+len(answer)-1 {
		t.Errorf("%d tokens reused of the conversation so far, want %d", n, 25+len(answer)-1)
	}
	if _, n = ask("a", system, a); n != 24 {
		t.Errorf("%d tokens reused when asked again, want all but the last", n)
	}
	if _, n = ask("", system, a); n != 24 {
		t.Errorf("%d tokens reused without a key, want 24", n)
	}
	if s := e.Stats(); s.Conversations != 2 {
		t.Errorf("%d conversations are kept, want 2", s.Conversations)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	const each = 96 * 8 * 2 * 16 // bytes of a full context
	e := start(t, Options{Slots: 4, CacheBytes: 2*each + each/2})
	rng := rand.New(rand.NewPCG(3, 4))
	var wg sync.WaitGroup
	for i := range 30 {
		p := randomTokens(rng, 10)
		wg.Go(func() {
			generate(t, e, request(fmt.Sprint(i), 1, p...))
			if s := e.Stats(); s.CacheBytes > 2*each+each/2 || s.Conversations > 2 {
				t.Errorf("%d conversations in %d bytes, at most %d allowed", s.Conversations, s.CacheBytes, 2*each+each/2)
			}
		})
	}
	wg.Wait()
	small := start(t, Options{Slots: 4, CacheBytes: 1})
	if res := generate(t, small, request("a", 1, 1, 2, 3)); res.Usage.DecodedTokens != 20 {
		t.Errorf("a reply alone does not run in too little memory: %+v", res)
	}
}

func TestTooManyWaiting(t *testing.T) {
	m, tok := tinyModel(t)
	e := &Engine{model: m, tok: tok, opt: Options{QueueLen: 2}.fill(m.Config), submit: make(chan *sequence), quit: make(chan struct{})} // nobody serves
	ctx, cancel := context.WithCancel(context.Background())
	errs := make(chan error, 2)
	ask := func(ctx context.Context) { _, err := e.Generate(ctx, request("", 1, 1), quiet); errs <- err }
	go ask(context.Background())
	go ask(ctx)
	for e.Stats().Queued < 2 {
		time.Sleep(time.Millisecond)
	}
	if _, err := e.Generate(context.Background(), request("", 1, 1), quiet); !errors.Is(err, ErrBusy) {
		t.Errorf("a third that waits gives %v", err)
	}
	if cancel(); !errors.Is(<-errs, context.Canceled) {
		t.Error("a waiting request does not end with its context")
	}
	if close(e.quit); !errors.Is(<-errs, ErrClosed) {
		t.Error("a waiting request does not end with the engine")
	}
	if n := e.Stats().Queued; n != 0 {
		t.Errorf("%d still queued", n)
	}
}

func TestStopTokens(t *testing.T) {
	e := start(t, Options{})
	r := request("a", 5, 1, 2, 3)
	r.Trace = true
	whole := generate(t, e, r)
	r.StopTokens = []int32{whole.Trace[7].ID}
	cut := generate(t, e, r)
	if cut.Stop != StopEnd || len(cut.Trace) > 7 || !strings.HasPrefix(whole.Text, cut.Text) {
		t.Errorf("stop is %s, text %q of %q", cut.Stop, cut.Text, whole.Text)
	}
}

// Tokens may be parts of characters or no characters at all; what is emitted is text.
func TestPiecesAreWholeCharacters(t *testing.T) {
	m, _ := tinyModel(t)
	spec := tokenizer.Spec{Model: "gpt2", Pre: "gpt-2", BOS: -1, EOS: vocab - 1, EOT: -1, Pad: -1}
	for i := range vocab - 1 {
		b := rune(0xA1 + i) // lead and continuation bytes in GPT-2's writing
		if b >= 0xAD {
			b = rune(0xAE + i)
		}
		spec.Tokens, spec.Kinds = append(spec.Tokens, string(b)), append(spec.Kinds, tokenizer.Normal)
	}
	spec.Tokens, spec.Kinds = append(spec.Tokens, "<end>"), append(spec.Kinds, tokenizer.Control)
	tok, err := tokenizer.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(m, tok, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	halves := 0
	for seed := range uint64(20) {
		r := request("a", seed, 1, 2, 3)
		r.MaxTokens, r.Trace = 80, true
		res, err := e.Generate(context.Background(), r, func(piece string) error {
			if !utf8.ValidString(piece) || piece == "" {
				t.Errorf("piece %q", piece)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want, stream := "", tok.Stream(-1)
		for _, tr := range res.Trace {
			want += stream.Push(tr.ID)
		}
		if res.Text != want { // a reply that is cut may go on: half a character waits for its end
			t.Errorf("cut after %d tokens %q, want %q", len(res.Trace), res.Text, want)
		}
		if stream.Flush() != "" {
			halves++
		}
	}
	if halves == 0 {
		t.Error("no reply is cut within a character")
	}
}

// A prompt in many chunks must not stop the replies in progress: they get a token
// with each chunk.
func TestALongPromptDelaysNobody(t *testing.T) {
	s := byHand(t, Options{Slots: 3, ChunkTokens: 8})
	add := func(tokens []int32) *sequence {
		q := s.ask(context.Background(), request("", 1, tokens...))
		s.admit()
		return q
	}
	rng := rand.New(rand.NewPCG(3, 4))
	quick := add(randomTokens(rng, 3))
	s.step()
	one, two := add(randomTokens(rng, 64)), add(randomTokens(rng, 64))
	for k := range 16 {
		s.step()
		if got := quick.result.Usage.DecodedTokens; got != k+2 {
			t.Fatalf("after %d chunks the reply has %d tokens", k+1, got)
		}
		if d := one.read - two.read; d < -8 || d > 8 {
			t.Errorf("after %d chunks %d and %d tokens are read: prompts take no turns", k+1, one.read, two.read)
		}
	}
	if one.prefilling() || two.prefilling() {
		t.Errorf("%d and %d tokens are read", one.read, two.read)
	}
}
