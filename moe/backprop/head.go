package backprop

import (
	"math"

	"moebot/moe/dataset"
	"moebot/moe/kernel"
)

// headChunk is the number of positions whose logits are held at a time, enough that
// reading the output matrix for each chunk costs little; N·V would not fit anywhere.
const headChunk = 512

// head applies the final norm and the output matrix to the positions that have a
// target weight, adds their cross-entropy to s and, if train, leaves in act.dx the
// gradient of the residual stream of scale · Σ weight·cross-entropy.
//
// The logits of a chunk become its gradient in place:
//
//	dlogits = weight·scale·(softmax(logits) − onehot(target))
func (n *Network) head(b *dataset.Batch, s *Stats, scale float64, train bool) {
	c, a := n.Config, n.act
	d, v := c.Dim, c.Vocab
	out := n.w(n.layout.output, v*d)
	n.normForward(a.final, a.rstd, a.last, n.w(n.layout.norm, d), a.tokens)
	var dfinal []float32
	if train {
		dfinal = a.dnorm
		clear(dfinal)
	}
	chunk := make([]int, 0, headChunk)
	losses := make([]float64, headChunk)
	hits := make([]bool, headChunk)
	flush := func() {
		m := len(chunk)
		if m == 0 {
			return
		}
		for i, t := range chunk {
			copy(a.headX[i*d:(i+1)*d], a.final[t*d:(t+1)*d])
		}
		n.linear(a.logits, a.headX, out, m, v, d)
		n.pool.Run(m, func(i int) {
			row := a.logits[i*v : (i+1)*v]
			t := chunk[i]
			losses[i], hits[i] = crossEntropy(row, int(b.Targets[t]), float32(scale)*b.Weights[t])
		})
		for i, t := range chunk {
			w, right := float64(b.Weights[t]), 0.0
			if hits[i] {
				right = w
			}
			s.Loss += w * losses[i]
			s.Weight += w
			s.Correct += right
			if b.Sources != nil {
				for int(b.Sources[t]) >= len(s.Sources) {
					s.Sources = append(s.Sources, Sum{})
				}
				v := &s.Sources[b.Sources[t]]
				v.Loss, v.Weight, v.Correct = v.Loss+w*losses[i], v.Weight+w, v.Correct+right
			}
		}
		if train {
			n.linearBackward(a.headDX, 0, n.g(n.layout.output, v*d), a.logits, a.headX, out, m, v, d)
			for i, t := range chunk {
				copy(dfinal[t*d:(t+1)*d], a.headDX[i*d:(i+1)*d])
			}
		}
		chunk = chunk[:0]
	}
	for t := range a.tokens {
		if b.Weights[t] == 0 {
			continue
		}
		if chunk = append(chunk, t); len(chunk) == headChunk {
			flush()
		}
	}
	flush()
	if train {
		clear(a.dx)
		n.normBackward(a.dx, n.g(n.layout.norm, d), dfinal, a.last, a.rstd, n.w(n.layout.norm, d), a.tokens)
	}
}

// crossEntropy returns −log softmax(z)[target] in nats and whether target has the
// largest logit, and turns z into weight·(softmax(z) − onehot(target)).
func crossEntropy(z []float32, target int, weight float32) (loss float64, hit bool) {
	top := kernel.Max(z)
	zt := z[target]
	sum := kernel.ExpSum(z, top)
	loss = math.Log(float64(sum)) - float64(zt-top)
	kernel.Scale(weight/sum, z)
	z[target] -= weight
	return loss, zt == top
}
