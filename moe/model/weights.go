package model

import "moebot/moe/kernel"

// Model is a network with its weights, which stay where the Source has them.
type Model struct {
	Config Config

	embed  kernel.Matrix // [V, D]
	output kernel.Matrix // [V, D]; the embedding if tied
	norm   []float32     // [D]
	layers []layer
	freq   []float64 // [RopeDims/2] radians that RoPE turns each pair by per position
}

type layer struct {
	attnNorm, ffnNorm []float32     // [D]
	q, k, v           kernel.Matrix // [H·hd, D], [KV·hd, D] twice
	o                 kernel.Matrix // [D, H·hd]
	router            kernel.Matrix // [E, D]; no rows for a dense FFN
	gate, up          []kernel.Matrix
	down              []kernel.Matrix // one for each expert: [F, D] twice, [D, F]; one for a dense FFN
}

// Bytes is the size of the weights.
func (m *Model) Bytes() int {
	n := len(m.embed.Data)
	if !m.Tied() {
		n += len(m.output.Data)
	}
	for _, l := range m.layers {
		n += len(l.q.Data) + len(l.k.Data) + len(l.v.Data) + len(l.o.Data) + len(l.router.Data)
		for e := range l.gate {
			n += len(l.gate[e].Data) + len(l.up[e].Data) + len(l.down[e].Data)
		}
	}
	return n
}

// Tied reports whether the output matrix is the embedding.
func (m *Model) Tied() bool { return &m.output.Data[0] == &m.embed.Data[0] }

// Parameters returns the number of weights, and of those that one token uses.
func (m *Model) Parameters() (total, active int) {
	c := m.Config
	total = c.Vocab*c.Dim + c.Dim
	if !m.Tied() {
		total += c.Vocab * c.Dim
	}
	attn := c.Dim*c.HeadDim*2*(c.Heads+c.KVHeads) + 2*c.Dim
	ffn := 3 * c.Dim * c.Hidden
	experts, used := max(c.Experts, 1), max(c.TopK, 1)
	active = total + c.Layers*(attn+used*ffn+c.Experts*c.Dim)
	return total + c.Layers*(attn+experts*ffn+c.Experts*c.Dim), active
}
