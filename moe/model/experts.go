package model

import (
	"math"

	"moebot/moe/kernel"
)

// ffn adds to the residual stream, for each token, the weighted outputs of the
// experts that its router chose, or of the one dense FFN.
func (m *Model) ffn(s *Scratch, li int) {
	c, l, n := m.Config, &m.layers[li], len(s.batch)
	d, f := c.Dim, c.Hidden
	s.rows(opFFNNorm, li)
	if c.Experts > 0 {
		s.add(s.router, c.Experts, l.router, s.norm, d, n)
		s.run()
	}
	m.route(s, li)
	// Inputs in slot order: the tokens of one expert lie together. One token needs no copy.
	x := s.xe
	if n == 1 {
		x = s.norm
	} else {
		s.rows(opGather, li)
	}
	for e := range l.gate {
		lo, hi := s.offset[e], s.offset[e+1]
		if lo == hi {
			continue
		}
		in := x
		if n > 1 {
			in = x[lo*d:]
		}
		s.add(s.gate[lo*f:], f, l.gate[e], in, d, hi-lo)
		s.add(s.up[lo*f:], f, l.up[e], in, d, hi-lo)
	}
	s.run()
	s.rows(opSwiGLU, li)
	for e := range l.down {
		if lo, hi := s.offset[e], s.offset[e+1]; hi > lo {
			s.add(s.down[lo*d:], d, l.down[e], s.gate[lo*f:], f, hi-lo)
		}
	}
	s.run()
	s.rows(opCombine, li)
}

// route fills the scratch's choice of experts and gate weights for the layer: the
// softmax of the K largest router logits among themselves, which is the softmax
// over all, renormalised. Of equal logits the lower expert wins.
func (m *Model) route(s *Scratch, li int) {
	c, n := m.Config, len(s.batch)
	k := max(c.TopK, 1)
	experts, gates := s.experts[li][:n*k], s.gates[li][:n*k]
	clear(s.offset)
	for i := range n {
		chosen, gate := experts[i*k:(i+1)*k], gates[i*k:(i+1)*k]
		if c.Experts == 0 {
			chosen[0], gate[0] = 0, 1
		} else {
			topK(chosen, gate, s.router[i*c.Experts:(i+1)*c.Experts])
		}
		for _, e := range chosen {
			s.offset[e+1]++
		}
	}
	for e := 1; e < len(s.offset); e++ {
		s.offset[e] += s.offset[e-1]
	}
	copy(s.next, s.offset)
	for i, e := range experts {
		s.slot[i] = s.next[e]
		s.next[e]++
	}
}

// topK writes the indexes of the largest logits, best first, and the softmax over them.
func topK(chosen []int32, gate []float32, logits []float32) {
	for j := range chosen {
		best := -1
	next:
		for e, v := range logits {
			for _, taken := range chosen[:j] {
				if taken == int32(e) {
					continue next
				}
			}
			if best < 0 || v > logits[best] {
				best = e
			}
		}
		chosen[j] = int32(best)
	}
	top := float64(logits[chosen[0]])
	sum := 0.0
	for _, e := range chosen {
		sum += math.Exp(float64(logits[e]) - top)
	}
	for j, e := range chosen {
		gate[j] = float32(math.Exp(float64(logits[e])-top) / sum)
	}
}

// gather copies token i's normalised state to its slots.
func (m *Model) gather(s *Scratch, i int) {
	d, k := m.Config.Dim, max(m.Config.TopK, 1)
	for _, slot := range s.slot[i*k : (i+1)*k] {
		copy(s.xe[slot*d:(slot+1)*d], s.norm[i*d:(i+1)*d])
	}
}

// combine adds token i's expert outputs to its residual stream, best expert first.
func (m *Model) combine(s *Scratch, li, i int) {
	d, k := m.Config.Dim, max(m.Config.TopK, 1)
	for j, slot := range s.slot[i*k : (i+1)*k] {
		kernel.Axpy(s.gates[li][i*k+j], s.down[slot*d:(slot+1)*d], s.x[i*d:(i+1)*d])
	}
}
