package train

import (
	"fmt"
	"math"
	"math/rand/v2"

	"moebot/moe/backprop"
	"moebot/moe/kernel"
	"moebot/moe/optim"
)

// LoRA trains low-rank changes of the attention's and the experts' matrices instead
// of all weights (Hu et al. 2021, arXiv 2106.09685): W = W₀ + alpha/rank · B·A with A
// [rank, in] and B [out, rank], one pair for each matrix, each expert its own. The
// embedding, the router and the norms stay as they were. Differs from the paper,
// which adapts the attention alone.
type LoRA struct {
	Rank  int     `json:"rank"`
	Alpha float64 `json:"alpha"` // the change is multiplied by alpha/rank
}

func (l LoRA) check() error {
	if l.Rank < 1 || !(l.Alpha > 0) {
		return fmt.Errorf("lora: rank %d and alpha %g must be positive", l.Rank, l.Alpha)
	}
	return nil
}

// adapter is the low-rank change of one model in training.
type adapter struct {
	scale    float32
	rank     int
	matrices []adapted
	base     []float32 // W₀, all weights of the model; not changed
	weights  []float32 // A and B of each matrix in turn
	grads    []float32 // beside weights
	pool     *kernel.Pool
}

// adapted is one matrix [rows, cols] of the model and the places of its A and B.
type adapted struct{ at, rows, cols, a, b int }

// newAdapter returns an adapter of base, which it keeps, that changes nothing yet:
// A is random, B zero.
func newAdapter(c backprop.Config, l LoRA, base []float32, seed uint64, pool *kernel.Pool) *adapter {
	d := &adapter{scale: float32(l.Alpha / float64(l.Rank)), rank: l.Rank, base: base, pool: pool}
	size := 0
	for _, p := range backprop.Params(c) {
		if p.Kind != backprop.Matrix {
			continue
		}
		cols, rows := p.Shape[len(p.Shape)-1], p.Shape[len(p.Shape)-2]
		for at := p.Offset; at < p.Offset+p.Len; at += rows * cols {
			d.matrices = append(d.matrices, adapted{at, rows, cols, size, size + l.Rank*cols})
			size += l.Rank * (rows + cols)
		}
	}
	d.weights, d.grads = make([]float32, size), make([]float32, size)
	rng := rand.New(rand.NewPCG(seed, 0x6c6f7261))
	for _, m := range d.matrices {
		for i := range l.Rank * m.cols {
			d.weights[m.a+i] = float32(rng.NormFloat64() / math.Sqrt(float64(m.cols)))
		}
	}
	return d
}

// groups says how the optimizer treats the A and B matrices.
func (d *adapter) groups() []optim.Group {
	var out []optim.Group
	for _, m := range d.matrices {
		out = append(out, optim.Group{Offset: m.a, Len: d.rank * m.cols, Rows: d.rank, Cols: m.cols, Decay: true},
			optim.Group{Offset: m.b, Len: m.rows * d.rank, Rows: m.rows, Cols: d.rank, Decay: true})
	}
	return out
}

// project turns the gradient of the model's weights into that of A and B:
//
//	dA = scale·Bᵀ·dW, dB = scale·dW·Aᵀ
func (d *adapter) project(grads []float32) {
	r := d.rank
	d.pool.Run(len(d.matrices), func(i int) {
		m := d.matrices[i]
		dw := grads[m.at : m.at+m.rows*m.cols]
		a, b := d.weights[m.a:m.a+r*m.cols], d.weights[m.b:m.b+m.rows*r]
		kernel.Gemm(nil, true, false, r, m.cols, m.rows, d.scale, b, r, dw, m.cols, 0, d.grads[m.a:m.a+r*m.cols], m.cols)
		kernel.Gemm(nil, false, true, m.rows, r, m.cols, d.scale, dw, m.cols, a, m.cols, 0, d.grads[m.b:m.b+m.rows*r], r)
	})
}

// merge writes W₀ + scale·B·A over the model's weights.
func (d *adapter) merge(weights []float32) {
	r := d.rank
	d.pool.Run(len(d.matrices), func(i int) {
		m := d.matrices[i]
		w := weights[m.at : m.at+m.rows*m.cols]
		copy(w, d.base[m.at:])
		kernel.Gemm(nil, false, false, m.rows, m.cols, r, d.scale, d.weights[m.b:], r, d.weights[m.a:], m.cols, 1, w, m.cols)
	})
}
