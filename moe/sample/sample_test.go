package sample

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var all = Params{Temperature: 1, TopP: 1, RepeatPenalty: 1}

// counts draws n times from the logits of the given probabilities.
func counts(t *testing.T, p Params, n int, probs ...float64) []int {
	t.Helper()
	out := make([]int, len(probs))
	for i := range n {
		p.Seed = uint64(i)
		z := make([]float32, len(probs))
		for j, q := range probs {
			z[j] = float32(math.Log(q)) + 3
		}
		id := New(p, nil).Sample(z)
		if id < 0 {
			t.Fatal("nothing drawn")
		}
		out[id]++
	}
	return out
}

func with(f func(*Params)) Params { p := all; f(&p); return p }

func TestSharesFollowTheDistribution(t *testing.T) {
	const n = 20000
	for _, tc := range []struct {
		name  string
		p     Params
		probs []float64
		want  []float64
	}{
		{"as it is", all, []float64{0.5, 0.3, 0.2}, []float64{0.5, 0.3, 0.2}},
		{"temperature 0", with(func(p *Params) { p.Temperature = 0 }), []float64{0.2, 0.5, 0.3}, []float64{0, 1, 0}},
		{"temperature 0.5 squares", with(func(p *Params) { p.Temperature = 0.5 }), []float64{0.5, 0.3, 0.2}, []float64{25.0 / 38, 9.0 / 38, 4.0 / 38}},
		{"top-k 2", with(func(p *Params) { p.TopK = 2 }), []float64{0.2, 0.5, 0.3}, []float64{0, 0.625, 0.375}},
		{"top-p 0.7 needs two", with(func(p *Params) { p.TopP = 0.7 }), []float64{0.2, 0.5, 0.3}, []float64{0, 0.625, 0.375}},
		{"top-p tiny keeps the likeliest", with(func(p *Params) { p.TopP = 1e-9 }), []float64{0.2, 0.5, 0.3}, []float64{0, 1, 0}},
		{"min-p 0.5 keeps those with half the best's", with(func(p *Params) { p.MinP = 0.5 }), []float64{0.2, 0.5, 0.3}, []float64{0, 0.625, 0.375}},
		{"filters see temperature 1", with(func(p *Params) { p.MinP, p.Temperature = 0.5, 2 }), []float64{0.2, 0.5, 0.3}, []float64{0, math.Sqrt(0.5) / (math.Sqrt(0.5) + math.Sqrt(0.3)), math.Sqrt(0.3) / (math.Sqrt(0.5) + math.Sqrt(0.3))}},
	} {
		got := counts(t, tc.p, n, tc.probs...)
		for i, w := range tc.want {
			if math.Abs(float64(got[i])/n-w) > 4*math.Sqrt(w*(1-w)/n)+1e-9 {
				t.Errorf("%s: token %d drawn %.4f of the time, want %.4f", tc.name, i, float64(got[i])/n, w)
			}
		}
	}
}

func TestSameSeedSameTokens(t *testing.T) {
	draw := func(seed uint64) (out []int32) {
		p := Default()
		p.Seed = seed
		s := New(p, nil)
		for i := range 50 {
			z := make([]float32, 100)
			for j := range z {
				z[j] = float32((i*31+j*17)%23) / 3
			}
			out = append(out, s.Sample(z))
		}
		return out
	}
	if a, b := draw(7), draw(7); !slices.Equal(a, b) {
		t.Errorf("one seed gave %v and %v", a, b)
	}
	if a, b := draw(7), draw(8); slices.Equal(a, b) {
		t.Error("two seeds gave the same tokens")
	}
}

