package model

import "moebot/moe/kernel"

// ffn adds to the residual stream, for each token, the weighted outputs of the
// experts that its router chose and of the one that sees every token, or of the one
// dense FFN.
func (m *Model) ffn(s *Scratch, li int) {
	l, n := &m.layers[li], len(s.batch)
	d, f := m.Config.Dim, l.hidden
	s.rows(opFFNNorm, li)
	if l.router.Rows > 0 {
		s.add(s.router, l.router.Rows, l.router.Matrix, s.norm, d, n)
		s.run()
		if b := l.router.bias; b != nil {
			for i := range n {
				kernel.Axpy(1, b, s.router[i*len(b):(i+1)*len(b)])
			}
		}
		s.see(AtRouter, li, s.router, l.router.Rows)
	}
	m.route(s, li)
	m.need(s, li)
	// Inputs in slot order: the tokens of one expert lie together. One token needs no copy.
	x := s.xe
	if n == 1 {
		x = s.norm
	} else {
		s.rows(opGather, li)
	}
	for e := range l.experts {
		lo, hi := s.offset[e], s.offset[e+1]
		if lo == hi {
			continue
		}
		in := x
		if n > 1 {
			in = x[lo*d:]
		}
		s.add(s.gate[lo*f:], f, l.experts[e].gate.Matrix, in, d, hi-lo)
		s.add(s.up[lo*f:], f, l.experts[e].up.Matrix, in, d, hi-lo)
	}
	if l.shared != nil {
		w := l.shared.gate.Rows
		s.add(s.sharedGate, w, l.shared.gate.Matrix, s.norm, d, n)
		s.add(s.sharedUp, w, l.shared.up.Matrix, s.norm, d, n)
	}
	s.run()
	s.rows(opSwiGLU, li)
	s.seeSlots(AtNeurons, li, s.gate, f)
	for e := range l.experts {
		if lo, hi := s.offset[e], s.offset[e+1]; hi > lo {
			s.add(s.down[lo*d:], d, l.experts[e].down.Matrix, s.gate[lo*f:], f, hi-lo)
		}
	}
	if l.shared != nil {
		s.add(s.sharedDown, d, l.shared.down.Matrix, s.sharedGate, l.shared.gate.Rows, n)
	}
	s.run()
	s.seeSlots(AtExperts, li, s.down, d)
	s.rows(opCombine, li)
}

// gather copies token i's normalised state to its slots.
func (m *Model) gather(s *Scratch, li, i int) {
	d, k := m.Config.Dim, m.active(li)
	for _, slot := range s.slot[i*k : (i+1)*k] {
		copy(s.xe[slot*d:(slot+1)*d], s.norm[i*d:(i+1)*d])
	}
}

// activate turns gate and up projections into the inputs of the down projections:
// those of the slots with the same numbers as token i's choices, and token i's of
// the shared expert. One by one: a vector's end is computed in another way than its
// middle.
func (m *Model) activate(s *Scratch, li, i int) {
	l := &m.layers[li]
	k, f := m.active(li), l.hidden
	for j := i * k; j < (i+1)*k; j++ {
		gate, up := s.gate[j*f:(j+1)*f], s.up[j*f:(j+1)*f]
		if e := &l.experts[s.owner[j]]; e.gate.bias != nil || e.up.bias != nil {
			addBias(gate, e.gate.bias)
			addBias(up, e.up.bias)
		}
		if m.Config.Clamped {
			clampedSwiGLU(gate, up)
		} else {
			kernel.SiLUMul(gate, gate, up)
		}
	}
	if l.shared != nil {
		w := l.shared.gate.Rows
		gate := s.sharedGate[i*w : (i+1)*w]
		kernel.SiLUMul(gate, gate, s.sharedUp[i*w:(i+1)*w])
	}
}

// clampedSwiGLU overwrites gate with min(gate, 7)·sigmoid(1.702·min(gate, 7))·(1 +
// up), up kept within ±7 (OpenAI 2025, gpt-oss model card, arXiv 2508.10925, and its
// reference code).
func clampedSwiGLU(gate, up []float32) {
	const limit, steepness = 7, 1.702
	up = up[:len(gate)]
	for i, g := range gate {
		g, u := min(g, limit), max(-limit, min(up[i], limit))
		gate[i] = g * float32(sigmoid(steepness*float64(g))) * (1 + u)
	}
}

// addBias adds the bias, if there is one.
func addBias(x, bias []float32) {
	if bias != nil {
		kernel.Axpy(1, bias, x)
	}
}

// combine adds token i's expert outputs to its residual stream, best expert first.
func (m *Model) combine(s *Scratch, li, i int) {
	l, gain := &m.layers[li], float32(m.Config.ResidGain)
	d, k := m.Config.Dim, m.active(li)
	x := s.x[i*d : (i+1)*d]
	for j, slot := range s.slot[i*k : (i+1)*k] {
		down := s.down[slot*d : (slot+1)*d]
		addBias(down, l.experts[s.owner[slot]].down.bias)
		kernel.Axpy(gain*s.gates[li][i*k+j], down, x)
	}
	if l.shared == nil {
		return
	}
	if l.sharedGate != nil {
		gain *= float32(sigmoid(float64(kernel.Dot(l.sharedGate, s.norm[i*d:(i+1)*d]))))
	}
	kernel.Axpy(gain, s.sharedDown[i*d:(i+1)*d], x)
}
