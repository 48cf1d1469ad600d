package interp

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// The class of a token lies in one known direction of the planted model: a probe must
// read it behind every layer, and shuffled labels must give nothing.
func TestProbeReadsThePlantedDirection(t *testing.T) {
	l := plantedLab(t)
	rng := rand.New(rand.NewPCG(1, 2))
	s := ProbeSet{Name: "kind", Classes: []string{"low", "high"}}
	for i := range 90 {
		ids := l.Encode(letters(rng, 8, 'a', 'o'), false)
		class := 0
		if ids[5] >= 8 {
			class = 1
		}
		s.Examples = append(s.Examples, Example{ids, 5, class, i})
	}
	p, err := l.Probe(t.Context(), []ProbeSet{s}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, y := range p.Sets[0].Layers {
		if y.Accuracy.Mean < 0.98 {
			t.Errorf("%s: accuracy %v", y.Name, y.Accuracy)
		}
		if y.Control.Mean > 0.68 {
			t.Errorf("%s: shuffled labels are read at %v", y.Name, y.Control)
		}
	}
	checkReport(t, p.Report(), p)
	// And what is not there cannot be read: the class of a token two further on.
	for i := range s.Examples {
		e := &s.Examples[i]
		e.Class = 0
		if e.IDs[7] >= 8 {
			e.Class = 1
		}
	}
	if p, err = l.Probe(t.Context(), []ProbeSet{s}, 1); err != nil {
		t.Fatal(err)
	}
	for _, y := range p.Sets[0].Layers {
		if y.Accuracy.Mean > 0.7 {
			t.Errorf("%s: the future is read at %v", y.Name, y.Accuracy)
		}
	}
	s.Examples[3].At = 30
	if _, err := l.Probe(t.Context(), []ProbeSet{s}, 1); err == nil || !strings.Contains(err.Error(), "read at 30 of 9") {
		t.Errorf("a position behind the text: %v", err)
	}
}

// The gradient of the probe's loss against finite differences, and the optimum
// against plain gradient descent.
func TestProbeFit(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	rows := noise(rng, 60, 3)
	class := make([]int, 60)
	var train []int
	for i, r := range rows {
		if r[0]+0.5*r[1]+0.3*rng.NormFloat64() > 0 {
			class[i] = 1
		}
		if r[2] > 1 {
			class[i] = 2
		}
		train = append(train, i)
	}
	p := fitProbe(rows, class, train, 3, 1)
	var x [][]float64
	for _, r := range rows {
		x = append(x, p.standardise(r))
	}
	w := make([]float64, 12)
	for i := range w {
		w[i] = rng.NormFloat64()
	}
	g := make([]float64, 12)
	p.loss(w, x, class, g)
	for i := range w {
		const h = 1e-5
		keep := w[i]
		w[i] = keep + h
		up := p.loss(w, x, class, nil)
		w[i] = keep - h
		down := p.loss(w, x, class, nil)
		w[i] = keep
		if want := (up - down) / (2 * h); math.Abs(g[i]-want) > 1e-5*(1+math.Abs(want)) {
			t.Errorf("gradient %d is %v, want %v", i, g[i], want)
		}
	}
	slow := make([]float64, 12)
	for range 20000 {
		p.loss(slow, x, class, g)
		for i := range slow {
			slow[i] -= 0.01 * g[i]
		}
	}
	if got, want := p.loss(p.w, x, class, nil), p.loss(slow, x, class, nil); math.Abs(got-want) > 1e-4 {
		t.Errorf("fitted loss %v, by gradient descent %v", got, want)
	}
}

// Of states wider than there are texts, as those of larger models are, a probe reads what is
// there, and is the one that is found without making them narrower.
func TestProbeOfWideStates(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	rows := noise(rng, 120, 300)
	class := make([]int, len(rows))
	var train, test []int
	for i, r := range rows {
		class[i] = i % 3
		for k := range 30 {
			r[10*k+class[i]] += 1.2
		}
		if i < 80 {
			train = append(train, i)
		} else {
			test = append(test, i)
		}
	}
	p := chooseProbe(rows, class, train, 3, func(i int) bool { return i < 20 })
	if n := p.right(rows, class, test); n < 37 {
		t.Errorf("%d of %d classes are read", n, len(test))
	}
	p = fitProbe(rows, class, train, 3, 30)
	var x [][]float64
	var y []int
	for _, i := range train {
		x, y = append(x, p.standardise(rows[i])), append(y, class[i])
	}
	slow, g := make([]float64, 3*301), make([]float64, 3*301)
	for range 3000 {
		p.loss(slow, x, y, g)
		for i := range slow {
			slow[i] -= 0.0005 * g[i]
		}
	}
	for i, w := range slow {
		if math.Abs(p.w[i]-w) > 1e-3 {
			t.Fatalf("weight %d is %v, by gradient descent %v", i, p.w[i], w)
		}
	}
}

// With a stride the layers between are left out and the others are the same.
func TestProbeStride(t *testing.T) {
	l := plantedLab(t)
	var s ProbeSet
	for i := range 10 {
		ids := l.Encode(string(rune('a'+i))+"cdk", false)
		s.Examples = append(s.Examples, Example{ids, len(ids) - 1, i % 2, i})
	}
	s.Name, s.Classes = "even", []string{"yes", "no"}
	all, err := l.Probe(t.Context(), []ProbeSet{s}, 1)
	if err != nil {
		t.Fatal(err)
	}
	some, err := l.Probe(t.Context(), []ProbeSet{s}, 2)
	if err != nil {
		t.Fatal(err)
	}
	a, b := all.Sets[0].Layers, some.Sets[0].Layers
	if len(a) != 3 || len(b) != 2 || b[1].Computed != 2 || a[2] != b[1] || a[0] != b[0] {
		t.Errorf("all layers %+v, every second %+v", a, b)
	}
	var r *RangeError
	if _, err := l.Probe(t.Context(), []ProbeSet{s}, 3); !errors.As(err, &r) || r.What != "stride" || r.Hi != 2 {
		t.Errorf("stride 3: %v", err)
	}
}
