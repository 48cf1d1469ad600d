package backprop

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"moebot/moe/dataset"
	"moebot/moe/kernel"
)

func tiny(experts, topK int, tied bool) Config {
	return Config{Vocab: 13, Dim: 8, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 4, Hidden: 6, Experts: experts, TopK: topK,
		Context: 9, RopeBase: 100, NormEps: 1e-5, Tied: tied}
}

// randomBatch has two documents in its first row, one in the others, and some
// targets without weight.
func randomBatch(c Config, rows, length int, rng *rand.Rand) *dataset.Batch {
	b := &dataset.Batch{Rows: rows, Len: length}
	for i := range rows * length {
		b.Tokens = append(b.Tokens, int32(rng.IntN(c.Vocab)))
		b.Targets = append(b.Targets, int32(rng.IntN(c.Vocab)))
		b.Weights = append(b.Weights, []float32{1, 1, 0.25, 0}[rng.IntN(4)])
		start := int32(0)
		if i < length && i >= length/2 {
			start = int32(length / 2)
		}
		b.DocStart = append(b.DocStart, start)
	}
	return b
}

// spread gives weights large enough that every part of the network matters.
func spread(c Config, rng *rand.Rand) []float32 {
	total, _ := c.Parameters()
	w := make([]float32, total)
	Init(c, w, 7)
	for _, p := range Params(c) {
		for i := range p.Len {
			switch p.Kind {
			case Gain:
				w[p.Offset+i] = float32(1 + 0.3*rng.NormFloat64())
			case Embedding, Router:
				w[p.Offset+i] = float32(0.7 * rng.NormFloat64())
			}
		}
	}
	return w
}

func TestGradientsEqualFiniteDifferences(t *testing.T) {
	for _, c := range []Config{tiny(4, 2, true), tiny(4, 2, false), tiny(3, 1, true), tiny(3, 3, true), tiny(1, 1, true)} {
		t.Run(fmt.Sprintf("experts=%d,k=%d,tied=%v", c.Experts, c.TopK, c.Tied), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(c.Experts*10+c.TopK)))
			pool := kernel.NewPool(2)
			defer pool.Close()
			w := spread(c, rng)
			b := randomBatch(c, 3, 7, rng)
			loss := Losses{LoadBalance: 0.3, RouterZ: 0.2}
			const scale, share = 0.4, 0.5
			n, err := New(c, w, pool)
			if err != nil {
				t.Fatal(err)
			}
			n.Backward(b, loss, scale, share)
			w64 := make([]float64, len(w))
			for i, v := range w {
				w64[i] = float64(v)
			}
			for _, p := range Params(c) {
				worst, norm := 0.0, 0.0
				for i := p.Offset; i < p.Offset+p.Len; i++ {
					const h = 1e-6
					keep := w64[i]
					w64[i] = keep + h
					up := twinLoss(c, w64, b, loss, scale, share)
					w64[i] = keep - h
					down := twinLoss(c, w64, b, loss, scale, share)
					w64[i] = keep
					want := (up - down) / (2 * h)
					worst = max(worst, math.Abs(float64(n.Grads[i])-want))
					norm = max(norm, math.Abs(want))
				}
				if !(worst <= 2e-4*norm+1e-6) {
					t.Errorf("%s: gradient differs by %.2e, its largest element is %.2e", p.Name, worst, norm)
				}
				if norm == 0 && (p.Kind != Router || c.TopK < c.Experts) {
					t.Errorf("%s: gradient is zero, the test sees nothing", p.Name)
				}
			}
		})
	}
}

func TestForwardEqualsTwin(t *testing.T) {
	c := tiny(4, 2, true)
	rng := rand.New(rand.NewPCG(3, 4))
	pool := kernel.NewPool(2)
	defer pool.Close()
	w := spread(c, rng)
	b := randomBatch(c, 4, 9, rng)
	n, err := New(c, w, pool)
	if err != nil {
		t.Fatal(err)
	}
	s := n.Loss(b, Losses{})
	w64 := make([]float64, len(w))
	for i, v := range w {
		w64[i] = float64(v)
	}
	want := twinLoss(c, w64, b, Losses{}, 1, 0)
	if math.Abs(s.Loss-want) > 1e-5*want {
		t.Errorf("loss is %.7f, want %.7f", s.Loss, want)
	}
	wantZ := twinLoss(c, w64, b, Losses{RouterZ: 1}, 0, 1) / float64(c.Layers)
	if math.Abs(s.RouterZ-wantZ) > 1e-5*wantZ {
		t.Errorf("router z-loss is %.7f, want %.7f", s.RouterZ, wantZ)
	}
	wantB := twinLoss(c, w64, b, Losses{LoadBalance: 1}, 0, 1) / float64(c.Layers)
	if math.Abs(s.LoadBalance-wantB) > 1e-5*wantB {
		t.Errorf("load-balancing loss is %.7f, want %.7f", s.LoadBalance, wantB)
	}
}

func TestResultsDoNotDependOnWorkers(t *testing.T) {
	c := tiny(4, 2, true)
	var first []float32
	for workers := 1; workers <= 4; workers++ {
		rng := rand.New(rand.NewPCG(5, 6))
		pool := kernel.NewPool(workers)
		n, err := New(c, spread(c, rng), pool)
		if err != nil {
			t.Fatal(err)
		}
		n.Backward(randomBatch(c, 3, 9, rng), Losses{LoadBalance: 0.1}, 1, 1)
		pool.Close()
		if first == nil {
			first = n.Grads
			continue
		}
		for i, v := range n.Grads {
			if v != first[i] {
				t.Fatalf("gradient %d is %v with %d workers, %v with one", i, v, workers, first[i])
			}
		}
	}
}

func TestConfigCheckNamesEachFault(t *testing.T) {
	c := tiny(4, 5, true)
	c.HeadDim, c.KVHeads = 3, 3
	err := c.Check()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"head_dim", "kv_heads", "top_k"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
}
