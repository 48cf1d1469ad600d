package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestRoPE(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(10, 10))
		for pairs := 1; pairs <= 150; pairs++ {
			heads := r.IntN(4)
			x, cos, sin := guarded(random(r, heads*2*pairs)), guarded(make([]float32, pairs)), guarded(make([]float32, pairs))
			for i := range pairs {
				s, c := math.Sincos(r.Float64() * 10)
				sin.x[i], cos.x[i] = float32(s), float32(c)
			}
			old := append([]float32(nil), x.x...)
			RoPE(x.x, cos.x, sin.x)
			for _, g := range []guard{x, cos, sin} {
				g.check(t)
			}
			for i := range len(old) / 2 {
				a, b := float64(old[2*i]), float64(old[2*i+1])
				c, s := float64(cos.x[i%pairs]), float64(sin.x[i%pairs])
				tol := 2 * eps32 * (math.Abs(a) + math.Abs(b))
				near(t, "first", x.x[2*i], a*c-b*s, tol)
				near(t, "second", x.x[2*i+1], b*c+a*s, tol)
			}
		}
	})
}

func TestScoresAndWeightedSum(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 11))
		for round := range 400 {
			d, n := r.IntN(150), r.IntN(70)
			if round == 0 {
				d, n = 72, 9000 // more than one call into the assembly
			}
			ld := d + r.IntN(3)
			q, k, p := guarded(random(r, d)), guarded(random(r, extent(n, d, ld))), guarded(random(r, n))
			Scores(p.x, q.x, k.x, ld, 0.25)
			for _, g := range []guard{q, k, p} {
				g.check(t)
			}
			for j := range n {
				want, size := 0.0, 0.0
				for l, v := range q.x {
					z := 0.25 * float64(v) * float64(k.x[j*ld+l])
					want += z
					size += math.Abs(z)
				}
				near(t, "score", p.x[j], want, float64(d+3)*eps32/2*size)
			}
			o := guarded(random(r, d))
			WeightedSum(o.x, p.x, k.x, ld)
			for _, g := range []guard{o, k, p} {
				g.check(t)
			}
			for l := range d {
				want, size := 0.0, 0.0
				for j, v := range p.x {
					z := float64(v) * float64(k.x[j*ld+l])
					want += z
					size += math.Abs(z)
				}
				near(t, "sum", o.x[l], want, float64(n+3)*eps32/2*size)
			}
		}
	})
}

func BenchmarkAttention(b *testing.B) {
	const d, n, ld = 64, 512, 256
	r := rand.New(rand.NewPCG(1, 2))
	q, k, p := random(r, d), random(r, n*ld), random(r, n)
	cos, sin := random(r, d/2), random(r, d/2)
	b.Run("Scores", func(b *testing.B) {
		for b.Loop() {
			Scores(p, q, k, ld, 1)
		}
	})
	b.Run("WeightedSum", func(b *testing.B) {
		for b.Loop() {
			WeightedSum(q, p, k, ld)
		}
	})
	b.Run("RoPE", func(b *testing.B) {
		for b.Loop() {
			RoPE(q, cos, sin)
		}
	})
}
