package interp

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// The planted heads must be named for what they are.
func TestAttentionNamesThePlantedHeads(t *testing.T) {
	l := plantedLab(t)
	rng := rand.New(rand.NewPCG(5, 6))
	var texts []string
	for range 10 {
		texts = append(texts, "s: "+letters(rng, 30, 'a', 'o'))
	}
	a, err := l.Attention(t.Context(), corpusOf(t, texts...))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{"previous token", "first token"}, {"induction", "same token"}} {
		for j, kind := range want {
			if got := a.Heads[i][j].Kind; got != kind {
				t.Errorf("layer %d, head %d is %q, want %q: %+v", i, j, got, kind, a.Heads[i][j])
			}
		}
	}
	if layer, head, score := a.Induction(); layer != 1 || head != 0 || score < 0.9 {
		t.Errorf("strongest induction: layer %d, head %d, %.2f", layer, head, score)
	}
	if s := a.Heads[0][0]; s.Induction.Mean > 0.05 || s.Null.Previous < 0.05 || s.Null.Previous > 0.2 {
		t.Errorf("the head of the previous token: %+v", s)
	}
	if a.Pattern, err = l.PatternOf(l.Encode("acdkac", false), 1, 0); err != nil {
		t.Fatal(err)
	}
	if w := a.Pattern.Weights[5]; w[2] < 0.95 { // the second a looks at the c behind the first
		t.Errorf("pattern of the induction head: %.2f", w)
	}
	if a.Distance, err = l.Recall(t.Context(), []int{0, 8}); err != nil {
		t.Fatal(err)
	}
	a.Agrees = []Agreement{{Words: 0, Right: share(9, 10)}, {Words: 3, Right: share(5, 10)}}
	checkReport(t, a.Report(), a)
}

// The planted model remembers with no gap as with one; the gap's own tokens cannot
// fool it as long as they are not those shown.
func TestRecall(t *testing.T) {
	l := plantedLab(t)
	d, err := l.Recall(t.Context(), []int{0, 4, 60})
	if err != nil {
		t.Fatal(err)
	}
	if len(d) != 2 {
		t.Fatalf("gaps %+v, the one of 60 does not fit into 64 tokens", d)
	}
	if d[0].Again.High > 0.2 || d[0].Fresh.Low < 1 {
		t.Errorf("without a gap: %+v", d[0])
	}
}

func TestBadHeads(t *testing.T) {
	l := plantedLab(t)
	var r *RangeError
	for _, tc := range []struct{ layer, head, hi int }{{2, 0, 1}, {0, 2, 1}, {-1, 0, 1}} {
		if _, err := l.PatternOf([]int32{1, 2}, tc.layer, tc.head); !errors.As(err, &r) || r.Hi != tc.hi {
			t.Errorf("layer %d, head %d: %v", tc.layer, tc.head, err)
		}
	}
	if _, err := l.Agreement(t.Context()); err == nil {
		t.Error("agreement in a vocabulary without verbs")
	}
}

func TestShareIsWilsons(t *testing.T) {
	// Newcombe 1998, table I, the score method: 81/263 and 0/20.
	for _, tc := range []struct {
		k, n      int
		low, high float64
	}{{81, 263, 0.2553, 0.3662}, {0, 20, 0, 0.1611}} {
		if e := share(tc.k, tc.n); math.Abs(e.Low-tc.low) > 5e-5 || math.Abs(e.High-tc.high) > 5e-5 {
			t.Errorf("%d of %d: %+v", tc.k, tc.n, e)
		}
	}
}
