package model

import "moebot/moe/kernel"

// Model is a network with its weights, which stay where the Source has them.
type Model struct {
	Config Config

	embed      kernel.Matrix // [V, D]
	output     projection    // [V, D]; the embedding if tied
	norm       norm          // [D]
	layers     []layer
	freq       []float64 // [RopeDims/2] radians that RoPE turns each pair by per position
	longFreq   []float64 // the same for sequences that may grow beyond RopeTokens
	parameters int
	pager      pager // reads the weights from a disk as they are used; nil if they are in memory
}

// projection is a matrix and, if not nil, what is added to its products.
type projection struct {
	kernel.Matrix
	bias []float32 // [Rows]
}

// norm is an RMSNorm and, if not nil, what is added to it.
type norm struct{ weight, bias []float32 }

type layer struct {
	attnNorm, ffnNorm norm
	q, k, v           projection // [H·hd, D], [KV·hd, D], [KV·vd, D]; only q with latent attention
	o                 projection // [D, H·vd]
	qNorm, kNorm      []float32  // [hd], or [H·hd] and [KV·hd]; nil for none
	sinks             []float32  // [H] attention scores of a token that is always seen and has no value; nil for none
	latent            *latent

	router     projection // [E, D]; no rows for a dense FFN
	correction []float32  // [E] added to the experts' weights for choosing only; nil for none
	experts    []expert   // one for a dense FFN
	hidden     int        // F, their width
	shared     *expert    // nil for none
	sharedGate []float32  // [D]; nil for a weight of 1
}

// active is the number of experts that a token uses in the layer.
func (m *Model) active(layer int) int {
	if m.layers[layer].router.Rows == 0 {
		return 1
	}
	return m.Config.TopK
}

// expert is a gated FFN: [F, D], [F, D] and [D, F].
type expert struct{ gate, up, down projection }

// latent are the matrices of latent attention beside the layer's. With R for the
// rank and c, r and v for the elements of a head that carry content, position and
// output, layer.q is [H·(c+r), QueryRank or D] and layer.o [D, H·v].
type latent struct {
	queryDown kernel.Matrix   // [QueryRank, D]; no rows if queries come straight from the hidden state
	queryNorm []float32       // [QueryRank]
	down      kernel.Matrix   // [R+r, D]
	norm      []float32       // [R]
	keys      []kernel.Matrix // [R, c] for each head
	values    []kernel.Matrix // [v, R] for each head
}

// matrices calls f with all of the layer's matrices but the experts'.
func (l *layer) matrices(f func(kernel.Matrix)) {
	for _, p := range []projection{l.q, l.k, l.v, l.o, l.router} {
		f(p.Matrix)
	}
	if l.shared != nil {
		l.shared.matrices(f)
	}
	if a := l.latent; a != nil {
		f(a.queryDown)
		f(a.down)
		for h := range a.keys {
			f(a.keys[h])
			f(a.values[h])
		}
	}
}

func (e *expert) matrices(f func(kernel.Matrix)) {
	f(e.gate.Matrix)
	f(e.up.Matrix)
	f(e.down.Matrix)
}

// Bytes is the size of the matrices.
func (m *Model) Bytes() int {
	n := len(m.embed.Data)
	if !m.Tied() {
		n += len(m.output.Data)
	}
	add := func(w kernel.Matrix) { n += len(w.Data) }
	for i := range m.layers {
		l := &m.layers[i]
		l.matrices(add)
		for e := range l.experts {
			l.experts[e].matrices(add)
		}
	}
	return n
}

// Tied reports whether the output matrix is the embedding.
func (m *Model) Tied() bool { return &m.output.Data[0] == &m.embed.Data[0] }

// Parameters returns the number of weights, and of those that one token uses.
func (m *Model) Parameters() (total, active int) {
	total = m.parameters
	for i := range m.layers {
		l := &m.layers[i]
		unused := 0
		for e := m.active(i); e < len(l.experts); e++ { // all are of one size
			l.experts[e].matrices(func(w kernel.Matrix) { unused += w.Rows * w.Cols })
			for _, p := range []projection{l.experts[e].gate, l.experts[e].up, l.experts[e].down} {
				unused += len(p.bias)
			}
		}
		active -= unused
	}
	return total, total + active
}
