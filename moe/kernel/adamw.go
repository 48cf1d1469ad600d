package kernel

import "math"

// AdamWParams are the numbers of one AdamW update.
type AdamWParams struct {
	LR          float32 // learning rate of this step
	Beta1       float32 // decay of the first moment, in [0, 1)
	Beta2       float32 // decay of the second moment, in [0, 1)
	Eps         float32 // added to the root of the second moment
	WeightDecay float32 // decoupled, per unit of learning rate
	C1          float32 // 1 - Beta1^step: bias correction of the first moment
	C2          float32 // 1 - Beta2^step: bias correction of the second moment
	GradScale   float32 // multiplies the gradient first (clipping); 1 for none
}

// AdamW updates weights w and their moments m and v from the gradient g
// (Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2):
//
//	g' = GradScale·g
//	m  = Beta1·m + (1-Beta1)·g'
//	v  = Beta2·v + (1-Beta2)·g'²
//	w -= LR·((m/C1) / (sqrt(v/C2) + Eps) + WeightDecay·w)
//
// It panics if the lengths differ.
func AdamW(w, g, m, v []float32, p AdamWParams) {
	sameLen("AdamW", len(w), len(g), len(m), len(v))
	adamW(w, g, m, v, p.coefficients())
}

// adamWCoefficients are the constants of the inner loop:
// m += a1·(g·gs - m), v += a2·((g·gs)² - v),
// w = keep·w - step·m / (sqrt(v)·root + eps).
type adamWCoefficients struct {
	gs, a1, a2, keep, step, root, eps float32
}

func (p AdamWParams) coefficients() adamWCoefficients {
	return adamWCoefficients{
		gs:   p.GradScale,
		a1:   1 - p.Beta1,
		a2:   1 - p.Beta2,
		keep: 1 - p.LR*p.WeightDecay,
		step: p.LR / p.C1,
		root: float32(1 / math.Sqrt(float64(p.C2))),
		eps:  p.Eps,
	}
}

func adamWGo(w, g, m, v []float32, c adamWCoefficients) {
	g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
	for i := range w {
		gi := g[i] * c.gs
		mi := m[i] + c.a1*(gi-m[i])
		vi := v[i] + c.a2*(gi*gi-v[i])
		m[i], v[i] = mi, vi
		w[i] = c.keep*w[i] - c.step*mi/(float32(math.Sqrt(float64(vi)))*c.root+c.eps)
	}
}
