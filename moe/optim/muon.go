package optim

import (
	"math"

	"moebot/moe/kernel"
)

// muonTask is one matrix [rows, cols] of the weight vector.
type muonTask struct {
	at, rows, cols int
	decay          bool
}

type muonScratch struct{ x, y, a, b []float32 }

// orthogonalStep is Muon's update of one matrix: momentum, Nesterov, five steps of
// the Newton–Schulz iteration that drives the singular values of the update
// towards one, and a scale of 0.2·√max(rows, cols) which gives the update the
// root mean square that AdamW's have, so that both share a learning rate.
func (o *Optimizer) orthogonalStep(t muonTask, w, g []float32, lr, gradScale float64) {
	n := t.rows * t.cols
	s, _ := o.scratch.Get().(*muonScratch)
	if s == nil {
		s = new(muonScratch)
	}
	defer o.scratch.Put(s)
	r, c := min(t.rows, t.cols), max(t.rows, t.cols)
	grow(&s.x, n)
	grow(&s.y, n)
	grow(&s.a, r*r)
	grow(&s.b, r*r)
	w, g, m := w[t.at:t.at+n], g[t.at:t.at+n], o.M[t.at:t.at+n]
	mu, gs := float32(o.opt.Momentum), float32(gradScale)
	for i, v := range g {
		v *= gs
		m[i] = mu*m[i] + (1-mu)*v
		s.y[i] = mu*m[i] + (1-mu)*v
	}
	x := s.x
	if t.rows > t.cols { // work on the wide one: the small side is squared
		for i := range t.rows {
			for j := range t.cols {
				x[j*t.rows+i] = s.y[i*t.cols+j]
			}
		}
	} else {
		copy(x, s.y)
	}
	orthogonalize(x, s.y, s.a, s.b, r, c)
	step := float32(lr * 0.2 * math.Sqrt(float64(c)))
	keep := float32(1)
	if t.decay {
		keep = float32(1 - lr*o.opt.WeightDecay)
	}
	if t.rows > t.cols {
		for i := range t.rows {
			for j := range t.cols {
				k := i*t.cols + j
				w[k] = keep*w[k] - step*x[j*t.rows+i]
			}
		}
		return
	}
	for i := range w {
		w[i] = keep*w[i] - step*x[i]
	}
}

// orthogonalize replaces x [r, c], r ≤ c, by an approximation of the nearest
// matrix with orthonormal rows; y [r, c] and a, b [r, r] are scratch. A zero x stays zero.
//
//	A = X·Xᵀ, X ← a·X + (b·A + c·A·A)·X, five times, from X/‖X‖
func orthogonalize(x, y, a, b []float32, r, c int) {
	const ca, cb, cc = 3.4445, -4.7750, 2.0315 // Jordan et al. 2024
	norm := 0.0
	for _, v := range x[:r*c] {
		norm += float64(v) * float64(v)
	}
	inv := float32(1 / (math.Sqrt(norm)*1.02 + 1e-12))
	for i := range x[:r*c] {
		x[i] *= inv
	}
	for range 5 {
		kernel.Gemm(nil, false, true, r, r, c, 1, x, c, x, c, 0, a, r)
		copy(b[:r*r], a[:r*r])
		kernel.Gemm(nil, false, false, r, r, r, cc, a, r, a, r, cb, b, r)
		copy(y[:r*c], x[:r*c])
		kernel.Gemm(nil, false, false, r, c, r, 1, b, r, x, c, ca, y, c)
		copy(x[:r*c], y[:r*c])
	}
}

func grow(x *[]float32, n int) {
	if cap(*x) < n {
		*x = make([]float32, n)
	}
	*x = (*x)[:n]
}
