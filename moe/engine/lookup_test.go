package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// What is foretold changes no text, at any temperature, whatever else is going on, and
// what is left in the cache is what was said.
func TestLookupChangesNoText(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	plain := start(t, Options{Slots: 1})
	for _, o := range []Options{{Slots: 1, Lookup: 3}, {Slots: 4, Lookup: 8, Threads: 2, ChunkTokens: 5}} {
		e := start(t, o)
		var wg sync.WaitGroup
		var mu sync.Mutex
		drafted, accepted := 0, 0
		for i := range 60 {
			// prompts that repeat themselves, and replies that do at low temperature
			r := request(fmt.Sprint(i), uint64(i), slices.Concat(randomTokens(rng, 4), slices.Repeat(randomTokens(rng, 3), 4))...)
			r.Sampling.Temperature = []float64{0, 0.2, 0.7, 1.5}[i%4]
			r.MaxTokens = []int{1, 2, 7, 0}[i/4%4]
			r.Trace = true
			if i%5 == 0 {
				r.StopStrings = []string{"A", "xyz"}
			}
			want := generate(t, plain, r)
			wg.Go(func() {
				for range 2 { // the second time on the cache that the first has left
					got := generate(t, e, r)
					if got.Text != want.Text || got.Stop != want.Stop || len(got.Trace) != len(want.Trace) || got.Usage.DecodedTokens != want.Usage.DecodedTokens {
						t.Errorf("request %d: %q (%s), without look-up %q (%s)", i, got.Text, got.Stop, want.Text, want.Stop)
						return
					}
					for j := range got.Trace {
						a, b := got.Trace[j], want.Trace[j]
						if a.ID != b.ID || a.Prob != b.Prob || !slices.EqualFunc(a.Experts, b.Experts, slices.Equal) {
							t.Errorf("request %d: the trace of token %d differs", i, j)
						}
					}
					mu.Lock()
					drafted, accepted = drafted+got.Usage.DraftedTokens, accepted+got.Usage.AcceptedTokens
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if accepted < 50 || accepted == drafted {
			t.Errorf("%+v: %d of %d foretold tokens came true: the test shows nothing", o, accepted, drafted)
		}
	}
}

func TestForetell(t *testing.T) {
	l := lookup{most: 3, seen: []int32{1, 2, 3, 4, 5, 9, 2, 3, 7}}
	say := func(ids ...int32) {
		for _, id := range ids {
			l.note(id)
		}
		l.foretell(10)
	}
	for _, tc := range []struct{ say, want []int32 }{
		{[]int32{8}, nil},
		{[]int32{2, 3}, []int32{7, 8, 2}}, // the last time counts
		{[]int32{4, 5}, []int32{9, 2, 3}}, // but a longer match counts more
		{[]int32{6}, nil},
	} {
		if say(tc.say...); !slices.Equal(l.draft, tc.want) {
			t.Errorf("behind %v: %v, want %v", l.seen, l.draft, tc.want)
		}
	}
	say(4, 5)
	if l.foretell(1); len(l.draft) != 1 {
		t.Errorf("%d tokens foretold where 1 has room", len(l.draft))
	}
	if l.foretell(0); len(l.draft) != 0 {
		t.Errorf("%d tokens foretold where none has room", len(l.draft))
	}
	l.draft = []int32{1}
	l.judge(0)
	if say(4, 5); len(l.draft) == 0 { // two tokens later
		t.Error("the pause does not end")
	}
	l.judge(0)
	if say(4, 5); len(l.draft) != 0 {
		t.Error("a second draft in vain makes no longer pause")
	}
}
