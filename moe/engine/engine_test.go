package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"moebot/moe/sample"
)

func TestThreadsAndChunksDoNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	prompt := randomTokens(rng, 40)
	var want string
	for i, o := range []Options{{Threads: 1, ChunkTokens: 64}, {Threads: 2, ChunkTokens: 64}, {Threads: 3, ChunkTokens: 5}, {Threads: 1, ChunkTokens: 1}} {
		got := generate(t, start(t, o), request("a", 3, prompt...)).Text
		if i == 0 {
			want = got
		} else if got != want {
			t.Errorf("%+v gives %q, want %q", o, got, want)
		}
	}
}

func TestContinuedConversationReadsOnlyWhatIsNew(t *testing.T) {
	e := start(t, Options{Slots: 2})
	rng := rand.New(rand.NewPCG(8, 8))
	prompt := randomTokens(rng, 30)
	first := generate(t, e, request("a", 1, prompt...))
	more := append(append([]int32(nil), prompt...), randomTokens(rng, 6)...)
	again := generate(t, e, request("a", 2, more...))
	if again.Usage.ReusedTokens != len(prompt) {
		t.Errorf("%d tokens reused, want %d", again.Usage.ReusedTokens, len(prompt))
	}
	fresh := generate(t, start(t, Options{}), request("b", 2, more...))
	if fresh.Text != again.Text {
		t.Errorf("with the cache %q, without %q", again.Text, fresh.Text)
	}
	if fresh.Usage.ReusedTokens != 0 || first.Usage.ReusedTokens != 0 {
		t.Errorf("tokens reused from nothing: %d, %d", fresh.Usage.ReusedTokens, first.Usage.ReusedTokens)
	}
	if s := e.Stats(); s.CacheHits != 1 || s.Requests != 2 || s.PromptTokens != int64(len(prompt)+len(more)) || s.ReusedTokens != int64(len(prompt)) {
		t.Errorf("stats are %+v", s)
	}
}

// Many conversations at once, over few slots, cancelled at random: each must say
// what it says alone.
func TestConversationsNeverSeeEachOther(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	const conversations, turns = 8, 5
	prompts := make([][][]int32, conversations)
	want := make([][]string, conversations)
	alone := start(t, Options{Slots: 1})
	for c := range prompts {
		base := randomTokens(rng, 3+rng.IntN(20))
		for k := range turns {
			base = append(base, randomTokens(rng, 1+rng.IntN(8))...)
			p := append([]int32(nil), base...)
			prompts[c] = append(prompts[c], p)
			want[c] = append(want[c], generate(t, alone, request("", uint64(c*100+k), p...)).Text)
		}
	}
	e := start(t, Options{Slots: 3, ChunkTokens: 7})
	var wg sync.WaitGroup
	for c := range prompts {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), 1))
			for k, p := range prompts[c] {
				r := request(fmt.Sprint("conversation ", c), uint64(c*100+k), p...)
				if rng.IntN(3) == 0 { // begun, broken off, begun again
					ctx, cancel := context.WithCancel(context.Background())
					n := 0
					res, err := e.Generate(ctx, r, func(string) error {
						if n++; n == 3 {
							cancel()
						}
						return nil
					})
					cancel()
					if err == nil && res.Text != want[c][k] || err != nil && !errors.Is(err, context.Canceled) {
						t.Errorf("conversation %d: %q, %v", c, res.Text, err)
					}
					if !strings.HasPrefix(want[c][k], res.Text) {
						t.Errorf("conversation %d, turn %d: broken off at %q, want a beginning of %q", c, k, res.Text, want[c][k])
					}
				}
				res, err := e.Generate(context.Background(), r, quiet)
				if err != nil || res.Text != want[c][k] {
					t.Errorf("conversation %d, turn %d: %q (%v), alone %q", c, k, res.Text, err, want[c][k])
				}
			}
		})
	}
	wg.Wait()
}

// The reply's own words, and those it goes on with, never spell what is banned; DRY
// and a ban change nothing about one seed giving one text.
func TestNeverAndDry(t *testing.T) {
	e := start(t, Options{Slots: 3})
	ban := sample.NewBan(e.tok, []string{"AB", "0", "x1"})
	found := 0
	for seed := range uint64(150) {
		r := request("a", seed, 1, 2, 3)
		r.Sampling.Temperature = 2
		r.Sampling.Dry = sample.Dry{Multiplier: 1, Base: 2, Allowed: 1}
		if free := generate(t, e, r).Text; strings.Contains(free, "0") || strings.Contains("x"+free, "x1") {
			found++
		}
		r.Never, r.Before = ban, "x"
		res := generate(t, e, r)
		if all := r.Before + res.Text; strings.Contains(all, "AB") || strings.Contains(all, "0") || strings.Contains(all, "x1") {
			t.Errorf("seed %d says %q", seed, all)
		}
		if again := generate(t, e, r); again.Text != res.Text {
			t.Errorf("seed %d says %q, then %q", seed, res.Text, again.Text)
		}
	}
	if found < 10 {
		t.Errorf("only %d replies say what is to be banned: the test is too easy", found)
	}
}

