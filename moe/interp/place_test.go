package interp

import (
	"errors"
	"math"
	"testing"
)

// At token 5 the planted neuron of layer 0 fires and no other; it raises token 9.
func TestFirings(t *testing.T) {
	l := plantedLab(t)
	ids := l.Encode("cbfe", false)
	at := -1
	for i, id := range ids {
		if id == 5 {
			at = i
		}
	}
	if at < 0 {
		t.Fatalf("no token 5 in %v", ids)
	}
	got, half, all, err := l.Firings(ids, 0, at, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || all != 2*pHidden || half != 1 || got[0].Expert != 1 || got[0].Neuron != 0 || got[0].Share < 0.999 || got[0].Raises[0].ID != 9 {
		t.Errorf("%+v, half of it by %d of %d", got, half, all)
	}
	// What it adds is as long as the elements it writes to.
	logits := l.logitsOf(make([]float32, pDim))
	if len(logits) != pVocab || got[0].Strength <= 0 || got[1].Strength > 1e-6 {
		t.Errorf("strengths %v and %v", got[0].Strength, got[1].Strength)
	}
	other, _, _, err := l.Firings(ids, 0, at-1, 1)
	if err != nil || other[0].Strength > 1e-6 {
		t.Errorf("before it: %+v, %v", other, err)
	}
	var r *RangeError
	if _, _, _, err := l.Firings(ids, 2, 0, 1); !errors.As(err, &r) || r.What != "layer" || r.Hi != 1 {
		t.Errorf("layer 2: %v", err)
	}
	if _, _, _, err := l.Firings(ids, 0, 99, 1); !errors.As(err, &r) || r.What != "position" || r.Hi != len(ids)-1 {
		t.Errorf("position 99: %v", err)
	}
}

// Token t goes to experts t%4 and (t+1)%4, in the first layer with gates 0.9 and 0.1.
func TestRoutes(t *testing.T) {
	l := plantedLab(t)
	ids := l.Encode("acdkhg", false)
	routes, err := l.Routes(ids)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		for n, r := range routes[i] {
			if r.Experts[0] != id%4 || r.Experts[1] != (id+1)%4 || n == 0 && math.Abs(float64(r.Gates[0])-0.9) > 0.02 || math.Abs(float64(r.Gates[0]+r.Gates[1])-1) > 1e-5 {
				t.Errorf("token %d, layer %d: %+v", id, n, r)
			}
		}
	}
}

// Probabilities are those of the softmax, whatever the temperature; the order stays.
func TestNext(t *testing.T) {
	l := plantedLab(t)
	ids := l.Encode("acdkhgnacdk", false)
	s, err := l.Next(ids, []float64{0.25, 1, 4}, pVocab, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.pass(ids, true, nil)
	logits := l.logits(len(ids) - 1)
	for _, at := range s {
		sum := 0.0
		for i, a := range at.Top {
			sum += a.Prob
			if i == 0 {
				continue
			}
			b := at.Top[i-1]
			if want := math.Exp(float64(logits[a.ID]-logits[b.ID]) / at.Temperature); math.Abs(a.Prob/b.Prob-want) > 1e-9*(1+want) {
				t.Errorf("temperature %v: %v / %v, want a ratio of %v", at.Temperature, a, b, want)
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("temperature %v: probabilities of all tokens sum to %v", at.Temperature, sum)
		}
	}
	if s[0].Top[0].Text != "h" || !(s[0].Entropy < s[1].Entropy && s[1].Entropy < s[2].Entropy && s[2].Entropy <= math.Log2(pVocab)) {
		t.Errorf("%+v", s)
	}
	if _, err := l.Next(ids, []float64{0}, 3, nil); err == nil {
		t.Error("temperature 0 is accepted")
	}
}

func TestColumnLengths(t *testing.T) {
	l := plantedLab(t)
	for layer := range l.Model.Config.Layers {
		for expert := range l.Model.LayerExperts(layer) {
			for k, got := range l.columnLengths(layer, expert) {
				x := float64s(l.column(layer, expert, k, 1))
				if want := math.Sqrt(dot(x, x)); math.Abs(got-want) > 1e-6*want {
					t.Errorf("layer %d, expert %d, neuron %d: length %v, want %v", layer, expert, k, got, want)
				}
			}
		}
	}
}
