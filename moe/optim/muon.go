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
	small := min(t.rows, t.cols)
	grow(&s.x, n)
	grow(&s.y, n)
	grow(&s.a, small*small)
	grow(&s.b, small*small)
	w, g, m := w[t.at:t.at+n], g[t.at:t.at+n], o.M[t.at:t.at+n]
	mu := float32(o.opt.Momentum)
	fresh := (1 - mu) * float32(gradScale)
	kernel.Scale(mu, m)
	kernel.Axpy(fresh, g, m)
	copy(s.x, m)
	kernel.Scale(mu, s.x)
	kernel.Axpy(fresh, g, s.x)
	var gemm kernel.GemmFunc = kernel.Gemm
	if o.BF16 {
		gemm = kernel.GemmBF16
	}
	u := orthogonalize(gemm, s.x, s.y, s.a, s.b, t.rows, t.cols)
	if t.decay {
		kernel.Scale(float32(1-lr*o.opt.WeightDecay), w)
	}
	kernel.Axpy(-float32(lr*0.2*math.Sqrt(float64(max(t.rows, t.cols)))), u, w)
}

// orthogonalize returns an approximation of the matrix nearest to x [rows, cols] whose
// shorter side is orthonormal. It changes x and y [rows, cols], one of which it returns,
// and a and b, squares of the shorter side. Of a zero x it returns zeros.
//
//	A = X·Xᵀ, X ← (a + b·A + c·A·A)·X, five times, from X/‖X‖
//
// for a wide X; a tall one is multiplied from the right, with A = Xᵀ·X.
func orthogonalize(gemm kernel.GemmFunc, x, y, a, b []float32, rows, cols int) []float32 {
	const ca, cb, cc = 3.4445, -4.7750, 2.0315 // Jordan et al. 2024
	kernel.Scale(float32(1/(Norm(x, nil)*1.02+1e-12)), x)
	tall := rows > cols
	n, long := min(rows, cols), max(rows, cols)
	for range 5 {
		gemm(nil, tall, !tall, n, n, long, 1, x, cols, x, cols, 0, a, n)
		copy(b, a)
		gemm(nil, false, false, n, n, n, cc, a, n, a, n, cb, b, n)
		for i := 0; i < n*n; i += n + 1 {
			b[i] += ca
		}
		if tall {
			gemm(nil, false, false, rows, cols, cols, 1, x, cols, b, cols, 0, y, cols)
		} else {
			gemm(nil, false, false, rows, cols, rows, 1, b, rows, x, cols, 0, y, cols)
		}
		x, y = y, x
	}
	return x
}

func grow(x *[]float32, n int) {
	if cap(*x) < n {
		*x = make([]float32, n)
	}
	*x = (*x)[:n]
}