func TestStops(t *testing.T) {
	e := start(t, Options{})
	r := request("a", 5, 1, 2, 3)
	whole := generate(t, e, r)
	if whole.Stop != StopLength || whole.Usage.DecodedTokens != 20 {
		t.Fatalf("stop is %s after %d tokens", whole.Stop, whole.Usage.DecodedTokens)
	}
	runes := []rune(whole.Text)
	r.StopStrings = []string{string(runes[8:11]), "never said"}
	cut := generate(t, e, r)
	if at := strings.Index(whole.Text, r.StopStrings[0]); cut.Stop != StopString || cut.Text != whole.Text[:at] {
		t.Errorf("stop is %s, text %q; want the text before %q in %q", cut.Stop, cut.Text, r.StopStrings[0], whole.Text)
	}
	r.StopStrings = []string{string(runes[18:]) + "x"} // begins at the end and is never complete
	if held := generate(t, e, r); held.Text != whole.Text {
		t.Errorf("text is %q, want %q: what was held back must come out at the end", held.Text, whole.Text)
	}
	r.StopStrings, r.MaxTokens = nil, 0
	if full := generate(t, e, r); full.Stop != StopContext || full.Usage.DecodedTokens != 96-3 {
		t.Errorf("stop is %s after %d tokens, want a full context", full.Stop, full.Usage.DecodedTokens)
	}
	r.Forbid = nil
	r.Sampling.Temperature = 2
	ended := false
	for seed := range 200 {
		r.Sampling.Seed = uint64(seed)
		if res := generate(t, e, r); res.Stop == StopEnd {
			ended = true
			if strings.Contains(res.Text, "<end>") {
				t.Errorf("the end token is in the text %q", res.Text)
			}
		}
	}
	if !ended {
		t.Error("no reply ended by itself")
	}
}

func TestTrace(t *testing.T) {
	e := start(t, Options{})
	r := request("a", 5, 1, 2, 3)
	plain := generate(t, e, r)
	r.Trace = true
	res := generate(t, e, r)
	if res.Text != plain.Text {
		t.Errorf("tracing changes the text: %q, %q", res.Text, plain.Text)
	}
	if len(res.Trace) != res.Usage.DecodedTokens {
		t.Fatalf("%d tokens traced of %d", len(res.Trace), res.Usage.DecodedTokens)
	}
	var text strings.Builder
	for _, tr := range res.Trace {
		text.WriteString(tr.Text)
		sum := float32(0)
		for i, a := range tr.Alternatives {
			sum += a.Prob
			if i > 0 && a.Prob > tr.Alternatives[i-1].Prob {
				t.Error("alternatives are not in order")
			}
			if a.ID == tr.ID && a.Prob != tr.Prob {
				t.Errorf("the token's chance is %v, as an alternative %v", tr.Prob, a.Prob)
			}
		}
		if sum > 1.0001 || tr.Prob <= 0 || len(tr.Alternatives) != 5 {
			t.Errorf("chances %v, token %v", tr.Alternatives, tr.Prob)
		}
		for l := range tr.Experts {
			if len(tr.Experts[l]) != 2 || tr.Experts[l][0] == tr.Experts[l][1] || math.Abs(float64(tr.Gates[l][0]+tr.Gates[l][1]-1)) > 1e-5 {
				t.Errorf("layer %d: experts %v with weights %v", l, tr.Experts[l], tr.Gates[l])
			}
		}
	}
	if text.String() != res.Text {
		t.Errorf("traced tokens spell %q, the text is %q", text.String(), res.Text)
	}
	for l, load := range e.Stats().ExpertLoad {
		sum := int64(0)
		for _, n := range load {
			sum += n
		}
		// each request computes its prompt (the second reuses all but the last token) and all but the last token of its reply
		if want := int64(2 * (3 + 1 + 2*19)); sum != want {
			t.Errorf("layer %d: %d tokens routed, want %d", l, sum, want)
		}
	}
}

func TestErrors(t *testing.T) {
	m, tok := tinyModel(t)
	e, err := New(m, tok, Options{Slots: 1, QueueLen: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	var ce *ContextError
	if _, err := e.Generate(ctx, request("", 1, make([]int32, 96)...), quiet); !errors.As(err, &ce) || ce.Tokens != 96 {
		t.Errorf("a prompt too long gives %v", err)
	}
	for _, r := range []Request{request("", 1), request("", 1, -1), request("", 1, vocab), {Tokens: []int32{1}, Sampling: sample.Params{Temperature: math.NaN()}}} {
		if _, err := e.Generate(ctx, r, quiet); err == nil {
			t.Errorf("request %+v is accepted", r)
		}
	}
	boom := errors.New("boom")
	if res, err := e.Generate(ctx, request("", 1, 1), func(string) error { return boom }); err != boom || res.Stop != StopCancelled {
		t.Errorf("a failing emit gives %v, %s", err, res.Stop)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := e.Generate(gone, request("", 1, 1), quiet); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled request gives %v", err)
	}
	e.Close()
	e.Close()
	if _, err := e.Generate(ctx, request("", 1, 1), quiet); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed engine gives %v", err)
	}
}

func TestCloseEndsWhatRuns(t *testing.T) {
	e := start(t, Options{Slots: 1, ContextTokens: 1 << 16}) // of which no reply comes to the end
	errs := make(chan error, 3)
	began := make(chan struct{}, 1)
	for range 3 {
		go func() {
			r := request("", 1, 1, 2)
			r.MaxTokens = 0
			_, err := e.Generate(context.Background(), r, func(string) error {
				select {
				case began <- struct{}{}:
				default:
				}
				return nil
			})
			errs <- err
		}()
	}
	<-began
	e.Close()
	for range 3 {
		if err := <-errs; !errors.Is(err, ErrClosed) {
			t.Errorf("error is %v", err)
		}
	}
}
