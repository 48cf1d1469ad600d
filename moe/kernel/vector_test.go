package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// near fails unless got is want within tol, or both are NaN or the same infinity.
func near(t *testing.T, what string, got float32, want, tol float64) {
	t.Helper()
	if math.IsNaN(want) && got != got || float64(got) == want || math.IsInf(float64(float32(want)), 0) && got == float32(want) {
		return
	}
	if d := math.Abs(float64(got) - want); !(d <= tol) {
		t.Fatalf("%s = %v, want %v ± %g", what, got, want, tol)
	}
}

// each runs f for all lengths from 0 to 300 with and without the assembly.
func eachLength(t *testing.T, f func(t *testing.T, n int, r *rand.Rand)) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for n := range 301 {
			f(t, n, r)
		}
		f(t, 40007, r) // more than one call into the assembly
	})
}

func TestDot(t *testing.T) {
	eachLength(t, func(t *testing.T, n int, r *rand.Rand) {
		x, y := guarded(random(r, n)), guarded(random(r, n))
		if n > 2 { // sums that cancel
			x.x[0], x.x[n-1], y.x[0], y.x[n-1] = 3e4, -3e4, 1, 1
		}
		var want, size float64
		for i := range n {
			z := float64(x.x[i]) * float64(y.x[i])
			want += z
			size += math.Abs(z)
		}
		// Pairwise or not, no order of n additions errs by more than n·eps/2.
		near(t, "dot", Dot(x.x, y.x), want, float64(n+1)*eps32/2*size)
	})
}

func TestAxpy(t *testing.T) {
	eachLength(t, func(t *testing.T, n int, r *rand.Rand) {
		x, y := guarded(random(r, n)), guarded(random(r, n))
		old := append([]float32(nil), y.x...)
		Axpy(-1.25, x.x, y.x)
		x.check(t)
		y.check(t)
		for i := range n {
			p := -1.25 * float64(x.x[i])
			near(t, "y", y.x[i], p+float64(old[i]), eps32*(math.Abs(p)+math.Abs(float64(old[i]))))
		}
	})
}

func TestExp(t *testing.T) {
	eachLength(t, func(t *testing.T, n int, r *rand.Rand) {
		x, y := guarded(random(r, n)), guarded(make([]float32, n))
		for i := range x.x {
			x.x[i] *= 30
		}
		copy(y.x, x.x)
		ExpSum(y.x, 0)
		y.check(t)
		for i, v := range x.x {
			want := math.Exp(float64(v))
			if v < -87.33654 {
				want = 0
			}
			near(t, "exp", y.x[i], want, 2*eps32*want)
		}
	})
}

// Every 1021st float32: the error stays below 2 units in the last place.
func TestExpEverywhere(t *testing.T) {
	both(t, func(t *testing.T) {
		const block = 512
		var x, y [block]float32
		n := 0
		check := func() {
			copy(y[:n], x[:n])
			ExpSum(y[:n], 0)
			for i, v := range x[:n] {
				want := math.Exp(float64(v))
				switch {
				case v < -87.33654:
					want = 0
				case v > 88.72283:
					want = math.Inf(1)
				}
				near(t, "exp", y[i], want, 2*float64(math.Nextafter32(float32(want), math.MaxFloat32)-float32(want)))
			}
			n = 0
		}
		for b := uint64(0); b < 1<<32; b += 1021 {
			x[n] = math.Float32frombits(uint32(b))
			if n++; n == block {
				check()
			}
		}
		for _, v := range []float32{0, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 88.72283, 88.722839, -87.33654, -87.336548, 1e30, -1e30} {
			x[n] = v
			n++
		}
		check()
	})
}

func TestSoftmax(t *testing.T) {
	eachLength(t, func(t *testing.T, n int, r *rand.Rand) {
		if n == 0 {
			Softmax(nil)
			return
		}
		x := guarded(random(r, n))
		for i := range x.x {
			x.x[i] = x.x[i]*20 + 500*float32(n%3-1) // needs the shift
		}
		x.x[r.IntN(n)] = float32(math.Inf(-1))
		if n == 1 {
			x.x[0] = -700
		}
		want := make([]float64, n)
		m, s := math.Inf(-1), 0.0
		for _, v := range x.x {
			m = max(m, float64(v))
		}
		for i, v := range x.x {
			if d := float64(v) - m; d >= -87.3366 {
				want[i] = math.Exp(d)
			}
			s += want[i]
		}
		Softmax(x.x)
		x.check(t)
		for i, v := range x.x {
			w := want[i] / s
			// The shift rounds by up to eps/2·90, which e^x turns into a relative error.
			near(t, "softmax", v, w, (4+45+float64(n))*eps32*w+1.2e-38)
		}
	})
}

