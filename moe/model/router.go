package model

import "math"

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