func TestRepetitionPenaltyForbidAndNaN(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	p := all
	p.Temperature, p.RepeatPenalty, p.RepeatLast = 0, 1.5, 2
	s := New(p, []int32{3})
	for i, want := range []int32{0, 1, 2, 0} { // 3 is forbidden; 4 and 3.6 fall to 2.67 and 2.4 while recent
		if got := s.Sample([]float32{4, 3.6, 2.9, 9}); got != want {
			t.Errorf("draw %d is %d, want %d", i, got, want)
		}
	}
	q := all
	for _, tc := range []struct {
		z    []float32
		want int32
	}{{[]float32{nan, 1, nan}, 1}, {[]float32{nan, nan}, -1}, {[]float32{-inf, -inf}, -1}, {[]float32{1, inf}, 1}, {nil, -1}} {
		if got := New(q, nil).Sample(tc.z); got != tc.want {
			t.Errorf("of %v: %d, want %d", tc.z, got, tc.want)
		}
	}
}

func TestCheck(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Error(err)
	}
	for want, p := range map[string]Params{
		"temperature is -1":  with(func(p *Params) { p.Temperature = -1 }),
		"temperature is NaN": with(func(p *Params) { p.Temperature = math.NaN() }),
		"temperature is 2.5": with(func(p *Params) { p.Temperature = 2.5 }),
		"top-p is 0":         with(func(p *Params) { p.TopP = 0 }),
		"min-p is 1.5":       with(func(p *Params) { p.MinP = 1.5 }),
		"top-k is -1":        with(func(p *Params) { p.TopK = -1 }),
		"penalty is +Inf":    with(func(p *Params) { p.RepeatPenalty = math.Inf(1) }),
	} {
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want it to say %q", err, want)
		}
	}
}

func TestBestEqualsSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		c := make([]candidate, 1+rng.IntN(60))
		for i := range c {
			c[i] = candidate{id: int32(i), z: float64(rng.IntN(10))} // many equal
		}
		k := 1 + rng.IntN(len(c))
		want := slices.SortedFunc(slices.Values(c), candidate.compare)[:k]
		got := best(c, k)
		if got[0].z != want[k-1].z {
			t.Fatalf("the root %v is not the last of %v", got[0], want)
		}
		slices.SortFunc(got, candidate.compare)
		if !slices.Equal(got, want) {
			t.Fatalf("the best %d are %v, want %v", k, got, want)
		}
	}
}

// Thinning out on the way must not change what top-k keeps.
func TestTopKOfManyEqualsSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		z := make([]float32, 500)
		all := make([]candidate, len(z))
		for i := range z {
			z[i] = float32(rng.IntN(40)) / 4
			all[i] = candidate{id: int32(i), z: float64(z[i])}
		}
		slices.SortFunc(all, candidate.compare)
		k := 1 + rng.IntN(20)
		s := New(Params{Temperature: 1, TopK: k, TopP: 1, RepeatPenalty: 1, Seed: rng.Uint64()}, nil)
		s.draw(z, all[0].z)
		for i, c := range s.kept {
			if len(s.kept) != k || c.id != all[i].id {
				t.Fatalf("top-%d keeps %v, want the first of %v", k, s.kept, all[:k])
			}
		}
	}
}

// The draw of a large vocabulary, nothing filtered but by top-k.
func BenchmarkSample(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	z := make([]float32, 32000)
	for i := range z {
		z[i] = float32(3 * rng.NormFloat64())
	}
	s := New(Params{Temperature: 1, TopK: 40, TopP: 0.9, RepeatPenalty: 1.1, RepeatLast: 64}, nil)
	b.ReportAllocs()
	for b.Loop() {
		s.Sample(z)
	}
}

// What a reply begins with is penalised as if it had been drawn.
func TestSaid(t *testing.T) {
	p := all
	p.Temperature, p.RepeatPenalty, p.RepeatLast = 0, 2, 2
	s := New(p, nil)
	s.Said([]int32{0, 2, 1})
	if id := s.Sample([]float32{3, 4, 4, 2.5}); id != 0 { // 1 and 2 are recent and count half
		t.Errorf("token %d, want 0", id)
	}
}