func TestExpSum(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 11))
		for _, n := range []int{0, 1, 7, 8, 31, 500} {
			x := guarded(random(r, n))
			before, want := slices.Clone(x.x), 0.0
			got := ExpSum(x.x, 1.5)
			x.check(t)
			for i, v := range before {
				e := math.Exp(float64(v) - 1.5)
				if d := math.Abs(float64(x.x[i]) - e); d > 1e-6*e {
					t.Fatalf("n %d: element %d is %v, want %v", n, i, x.x[i], e)
				}
				want += e
			}
			if math.Abs(float64(got)-want) > 1e-6*want {
				t.Errorf("n %d: sum %v, want %v", n, got, want)
			}
		}
	})
}

func TestSoftmaxSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	both(t, func(t *testing.T) {
		for _, c := range []struct {
			name string
			at   float32
			all  bool
		}{{"all -Inf", -inf, true}, {"one +Inf", inf, false}, {"one NaN", nan, false}} {
			for n := 1; n < 40; n++ {
				for at := range n {
					x := make([]float32, n)
					for i := range x {
						if c.all || i == at {
							x[i] = c.at
						}
					}
					Softmax(x)
					for i, v := range x {
						if v == v {
							t.Fatalf("%s, %d of %d: element %d is %v", c.name, at, n, i, v)
						}
					}
				}
			}
		}
	})
}

func TestScalar(t *testing.T) {
	eachLength(t, func(t *testing.T, n int, r *rand.Rand) {
		x := guarded(random(r, n))
		AddScalar(-5, x.x) // so that no element counts as little as a missing one
		x.check(t)
		m := math.Inf(-1)
		for _, v := range x.x {
			m = max(m, float64(v))
		}
		near(t, "max", Max(x.x), m, 0)
		y := guarded(append([]float32(nil), x.x...))
		Scale(0.3, y.x)
		AddScalar(2, y.x)
		y.check(t)
		for i, v := range x.x {
			near(t, "scaled", y.x[i], 2+float64(float32(0.3))*float64(v), eps32*(2+math.Abs(float64(v))))
		}
	})
}

func TestRMSNorm(t *testing.T) {
	eachLength(t, func(t *testing.T, n int, r *rand.Rand) {
		x, w, d := guarded(random(r, n)), guarded(random(r, n)), guarded(make([]float32, n))
		RMSNorm(d.x, x.x, w.x, 1e-5)
		x.check(t)
		w.check(t)
		d.check(t)
		s := 0.0
		for _, v := range x.x {
			s += float64(v) * float64(v)
		}
		s = 1 / math.Sqrt(s/float64(n)+1e-5)
		for i := range n {
			want := float64(x.x[i]) * s * float64(w.x[i])
			near(t, "norm", d.x[i], want, (float64(n)/2+4)*eps32*math.Abs(want))
		}
	})
}

func TestSiLUMul(t *testing.T) {
	eachLength(t, func(t *testing.T, n int, r *rand.Rand) {
		g, u, d, o := guarded(random(r, n)), guarded(random(r, n)), guarded(make([]float32, n)), guarded(random(r, n))
		for i := range g.x {
			g.x[i] *= 10
		}
		if n > 3 {
			g.x[0], g.x[1], g.x[2] = 200, -200, float32(math.NaN())
		}
		SiLUMul(d.x, g.x, u.x)
		for _, s := range []guard{g, u, d} {
			s.check(t)
		}
		dg, du := guarded(make([]float32, n)), guarded(make([]float32, n))
		SiLUMulBackward(dg.x, du.x, g.x, u.x, o.x)
		for _, s := range []guard{dg, du, g, u, o} {
			s.check(t)
		}
		for i := range n {
			z, up, out := float64(g.x[i]), float64(u.x[i]), float64(o.x[i])
			s := 1 / (1 + math.Exp(-z))
			near(t, "silu", d.x[i], z*s*up, 6*eps32*math.Abs(z*s*up)+1e-36)
			near(t, "dup", du.x[i], out*z*s, 6*eps32*math.Abs(out*z*s)+1e-36)
			// 1-s errs by eps, which z multiplies.
			near(t, "dgate", dg.x[i], out*up*s*(1+z*(1-s)), (8+2*math.Abs(z))*eps32*math.Abs(out*up*s)+1e-36)
		}
		SiLUMulBackward(g.x, u.x, g.x, u.x, o.x) // in place
		for i := range n {
			near(t, "dgate in place", g.x[i], float64(dg.x[i]), 0)
			near(t, "dup in place", u.x[i], float64(du.x[i]), 0)
		}
	})
}

