package model

import (
	"math"

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

// AttentionOutput is a layer's output projection, [D, width of AtHeads].
func (m *Model) AttentionOutput(layer int) kernel.Matrix { return m.layers[layer].o.Matrix }

// Down is an expert's down projection [D, F]; a dense FFN is expert 0.
func (m *Model) Down(layer, expert int) kernel.Matrix {
	return m.layers[layer].experts[expert].down.Matrix
}

// LayerExperts is the number of experts in a layer, 1 for a dense FFN; one that sees
// every token does not count. LayerHidden is their width. Routed reports whether the
// layer has a router.
func (m *Model) LayerExperts(layer int) int { return len(m.layers[layer].experts) }

// LayerHidden: see LayerExperts.
func (m *Model) LayerHidden(layer int) int { return m.layers[layer].hidden }

// Routed: see LayerExperts.
func (m *Model) Routed(layer int) bool { return m.layers[layer].router.Rows > 0 }

// Shared reports whether the layer has an expert that sees every token.
func (m *Model) Shared(layer int) bool { return m.layers[layer].shared != nil }

// DownBias is added to what an expert gives, before gate weights; nil for none.
func (m *Model) DownBias(layer, expert int) []float32 {
	return m.layers[layer].experts[expert].down.bias
}

// LogitDifference writes to dst the direction whose product with the residual stream
// x [D], behind the last layer, is the logit of a less that of b but for the offset,
// which is what biases add. The scale of the final norm is taken as it is at x.
func (m *Model) LogitDifference(dst, x []float32, a, b int32) (offset float64) {
	other := make([]float32, len(dst))
	m.OutputRow(dst, a)
	m.OutputRow(other, b)
	square := 0.0
	for _, v := range x {
		square += float64(v) * float64(v)
	}
	scale := 1 / math.Sqrt(square/float64(len(x))+m.Config.NormEps)
	for i, w := range m.norm.weight {
		difference := float64(dst[i]-other[i]) * m.Config.LogitGain
		if m.norm.bias != nil {
			offset += difference * float64(m.norm.bias[i])
		}
		dst[i] = float32(difference * float64(w) * scale)
	}
	if v := m.output.bias; v != nil {
		offset += float64(v[a]-v[b]) * m.Config.LogitGain
	}
	return offset
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
