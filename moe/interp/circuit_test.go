package interp

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"moebot/moe/model"
)

// Behind "acdka" the planted induction head says c, behind "agdka" g: the circuit is
// that head and no other part.
func TestCircuitIsTheInductionHead(t *testing.T) {
	l := plantedLab(t)
	var pairs []Pair
	for _, p := range [][2]string{{"acdka", "agdka"}, {"bodmb", "bidmb"}, {"hacnh", "hmcnh"}} {
		clean, corrupt := l.Encode(p[0], false), l.Encode(p[1], false)
		pairs = append(pairs, Pair{clean, corrupt, clean[2], corrupt[2]})
	}
	c, err := l.Circuit(t.Context(), pairs, 0)
	if err != nil {
		t.Fatal(err)
	}
	if c.Pairs != 3 || c.Clean.Mean < 3 || math.Abs(c.Clean.Mean+c.Corrupt.Mean) > 1 {
		t.Fatalf("%d pairs, clean %+v, corrupt %+v", c.Pairs, c.Clean, c.Corrupt)
	}
	for i, p := range c.Parts {
		want := 0.0
		if p.Part == (part{1, false, 0}) {
			want = 1
		}
		if (i == 0) != (want == 1) || math.Abs(p.Effect.Mean-want) > 0.05 {
			t.Errorf("part %d, %s: effect %+v, want %v", i, p.Name, p.Effect, want)
		}
	}
	if len(c.Set) != 2 || c.Set[1].Name != "layer 1 head 0" || c.Set[1].Score < 0.95 || c.Set[0].Score > 0.1 {
		t.Errorf("smallest set %+v", c.Set)
	}
	// The word is at position 2 until layer 1 takes it to the last position.
	for stage, at := range []int{2, 2, 5} {
		for i, v := range c.Stream[stage] {
			if want := i == at; want != (v > 0.9) || !want && math.Abs(v) > 0.1 {
				t.Errorf("stage %d, position %d: effect %.2f", stage, i, v)
			}
		}
	}
	checkReport(t, c.Report(), c)
}

// What the parts add must sum up to the difference of logits.
func TestAttributionSumsUp(t *testing.T) {
	l := plantedLab(t)
	for _, text := range []string{"acdkacb", "nodbekk"} {
		tr := l.trace(l.Encode(text, false), nil)
		sum, parts := 0.0, l.attribute(tr, 3, 7)
		if rest := parts[part{-1, false, 1}]; math.Abs(rest) > 1e-4 {
			t.Errorf("%s: the parts of a model without biases leave %v to them", text, rest)
		}
		for _, v := range parts {
			sum += v
		}
		if want := float64(tr.logits[3] - tr.logits[7]); math.Abs(sum-want) > 1e-4*(1+math.Abs(want)) {
			t.Errorf("%s: parts add up to %v, the logits to %v", text, sum, want)
		}
	}
}

// Replacing all parts and the embedding by those of another pass must give that pass.
func TestReplaceAllIsTheOtherPass(t *testing.T) {
	l := plantedLab(t)
	a, b := l.trace(l.Encode("acdkacb", false), nil), l.trace(l.Encode("nodbekk", false), nil)
	hook := l.replace(b, l.parts())
	got := l.trace(a.ids, func(p model.Point, layer int, rows []float32, width int) {
		if p == model.AtEmbedding {
			copy(rows, b.streams[0])
		}
		hook(p, layer, rows, width)
	})
	for i := range got.logits {
		if math.Abs(float64(got.logits[i]-b.logits[i])) > 1e-3 {
			t.Errorf("logit %d is %v, want %v", i, got.logits[i], b.logits[i])
		}
	}
}

func TestCircuitRefuses(t *testing.T) {
	l := plantedLab(t)
	if _, err := l.Circuit(t.Context(), []Pair{{[]int32{1, 2}, []int32{1, 2, 3}, 1, 2}}, 0); err == nil || !strings.Contains(err.Error(), "2 and 3 tokens") {
		t.Errorf("prompts of two lengths: %v", err)
	}
	var r *RangeError
	if _, err := l.Circuit(t.Context(), []Pair{{[]int32{1, 2}, []int32{1, 3}, 1, 16}}, 0); !errors.As(err, &r) || r.What != "other token" {
		t.Errorf("token 16: %v", err)
	}
	if _, err := l.Circuit(t.Context(), []Pair{{[]int32{1, 2}, []int32{1, 2}, 1, 3}}, 0); err == nil || !strings.Contains(err.Error(), "none of the 1 pairs") {
		t.Errorf("the same prompt twice: %v", err)
	}
}