func TestAdamW(t *testing.T) {
	p := AdamWParams{LR: 3e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, C1: 1 - 0.9*0.9, C2: 1 - 0.95*0.95, GradScale: 0.5}
	eachLength(t, func(t *testing.T, n int, r *rand.Rand) {
		w, g, m, v := guarded(random(r, n)), guarded(random(r, n)), guarded(random(r, n)), guarded(random(r, n))
		for i := range v.x {
			v.x[i] *= v.x[i]
		}
		if n > 1 {
			g.x[1], m.x[1], v.x[1] = 0, 0, 0 // a weight without a gradient only decays
		}
		w0, m0, v0 := append([]float32(nil), w.x...), append([]float32(nil), m.x...), append([]float32(nil), v.x...)
		AdamW(w.x, g.x, m.x, v.x, p)
		for _, s := range []guard{w, g, m, v} {
			s.check(t)
		}
		for i := range n {
			gi := float64(g.x[i]) * float64(p.GradScale)
			mi := float64(p.Beta1)*float64(m0[i]) + (1-float64(p.Beta1))*gi
			vi := float64(p.Beta2)*float64(v0[i]) + (1-float64(p.Beta2))*gi*gi
			step := mi / float64(p.C1) / (math.Sqrt(vi/float64(p.C2)) + float64(p.Eps))
			wi := float64(w0[i]) - float64(p.LR)*(step+float64(p.WeightDecay)*float64(w0[i]))
			near(t, "m", m.x[i], mi, 4*eps32*(math.Abs(float64(m0[i]))+math.Abs(gi)))
			near(t, "v", v.x[i], vi, 4*eps32*(float64(v0[i])+gi*gi))
			scale := (math.Abs(float64(m0[i])) + math.Abs(gi)) / float64(p.C1) / (math.Sqrt(vi/float64(p.C2)) + float64(p.Eps))
			near(t, "w", w.x[i], wi, 2*eps32*math.Abs(float64(w0[i]))+float64(p.LR)*16*eps32*scale)
		}
	})
}

func TestLengthsMustMatch(t *testing.T) {
	a, b := make([]float32, 3), make([]float32, 4)
	for name, f := range map[string]func(){
		"Dot":             func() { Dot(a, b) },
		"Axpy":            func() { Axpy(1, a, b) },
		"RMSNorm":         func() { RMSNorm(b, a, a, 0) },
		"SiLUMul":         func() { SiLUMul(a, a, b) },
		"SiLUMulBackward": func() { SiLUMulBackward(a, a, a, a, b) },
		"AdamW":           func() { AdamW(a, a, b, a, AdamWParams{}) },
		"Gemm A":          func() { Gemm(nil, false, false, 2, 2, 2, 1, a, 2, b, 2, 0, b, 2) },
		"Gemm C":          func() { Gemm(nil, false, false, 2, 2, 2, 1, b, 2, b, 2, 0, b, 3) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s accepts wrong lengths", name)
				}
			}()
			f()
		}()
	}
}

func BenchmarkVector(b *testing.B) {
	const n = 4096
	r := rand.New(rand.NewPCG(5, 6))
	v, w, x, y := random(r, n), random(r, n), random(r, n), make([]float32, n)
	have := useAVX2
	defer func() { useAVX2 = have }()
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"Dot", func() { Dot(x, v) }},
		{"Axpy", func() { Axpy(1e-9, x, v) }},
		{"ExpSum", func() { copy(y, x); ExpSum(y, 1) }},
		{"Softmax", func() { copy(y, x); Softmax(y) }},
		{"RMSNorm", func() { RMSNorm(y, x, v, 1e-5) }},
		{"SiLUMul", func() { SiLUMul(y, x, v) }},
		{"SiLUMulBackward", func() { SiLUMulBackward(y, y, x, v, w) }},
		{"AdamW", func() { AdamW(w, x, v, y, AdamWParams{LR: 1e-9, C1: 1, C2: 1, Eps: 1}) }},
	} {
		for _, use := range []bool{true, false} {
			name := c.name + "/avx2"
			if !use {
				name = c.name + "/go"
			}
			b.Run(name, func(b *testing.B) {
				useAVX2 = use && have
				for b.Loop() {
					c.f()
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/n, "ns/element")
			})
		}
	}
}
