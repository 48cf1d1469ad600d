package eval

import (
	"strings"
	"testing"

	"moebot/moe/backprop"
	"moebot/moe/kernel"
)

func TestMinimalPairsAreWellFormed(t *testing.T) {
	pairs := MinimalPairs()
	kinds, seen := map[string]int{}, map[string]int{}
	for _, p := range pairs {
		kinds[p.Kind]++
		if first, ok := seen[p.Right]; ok {
			t.Errorf("line %d repeats line %d: %q", p.Line, first, p.Right)
		}
		seen[p.Right] = p.Line
		for _, s := range []string{p.Right, p.Wrong} {
			if strings.Contains(s, "  ") || strings.ContainsAny(s, "[]|") || !strings.ContainsAny(s[len(s)-1:], ".?!") {
				t.Errorf("line %d: %q is no clean sentence", p.Line, s)
			}
		}
	}
	if len(pairs) < 100 || len(kinds) < 8 {
		t.Errorf("%d pairs of %d kinds, want at least 100 of 8", len(pairs), len(kinds))
	}
	for kind, n := range kinds {
		if n < 8 {
			t.Errorf("kind %s has %d pairs, want at least 8", kind, n)
		}
	}
}

func TestParsePairsNamesTheLine(t *testing.T) {
	for _, bad := range []string{"kind no bracket", "k: a [b] c", "k: a [b|b] c", "k: a b|c] d"} {
		if _, err := ParsePairs("# fine\n" + bad); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q gives %v, want an error that names line 2", bad, err)
		}
	}
}

// A model with one token that it likes prefers the sentences that hold it.
func TestPairs(t *testing.T) {
	c := backprop.Config{Vocab: 128, Dim: 8, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 4, Hidden: 8, Experts: 1, TopK: 1,
		Context: 32, RopeBase: 1e4, NormEps: 1e-5}
	pool := kernel.NewPool(1)
	defer pool.Close()
	net, err := backprop.New(c, nil, pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range backprop.Params(c) {
		w := net.Weights[p.Offset : p.Offset+p.Len]
		switch p.Name {
		case "token_embd.weight", "output_norm.weight":
			for i := range w {
				w[i] = 1
			}
		case "output.weight":
			for i := range c.Dim {
				w['x'*c.Dim+i] = 0.5
			}
		}
	}
	pairs, err := ParsePairs("a: it [x|y]\na: [y|x] it\nb: is [x|z].\n")
	if err != nil {
		t.Fatal(err)
	}
	got := Pairs(net, pairs, func(s string) []int32 {
		ids := []int32{0}
		for _, b := range []byte(s) {
			ids = append(ids, int32(b))
		}
		return ids
	})
	if len(got) != 2 || got[0].Kind != "a" || got[0].Pairs != 2 || got[0].Right != 1 || got[1].Right != 1 || len(got[0].Missed) != 1 || got[0].Missed[0] != "x it" {
		t.Errorf("scores are %+v", got)
	}
	if got[1].Margin < 3.9 || got[1].Margin > 4.1 { // the logit of x is 8·0.5, all others are 0
		t.Errorf("margin is %v, want about 4", got[1].Margin)
	}
}

func TestReplies(t *testing.T) {
	got := Replies([]string{"a b c d", "A  b c d", "x y x y x y x", ""})
	if got.Replies != 4 || got.Empty != 1 || got.Same != 0.25 || got.Words != 15.0/4 {
		t.Errorf("counts are %+v", got)
	}
	// runs of four: 1 + 1 + 4 of which two repeat
	if got.Distinct1 != 6.0/15 || got.Distinct2 != 5.0/12 || got.Distinct3 != 4.0/9 || got.Repetition != 2.0/6 {
		t.Errorf("shares are %+v", got)
	}
	if v := Replies(nil); v.Distinct1 != 0 || v.Repetition != 0 {
		t.Errorf("no replies give %+v", v)
	}
}
