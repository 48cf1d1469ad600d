package model

import (
	"moebot/moe/kernel"
	"moebot/moe/tensor"
)

// What instruments read of the weights. Matrices refer to the model's own memory and
// must not be changed.

// Embedding is the token table [V, D], Output the matrix [V, D] that gives the logits.
func (m *Model) Embedding() kernel.Matrix { return m.embed }

// Output: see Embedding.
func (m *Model) Output() kernel.Matrix { return m.output.Matrix }

// FinalNorm are the weights [D] of the norm before Output.
func (m *Model) FinalNorm() []float32 { return m.norm.weight }

// AttentionOutput is a layer's output projection [D, H·vd].
func (m *Model) AttentionOutput(layer int) kernel.Matrix { return m.layers[layer].o.Matrix }

// Down is an expert's down projection [D, F]; a dense FFN is expert 0.
func (m *Model) Down(layer, expert int) kernel.Matrix {
	return m.layers[layer].experts[expert].down.Matrix
}

// EmbeddingRow and OutputRow write a token's row to dst [D].
func (m *Model) EmbeddingRow(dst []float32, id int32) { row(dst, m.embed, id) }

// OutputRow: see EmbeddingRow.
func (m *Model) OutputRow(dst []float32, id int32) { row(dst, m.output.Matrix, id) }

func row(dst []float32, w kernel.Matrix, id int32) {
	n := w.Type.Bytes(w.Cols)
	tensor.Dequantize(dst[:w.Cols], w.Type, w.Data[int(id)*n:(int(id)+1)*n])
}

// Readout computes the logits [n, V] that the residual streams x [n, D] would give if
// no layer followed: the final norm and the output matrix, to the bit as Forward does
// it. n is the size of the Scratch at most.
func (m *Model) Readout(s *Scratch, logits, x []float32, n int) {
	d := m.Config.Dim
	for i := range n {
		m.norm.apply(s.norm[i*d:(i+1)*d], x[i*d:(i+1)*d], m.Config.NormEps)
	}
	m.unembed(s, logits[:n*m.Config.Vocab], n)
}
