package engine

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The reply given out is, of those that the seeds give one by one, the one of the highest
// score by the probabilities of its own trace.
func TestBest(t *testing.T) {
	e, alone := start(t, Options{Slots: 8}), start(t, Options{Slots: 1})
	rng := rand.New(rand.NewPCG(11, 11))
	others := 0
	for k := range 8 {
		r := request("channel", uint64(k), randomTokens(rng, 50)...)
		r.Sampling.Temperature = 1
		const n = 5
		want, best, at := "", math.Inf(-1), 0
		for i := range n {
			one := r
			one.Key, one.Trace = "", true
			one.Sampling.Seed += uint64(i) * 0x9e3779b97f4a7c15
			res := generate(t, alone, one)
			sum := 0.0
			for _, x := range res.Trace {
				sum += math.Log(float64(x.Prob))
			}
			length := len(res.Trace)
			if res.Stop == StopEnd {
				sum, length = sum+math.Log(float64(res.end)), length+1
			}
			sum /= math.Pow(float64(length), 0.6)
			if len(res.Trace) > 0 && sum > best {
				want, best, at = res.Text, sum, i
			}
		}
		if at > 0 {
			others++
		}
		var said strings.Builder
		var watched int
		r.Watch = func(TokenTrace) { watched++ }
		res, err := e.Best(t.Context(), r, n, func(piece string) error { said.WriteString(piece); return nil })
		if err != nil || res.Text != want || said.String() != want {
			t.Errorf("round %d: %q emitted, %q in the result, %v; want %q", k, said.String(), res.Text, err, want)
		}
		if watched != res.Usage.DecodedTokens || res.Trace != nil {
			t.Errorf("%d tokens watched of %d, trace of %d though not asked for", watched, res.Usage.DecodedTokens, len(res.Trace))
		}
		if len(res.Drafts) != n || res.Drafts[0].Text != want || math.Abs(res.Drafts[0].Score-best) > 1e-9 || !slices.IsSortedFunc(res.Drafts, func(a, b Draft) int { return cmp.Compare(b.Score, a.Score) }) {
			t.Errorf("drafts are %+v, want %d beginning with %q at %g", res.Drafts, n, want, best)
		}
		if u := res.Usage; u.PromptTokens != 50 || u.TimeToFirstToken < u.DecodeTime {
			t.Errorf("usage is %+v", u)
		}
	}
	if others == 0 {
		t.Error("the first was the best each time: nothing was chosen")
	}
	if s := e.Stats(); s.Requests != 8 || s.PromptTokens != 8*50 || s.Conversations != 1 {
		t.Errorf("stats are %+v, want 8 requests of 50 tokens and one conversation", s)
	}
}

// Where nothing is to choose Best says what Generate says.
func TestBestOfOne(t *testing.T) {
	e := start(t, Options{})
	cold := request("", 5, 1, 2, 3)
	cold.Sampling.Temperature = 0
	warm := request("", 5, 1, 2, 3)
	for _, c := range []struct {
		r Request
		n int
	}{{cold, 6}, {warm, 1}, {warm, 0}} {
		want := generate(t, e, c.r).Text
		pieces := 0
		if res, err := e.Best(t.Context(), c.r, c.n, func(string) error { pieces++; return nil }); err != nil || res.Text != want || pieces == 0 {
			t.Errorf("%d of temperature %g: %q in %d pieces, %v; want %q", c.n, c.r.Sampling.Temperature, res.Text, pieces, err, want)
		}
	}
	m, _ := tinyModel(t)
	if n := BestOf(m); n != bestOf {
		t.Errorf("of a tiny model the best of %d, want %d", n, bestOf)
	}
}

// What was given before is not given again.
func TestBestUnlike(t *testing.T) {
	e := start(t, Options{})
	r := request("", 9, 1, 2, 3)
	said := map[string]bool{}
	for range 4 {
		res, err := e.Best(t.Context(), r, 4, quiet)
		if err != nil || said[res.Text] {
			t.Fatalf("%q, %v, after %v", res.Text, err, said)
		}
		said[res.Text] = true
		r.Unlike = append(r.Unlike, strings.TrimSpace(res.Text))
	}
	if res, err := e.Best(t.Context(), r, 4, quiet); err != nil || !said[res.Text] {
		t.Errorf("where all were given: %q, %v", res.Text, err)
	}
}