// With too few passes for all parts the planted head is found all the same, its layer
// being looked at first, and the report says what was left out.
func TestCircuitWithinABudget(t *testing.T) {
	l := plantedLab(t)
	var pairs []Pair
	for _, p := range [][2]string{{"acdka", "agdka"}, {"bodmb", "bidmb"}, {"hacnh", "hmcnh"}, {"ebfoe", "ecfoe"}} {
		clean, corrupt := l.Encode(p[0], false), l.Encode(p[1], false)
		pairs = append(pairs, Pair{clean, corrupt, clean[2], corrupt[2]})
	}
	whole, err := l.Circuit(t.Context(), pairs, 0)
	if err != nil {
		t.Fatal(err)
	}
	if whole.All != len(whole.Parts) || len(whole.Groups) != 0 || strings.Contains(whole.Report().Finding, "stay within") {
		t.Errorf("without a bound %d of %d parts, groups %v", len(whole.Parts), whole.All, whole.Groups)
	}
	var last, total int
	l.Progress = func(d, n int) { last, total = d, n }
	for _, passes := range []int{1, 250, whole.Passes - 1} {
		c, err := l.Circuit(t.Context(), pairs, passes)
		if err != nil {
			t.Fatal(err)
		}
		if c.Parts[0].Name != "layer 1 head 0" || c.Parts[0].Effect.Mean < 0.95 || c.Set[1].Name != "layer 1 head 0" {
			t.Errorf("%d passes: strongest is %+v, set %+v", passes, c.Parts[0], c.Set)
		}
		if c.Passes >= whole.Passes || last != c.Passes || total != last {
			t.Errorf("%d passes: %d were taken, %d without a bound; progress %d of %d", passes, c.Passes, whole.Passes, last, total)
		}
		skipped, _ := c.skipped()
		if skipped == 0 || skipped+len(c.Parts) != c.All || c.All != whole.All {
			t.Errorf("%d passes: %d parts looked at, %d not, of %d", passes, len(c.Parts), skipped, whole.All)
		}
		r := c.Report()
		if want := fmt.Sprintf("To stay within %d passes, %d of the model's %d parts were not looked at", c.Passes, skipped, c.All); !strings.Contains(r.Finding, want) {
			t.Errorf("%d passes: %s", passes, r.Finding)
		}
		checkReport(t, r, c)
	}
	l.Progress = nil
}

// The gradient that attribution follows is that of the logits themselves: pushing the
// last stream a little along any direction changes the difference of logits, the final
// norm's scale kept, as much as the gradient says.
func TestAttributionAgainstFiniteDifferences(t *testing.T) {
	l := plantedLab(t)
	c := l.Model.Config
	ids := l.Encode("acdkacb", false)
	last := (len(ids) - 1) * c.Dim
	const a, b = 3, 7
	tr := l.trace(ids, nil)
	x := tr.streams[c.Layers][last : last+c.Dim]
	gradient := make([]float32, c.Dim)
	l.Model.LogitDifference(gradient, x, a, b)
	rms := func(x []float64) float64 {
		sum := 0.0
		for _, v := range x {
			sum += v * v
		}
		return math.Sqrt(sum/float64(len(x)) + c.NormEps)
	}
	// f is the difference of logits at x + h·v, times the norm's scale there.
	f := func(v []float64, h float64) float64 {
		moved := float64s(x)
		for k := range moved {
			moved[k] += h * v[k]
		}
		l.pass(ids, true, func(at model.Point, layer int, rows []float32, _ int) {
			if at == model.AtLayer && layer == c.Layers-1 {
				for k, w := range moved {
					rows[last+k] = float32(w)
				}
			}
		})
		y := l.logits(len(ids) - 1)
		return float64(y[a]-y[b]) * rms(moved)
	}
	rng := rand.New(rand.NewPCG(3, 0))
	for range 30 {
		v, want := make([]float64, c.Dim), 0.0
		for k := range v {
			v[k] = rng.NormFloat64()
			want += v[k] * float64(gradient[k])
		}
		const h = 0.05
		got := (f(v, h) - f(v, -h)) / (2 * h) / rms(float64s(x))
		if math.Abs(got-want) > 1e-3*(1+math.Abs(want)) {
			t.Errorf("along a direction the logits change by %v, the gradient says %v", got, want)
		}
	}
}
