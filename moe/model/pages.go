package model

import "moebot/moe/kernel"

// pager is a Source whose tensors the system reads from a disk as they are used, and
// may forget again, so that a model can be larger than memory.
type pager interface {
	// Need has the system begin to read a part of a tensor's data; it does not wait.
	Need(data []byte)
	// Faults is how often the program has waited for such reading until now.
	Faults() int64
}

// announced is for how many passes after the last that waited for a disk experts are
// announced. Announcing what is in memory already costs a large model about a tenth
// of its speed, and when all is announced, nothing waits.
const announced = 64

// watch looks whether the last pass waited for a disk.
func (s *Scratch) watch() {
	if s.m.pager == nil || s.NoAdvice {
		return
	}
	if n := s.m.pager.Faults(); n != s.faults {
		s.faults, s.announce = n, announced
	} else if s.announce > 0 {
		s.announce--
	}
}

// need announces the chosen experts of a layer, so that the disk has them all to
// read and not one page after the other: first what is used first.
func (m *Model) need(s *Scratch, li int) {
	if s.announce == 0 {
		return
	}
	l := &m.layers[li]
	each := func(matrix func(*expert) kernel.Matrix) {
		for e := range l.experts {
			if s.offset[e+1] > s.offset[e] {
				m.pager.Need(matrix(&l.experts[e]).Data)
			}
		}
	}
	each(func(e *expert) kernel.Matrix { return e.gate.Matrix })
	each(func(e *expert) kernel.Matrix { return e.up.Matrix })
	each(func(e *expert) kernel.Matrix { return e.down.Matrix })
}
