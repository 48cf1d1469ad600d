package train

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"moebot/moe/backprop"
	"moebot/moe/dataset"
	"moebot/moe/kernel"
	"moebot/moe/tokenizer"
)

// The gradients of A and B are those of the linear function Σ G·W, by finite
// differences in float64.
func TestAdapterGradientsEqualFiniteDifferences(t *testing.T) {
	for _, experts := range []int{1, 3} {
		c := backprop.Config{Vocab: 5, Dim: 6, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 4, Hidden: 7, Experts: experts, TopK: 1, Context: 4, RopeBase: 1e4, NormEps: 1e-5}
		rng := rand.New(rand.NewPCG(1, 2))
		total, _ := c.Parameters()
		base, g := make([]float32, total), make([]float32, total)
		for i := range base {
			base[i], g[i] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
		}
		d := newAdapter(c, LoRA{Rank: 2, Alpha: 3}, base, 4, nil)
		if want := 4 + 3*experts; len(d.matrices) != want {
			t.Fatalf("%d matrices, want %d", len(d.matrices), want)
		}
		w := append([]float32(nil), base...)
		if d.merge(w); !equal(w, base) {
			t.Fatal("a fresh adapter changes the weights")
		}
		x := make([]float64, len(d.weights))
		for i := range d.weights {
			d.weights[i] = float32(rng.NormFloat64())
			x[i] = float64(d.weights[i])
		}
		d.project(g)
		value := func(x []float64) (sum float64) {
			for _, m := range d.matrices {
				for i := range m.rows {
					for j := range m.cols {
						for k := range 2 {
							sum += float64(g[m.at+i*m.cols+j]) * 1.5 * x[m.b+i*2+k] * x[m.a+k*m.cols+j]
						}
					}
				}
			}
			return sum
		}
		for i := range x {
			const h = 1e-5
			keep := x[i]
			x[i] = keep + h
			up := value(x)
			x[i] = keep - h
			down := value(x)
			x[i] = keep
			if want := (up - down) / (2 * h); math.Abs(float64(d.grads[i])-want) > 1e-4*max(1, math.Abs(want)) {
				t.Fatalf("gradient %d is %v, want %v", i, d.grads[i], want)
			}
		}
		d.merge(w)
		for _, m := range d.matrices {
			for i := range m.rows {
				for j := range m.cols {
					want := float64(base[m.at+i*m.cols+j])
					for k := range 2 {
						want += 1.5 * x[m.b+i*2+k] * x[m.a+k*m.cols+j]
					}
					if got := float64(w[m.at+i*m.cols+j]); math.Abs(got-want) > 1e-4 {
						t.Fatalf("merged weight is %v, want %v", got, want)
					}
				}
			}
		}
	}
}

func equal(a, b []float32) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// An adapter learns what the model does not know, leaves all else as it was, and a
// resumed run equals the unbroken one.
func TestAdapterLearnsAndResumes(t *testing.T) {
	c := recipe(120)
	c.Phases = []Phase{{Until: 1, Mix: dataset.Mix{Weights: map[string]float64{"a": 1}}}}
	c.LoRA, c.LR, c.EvalTokens, c.Optim.Muon, c.Optim.WeightDecay = &LoRA{Rank: 4, Alpha: 8}, 0.02, 400, false, 0
	total, _ := c.Model.Parameters()
	base := make([]float32, total)
	backprop.Init(c.Model, base, 8)
	for _, p := range backprop.Params(c.Model) {
		if p.Kind == backprop.Embedding { // as a trained model's: large enough to be told apart
			for i := range p.Len {
				base[p.Offset+i] *= 20
			}
		}
	}
	start := func(dir string) Run {
		r := run(t, dir, c)
		r.Init, r.Held = base, r.Held[:1]
		return r
	}
	dir := t.TempDir()
	w, err := start(dir).Do(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range backprop.Params(c.Model) {
		changed := !equal(w[p.Offset:p.Offset+p.Len], base[p.Offset:p.Offset+p.Len])
		if want := p.Kind == backprop.Matrix; changed != want {
			t.Errorf("%s: changed is %v, want %v", p.Name, changed, want)
		}
	}
	before, after := lossOf(t, c, base), lossOf(t, c, w)
	if !(after < 0.6*before) {
		t.Errorf("loss went from %.3f to %.3f", before, after)
	}
	if _, stored, err := Weights(filepath.Join(dir, "latest.ckpt"), tokenizer.Spec{}); err != nil || !equal(stored, w) {
		t.Errorf("the checkpoint does not hold the merged weights (%v)", err)
	}

	broken := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	r := start(broken)
	r.Out = cancelAfter{cancel, new(int), 5}
	if _, err := r.Do(ctx, false); err == nil {
		t.Fatal("a cancelled run ends without an error")
	}
	again, err := start(broken).Do(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if !equal(again, w) {
		t.Error("the resumed run ends with other weights")
	}
	r = start(broken)
	r.Init = nil
	if _, err := r.Do(t.Context(), true); err == nil || !strings.Contains(err.Error(), "start from") {
		t.Errorf("an adapter without a model gives %v", err)
	}
}

// lossOf is the mean loss per reply of the corpus's first source.
func lossOf(t *testing.T, c Config, w []float32) float64 {
	pool := kernel.NewPool(2)
	defer pool.Close()
	net, err := backprop.New(c.Model, w, pool)
	if err != nil {
		t.Fatal(err)
	}
	var b dataset.Batch
	l, err := dataset.NewLoader(corpus()[:1], 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SetMix(dataset.Mix{Weights: map[string]float64{"a": 1}}); err != nil {
		t.Fatal(err)
	}
	l.Next(&b, 12, 32)
	s := net.Loss(&b, backprop.Losses{})
	return s.Loss / s.Weight
}
