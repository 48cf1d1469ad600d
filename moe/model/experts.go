package model

import "moebot/moe/kernel"

// ffn adds to the residual stream, for each token, the weighted outputs of the
// experts that its router chose, or of the one dense FFN.
func (m *Model) ffn(s *Scratch, li int) {
	c, l, n := m.Config, &m.layers[li], len(s.batch)
	d, f := c.Dim, c.Hidden
	s.rows(opFFNNorm, li)
	if c.Experts > 0 {
		s.add(s.router, c.Experts, l.router, s.norm, d, n)
		s.run()
		s.see(AtRouter, li, s.router, c.Experts)
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
	s.seeSlots(AtNeurons, li, s.gate, f)
	for e := range l.down {
		if lo, hi := s.offset[e], s.offset[e+1]; hi > lo {
			s.add(s.down[lo*d:], d, l.down[e], s.gate[lo*f:], f, hi-lo)
		}
	}
	s.run()
	s.seeSlots(AtExperts, li, s.down, d)
	s.rows(opCombine, li)
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
