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

func BenchmarkRoPE(b *testing.B) {
	const d = 64
	r := rand.New(rand.NewPCG(1, 2))
	q, cos, sin := random(r, d), random(r, d/2), random(r, d/2)
	for b.Loop() {
		RoPE(q, cos, sin)
	}
}