// A kind of reply that few drafts are is not given, though it be the likeliest; one that most
// are is.
func TestBestDoubts(t *testing.T) {
	e := start(t, Options{Slots: 6})
	r := request("", 9, 1, 2, 3)
	r.Sampling.Temperature = 1
	plain, err := e.Best(t.Context(), r, 6, quiet)
	if err != nil || len(plain.Drafts) != 6 || plain.Drafts[0].Text == plain.Drafts[1].Text {
		t.Fatalf("%+v, %v", plain.Drafts, err)
	}
	r.Doubt = func(text string) bool { return text == plain.Text }
	if res, err := e.Best(t.Context(), r, 6, quiet); err != nil || res.Text != plain.Drafts[1].Text {
		t.Errorf("where one is doubted: %q, %v; want the next, %q", res.Text, err, plain.Drafts[1].Text)
	}
	r.Doubt = func(text string) bool { return text != plain.Drafts[5].Text }
	if res, err := e.Best(t.Context(), r, 6, quiet); err != nil || res.Text != plain.Text {
		t.Errorf("where most are: %q, %v; want %q", res.Text, err, plain.Text)
	}
}

// What goes wrong is told as Generate tells it, and nothing is said of a reply that is not
// chosen.
func TestBestGoesWrong(t *testing.T) {
	e := start(t, Options{Slots: 2})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never := func(string) error { t.Error("something was said"); return nil }
	if res, err := e.Best(ctx, request("", 1, 1, 2, 3), 4, never); !errors.Is(err, context.Canceled) || res.Stop != StopCancelled {
		t.Errorf("cancelled: %+v, %v", res, err)
	}
	if _, err := e.Best(t.Context(), request("", 1, make([]int32, 500)...), 4, never); !errors.As(err, new(*ContextError)) {
		t.Errorf("too long a prompt: %v", err)
	}
	full := errors.New("full")
	if res, err := e.Best(t.Context(), request("", 1, 1, 2, 3), 4, func(string) error { return full }); err != full || res.Stop != StopCancelled {
		t.Errorf("a receiver that fails: %+v, %v", res, err)
	}
	tight := start(t, Options{Slots: 1, QueueLen: 1}) // where not all find room
	if res, err := tight.Best(t.Context(), request("", 1, 1, 2, 3), 8, quiet); err != nil || res.Text == "" {
		t.Errorf("little room: %+v, %v", res, err)
	}
}

func TestBetter(t *testing.T) {
	of := func(text string, stop StopReason, probs ...float32) *draft {
		d := &draft{Result: Result{Text: text, Stop: stop, end: 0.9}}
		for _, p := range probs {
			d.Trace = append(d.Trace, TokenTrace{Prob: p})
		}
		return d
	}
	sure, unsure := of("a", StopEnd, 0.9), of("b", StopEnd, 0.1)
	failed := of("c", StopEnd, 1)
	failed.err = ErrBusy
	known := of("k", StopEnd, 0.99)
	known.known = true
	alone := of("o", StopEnd, 0.99)
	alone.alone = true
	for _, c := range []struct {
		name   string
		better *draft
		worse  *draft
	}{
		{"the likelier", sure, unsure},
		{"one that has ended", unsure, of("d", StopLength, 0.99)},
		{"one that has ended before a stop string", of("e", StopString, 0.1), of("d", StopContext, 0.99)},
		{"one with words", of("f", StopLength, 0.01), of("", StopEnd)},
		{"one with more than blanks", of("f", StopLength, 0.01), of(" \n", StopEnd, 0.99)},
		{"a new one", of("n", StopLength, 0.01), known},
		{"one that is not alone", unsure, alone},
		{"one that has ended, though alone", alone, of("d", StopLength, 0.99)},
		{"one whose end is likely", of("a", StopEnd, 0.9), &draft{Result: Result{Text: "a", Stop: StopEnd, end: 0.01, Trace: []TokenTrace{{Prob: 0.9}}}}},
		{"the longer of equal words", of("g", StopEnd, 0.5, 0.99, 0.99), of("h", StopEnd, 0.4)},
		{"one without an error", sure, failed},
	} {
		if !c.better.better(c.worse) || c.worse.better(c.better) {
			t.Errorf("%s is not the better", c.name)
		}
	}
	if sure.better(sure) {
		t.Error("a reply is better than itself: of equals the first should stay")
	}
}
