// Package optim updates a flat vector of weights from its gradient: AdamW
// (Loshchilov and Hutter 2019, arXiv 1711.05101) for all tensors, or Muon (Jordan
// et al. 2024; scaled as in Liu et al. 2025, arXiv 2502.16982, section 2.2) for
// the hidden matrices and AdamW for the rest. It knows nothing of layers: a Group
// names a range of the vector and how it is treated.
package optim

import (
	"fmt"
	"math"
	"sync"

	"moebot/moe/kernel"
)

// Group is one tensor of the weight vector.
type Group struct {
	Offset, Len int
	Rows, Cols  int  // of each matrix in it; Len is a multiple of Rows·Cols
	Decay       bool // weight decay applies
	Orthogonal  bool // Muon applies
}

// Options are the hyperparameters that stay the same over a run.
type Options struct {
	Beta1       float64 `json:"beta1"`        // decay of AdamW's first moment
	Beta2       float64 `json:"beta2"`        // decay of AdamW's second moment
	Eps         float64 `json:"eps"`          // added to the root of the second moment
	WeightDecay float64 `json:"weight_decay"` // per unit of learning rate, decoupled
	Momentum    float64 `json:"momentum"`     // of Muon
	Muon        bool    `json:"muon"`         // orthogonal groups use Muon
}

// Optimizer keeps the moments of one weight vector.
type Optimizer struct {
	Step int       // updates done
	M    []float32 // first moment (AdamW) or momentum (Muon), one for each weight
	V    []float32 // second moment; unused, zero, in Muon's groups

	BF16 bool // Muon multiplies numbers rounded to bfloat16 (kernel.GemmBF16), as Jordan et al. do

	opt    Options
	groups []Group
	pool   *kernel.Pool
	muon   []muonTask

	scratch sync.Pool // of *muonScratch, one for each matrix in work
}

// New returns an optimizer for a vector of size weights, covered by groups.
func New(size int, groups []Group, opt Options, pool *kernel.Pool) *Optimizer {
	o := &Optimizer{M: make([]float32, size), V: make([]float32, size), opt: opt, groups: groups, pool: pool}
	for _, g := range groups {
		if g.Offset < 0 || g.Offset+g.Len > size || g.Len%(g.Rows*g.Cols) != 0 {
			panic(fmt.Sprintf("optim: group %+v does not fit %d weights", g, size))
		}
		if opt.Muon && g.Orthogonal {
			for at := g.Offset; at < g.Offset+g.Len; at += g.Rows * g.Cols {
				o.muon = append(o.muon, muonTask{at, g.Rows, g.Cols, g.Decay})
			}
		}
	}
	return o
}

// Update does one step: w from its gradient g, each multiplied by gradScale first
// (the clipping factor), with learning rate lr.
func (o *Optimizer) Update(w, g []float32, lr, gradScale float64) {
	o.Step++
	c1 := 1 - math.Pow(o.opt.Beta1, float64(o.Step))
	c2 := 1 - math.Pow(o.opt.Beta2, float64(o.Step))
	for _, gr := range o.groups {
		if o.opt.Muon && gr.Orthogonal {
			continue
		}
		p := kernel.AdamWParams{LR: float32(lr), Beta1: float32(o.opt.Beta1), Beta2: float32(o.opt.Beta2), Eps: float32(o.opt.Eps),
			C1: float32(c1), C2: float32(c2), GradScale: float32(gradScale)}
		if gr.Decay {
			p.WeightDecay = float32(o.opt.WeightDecay)
		}
		const block = 1 << 16
		o.pool.Run((gr.Len+block-1)/block, func(i int) {
			lo, hi := gr.Offset+i*block, gr.Offset+min(gr.Len, (i+1)*block)
			kernel.AdamW(w[lo:hi], g[lo:hi], o.M[lo:hi], o.V[lo:hi], p)
		})
	}
	o.pool.Run(len(o.muon), func(i int) { o.orthogonalStep(o.muon[i], w, g, lr, gradScale) })
}

// Norm is the Euclidean norm of a gradient vector, NaN if any element is.
func Norm(g []float32, pool *kernel.Pool) float64 {
	const block = 1 << 16
	sums := make([]float64, (len(g)+block-1)/block)
	pool.Run(len(sums), func(i int) {
		x := g[i*block : min(len(g), (i+1)*block)]
		s := 0.0
		for len(x) > 0 {
			n := min(len(x), 1024)
			s += float64(kernel.Dot(x[:n], x[:n]))
			x = x[n:]
		}
		sums[i] = s
	})
	total := 0.0
	for _, s := range sums {
		total += s
	}
	return math.Sqrt(total)
}

// ClipScale is the factor that brings a gradient of the given norm to at most limit.
func ClipScale(norm, limit float64) float64 {
	if norm > limit && limit > 0 {
		return limit / norm
	}
	return 1
}
