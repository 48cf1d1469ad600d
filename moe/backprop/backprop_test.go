package backprop

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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

// The gradient in float64, by the twin, is what finite differences of the loss say, and
// the network's, in float32, is that gradient.
func TestGradients(t *testing.T) {
	kind := func(c Config, f FFN) Config { c.FFN = f; return c }
	long := tiny(4, 2, true)
	long.Context = 150
	for _, tc := range []struct {
		c            Config
		extra        disturbance
		rows, length int // 0 is 3 of 7
	}{
		{c: tiny(4, 2, true)}, {c: tiny(4, 2, false)}, {c: tiny(3, 1, true)}, {c: tiny(3, 3, true)}, {c: tiny(1, 1, true)},
		{c: kind(tiny(4, 2, false), GELU)}, {c: kind(tiny(4, 2, true), ReLU)}, {c: kind(tiny(1, 1, true), GELU)}, {c: kind(tiny(1, 1, false), ReLU)},
		{c: tiny(4, 2, true), extra: disturbance{noise: 0.5, seed: 3}}, {c: tiny(4, 2, true), extra: disturbance{bias: []float32{2, -2, 0, 1, -3, 0.5, 3, 0}}},
		{c: tiny(4, 2, true), extra: disturbance{drop: 0.3, seed: 5}}, {c: tiny(1, 1, false), extra: disturbance{drop: 0.2, seed: 6}},
		// several tiles of queries, a document's border within one, blocks of rows and chunks of logits
		{c: long, rows: 5, length: 150}, {c: long, rows: 5, length: 150, extra: disturbance{noise: 0.5, drop: 0.1, seed: 7}},
	} {
		c := tc.c
		if tc.rows == 0 {
			tc.rows, tc.length = 3, 7
		}
		t.Run(fmt.Sprintf("experts=%d,k=%d,tied=%v,%s,noise=%g,bias=%v,drop=%g,length=%d", c.Experts, c.TopK, c.Tied, c.FFN, tc.extra.noise, tc.extra.bias != nil, tc.extra.drop, tc.length), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(c.Experts*10+c.TopK)))
			pool := kernel.NewPool(2)
			defer pool.Close()
			w := spread(c, rng)
			b := randomBatch(c, tc.rows, tc.length, rng)
			loss := Losses{LoadBalance: 0.3, RouterZ: 0.2}
			scale, share := 8.4/float64(tc.rows*tc.length), 0.5
			n, err := New(c, w, pool)
			if err != nil {
				t.Fatal(err)
			}
			extra := tc.extra.withTable(c, b.Rows*b.Len)
			n.Noise, n.NoiseSeed, n.RouterBias = tc.extra.noise, tc.extra.seed, tc.extra.bias
			n.Dropout = tc.extra.drop
			if s := n.Backward(b, loss, scale, share); tc.length > 100 && s.Weight < headChunk/2 {
				t.Fatalf("targets weigh %v, too few for more than one chunk", s.Weight)
			}
			w64 := make([]float64, len(w))
			for i, v := range w {
				w64[i] = float64(v)
			}
			want := twinGradient(c, w64, b, loss, scale, share, extra)
			for _, p := range Params(c) {
				worst, largest := 0.0, 0.0
				for i := p.Offset; i < p.Offset+p.Len; i++ {
					worst = max(worst, math.Abs(float64(n.Grads[i])-want[i]))
					largest = max(largest, math.Abs(want[i]))
				}
				if !(worst <= 2e-4*largest+1e-6) {
					t.Errorf("%s: gradient differs by %.2e, its largest element is %.2e", p.Name, worst, largest)
				}
				if largest == 0 && (p.Kind != Router || c.TopK < c.Experts) {
					t.Errorf("%s: gradient is zero, the test sees nothing", p.Name)
				}
				elements := 4 // of the tensor, for finite differences
				if tc.length > 100 {
					elements = 0
				}
				for range elements {
					const h = 1e-5
					i := p.Offset + rng.IntN(p.Len)
					keep := w64[i]
					w64[i] = keep + h
					up := twinLoss(c, w64, b, loss, scale, share, extra)
					w64[i] = keep - h
					down := twinLoss(c, w64, b, loss, scale, share, extra)
					w64[i] = keep
					if d := math.Abs((up-down)/(2*h) - want[i]); !(d <= 1e-6*largest+1e-10) {
						t.Errorf("%s: the twin's gradient %v differs from the finite difference by %.2e, the largest element is %.2e", p.Name, want[i], d, largest)
					}
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

// With numbers rounded to 8 bits the gradient is another, but nearly the same, and what is
// measured stays as it was.
func TestBF16(t *testing.T) {
	c := tiny(4, 2, false)
	rng := rand.New(rand.NewPCG(11, 12))
	pool := kernel.NewPool(2)
	defer pool.Close()
	n, err := New(c, spread(c, rng), pool)
	if err != nil {
		t.Fatal(err)
	}
	b := randomBatch(c, 5, 9, rng)
	before := n.Loss(b, Losses{}).Loss
	n.Backward(b, Losses{LoadBalance: 0.1}, 1, 1)
	want := slices.Clone(n.Grads)
	clear(n.Grads)
	n.BF16 = true
	n.Backward(b, Losses{LoadBalance: 0.1}, 1, 1)
	if after := n.Loss(b, Losses{}).Loss; after != before {
		t.Errorf("the loss outside of training is %v, in float32 %v", after, before)
	}
	for _, p := range Params(c) {
		worst, largest := 0.0, 0.0
		for i := p.Offset; i < p.Offset+p.Len; i++ {
			worst = max(worst, math.Abs(float64(n.Grads[i]-want[i])))
			largest = max(largest, math.Abs(float64(want[i])))
		}
		if worst == 0 || worst > 0.03*largest {
			t.Errorf("%s: gradient differs by %.2e, its largest element is %.2e", p.Name, worst, largest)
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

// Noise and bias matter, noise in training only, and neither depends on the workers.
func TestNoiseAndBiasDisturbTheChoice(t *testing.T) {
	c := tiny(4, 2, true)
	drop := 0.0
	run := func(workers int, noise float64, seed uint64, bias []float32) ([]float32, Stats) {
		rng := rand.New(rand.NewPCG(5, 6))
		pool := kernel.NewPool(workers)
		defer pool.Close()
		n, err := New(c, spread(c, rng), pool)
		if err != nil {
			t.Fatal(err)
		}
		n.Noise, n.NoiseSeed, n.RouterBias, n.Dropout = noise, seed, bias, drop
		b := randomBatch(c, 20, 9, rng)
		n.Backward(b, Losses{LoadBalance: 0.1}, 1, 1)
		return n.Grads, n.Loss(b, Losses{})
	}
	plain, loss := run(1, 0, 1, nil)
	noisy, same := run(1, 0.5, 1, nil)
	if loss.Loss != same.Loss {
		t.Errorf("noise reaches the loss outside of training: %v and %v", loss.Loss, same.Loss)
	}
	again, _ := run(3, 0.5, 1, nil)
	other, _ := run(1, 0.5, 2, nil)
	for _, v := range []struct {
		name  string
		a, b  []float32
		equal bool
	}{{"three workers", noisy, again, true}, {"noise", plain, noisy, false}, {"another seed", noisy, other, false}} {
		diff := false
		for i := range v.a {
			diff = diff || v.a[i] != v.b[i]
		}
		if diff == v.equal {
			t.Errorf("%s: gradients differ is %v, want %v", v.name, diff, !v.equal)
		}
	}
	drop = 0.2
	dropped, same := run(1, 0, 1, nil)
	again, _ = run(3, 0, 1, nil)
	if loss.Loss != same.Loss || !slices.Equal(dropped, again) || slices.Equal(dropped, plain) {
		t.Errorf("dropout: the loss outside of training is %v, without it %v; same gradients with other workers is %v, as without it %v",
			same.Loss, loss.Loss, slices.Equal(dropped, again), slices.Equal(dropped, plain))
	}
	drop = 0
	_, biased := run(1, 0, 1, []float32{100, 100, 0, 0, 0, 0, 100, 100})
	if got := biased.ExpertLoad; got[0][0] != 0.5 || got[0][1] != 0.5 || got[1][2] != 0.5 || got[1][0] != 0 {
		t.Errorf("a large bias gives the loads %v", got)
	}
}

// Starved experts gain, crowded ones lose, until the load is even.
func TestRebalanceEvensTheLoad(t *testing.T) {
	c := tiny(4, 2, true)
	rng := rand.New(rand.NewPCG(7, 8))
	pool := kernel.NewPool(1)
	defer pool.Close()
	n, err := New(c, spread(c, rng), pool)
	if err != nil {
		t.Fatal(err)
	}
	b := randomBatch(c, 60, 9, rng)
	before := n.Loss(b, Losses{}).ExpertLoad
	for range 300 {
		n.Rebalance(n.Loss(b, Losses{}).ExpertLoad, 0.02)
	}
	after := n.Loss(b, Losses{}).ExpertLoad
	for i := range after {
		if was, is := slices.Max(before[i]), slices.Max(after[i]); was < 0.3 || is > 0.27 {
			t.Errorf("layer %d: load %.3f became %.3f", i, before[i], after[i])
		}
	}
}

func TestDropout(t *testing.T) {
	n := &Network{NoiseSeed: 9, Dropout: 0.25}
	draw := func(branch, first int) []float32 {
		x := make([]float32, 10_000)
		for i := range x {
			x[i] = 3
		}
		n.drop(branch, first, x)
		return x
	}
	x := draw(1, 64)
	zeros := 0
	for i, v := range x {
		switch v {
		case 0:
			zeros++
		case 4:
		default:
			t.Fatalf("element %d is %v, want 0 or 3/0.75", i, v)
		}
	}
	if zeros < 2300 || zeros > 2700 {
		t.Errorf("%d of 10000 elements are dropped, want about 2500", zeros)
	}
	if !slices.Equal(x, draw(1, 64)) {
		t.Error("the backward pass would draw another mask")
	}
	for _, other := range [][]float32{draw(0, 64), draw(1, 0)} {
		if slices.Equal(x, other) {
			t.Error("another branch or place has the same mask")
		}
	}
}

func TestLossBySource(t *testing.T) {
	c := tiny(4, 2, true)
	rng := rand.New(rand.NewPCG(1, 9))
	pool := kernel.NewPool(2)
	defer pool.Close()
	n, err := New(c, spread(c, rng), pool)
	if err != nil {
		t.Fatal(err)
	}
	b := randomBatch(c, 6, 9, rng)
	whole := n.Loss(b, Losses{})
	if whole.Sources != nil {
		t.Errorf("sources of a batch that does not keep them: %v", whole.Sources)
	}
	for i := range b.Tokens {
		b.Sources = append(b.Sources, int32(i%3))
	}
	got := n.Loss(b, Losses{}).Sources
	if len(got) != 3 {
		t.Fatalf("%d sources, want 3", len(got))
	}
	for s := range got {
		part := *b
		part.Sources, part.Weights = nil, slices.Clone(b.Weights)
		for i := range part.Weights {
			if i%3 != s {
				part.Weights[i] = 0
			}
		}
		want := n.Loss(&part, Losses{})
		if math.Abs(got[s].Loss-want.Loss) > 1e-4 || math.Abs(got[s].Weight-want.Weight) > 1e-9 || math.Abs(got[s].Correct-want.Correct) > 1e-9 {
			t.Errorf("source %d has loss %v of weight %v, %v right, want %v of %v, %v right", s, got[s].Loss, got[s].Weight, got[s].Correct, want.Loss, want.Weight, want.Correct)
		}
	}
}
