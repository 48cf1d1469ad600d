package main

import "github.com/mmcloughlin/avo/reg"

// width is a size of vector registers.
type width struct {
	lanes  int    // float32 numbers of a vector
	suffix string // of function names: the instruction set
	tokens int    // vectors that 4 rows are multiplied with at once, as the registers allow
}

var (
	avx2   = width{8, "AVX2", 3}
	avx512 = width{16, "AVX512", 6}
	bf16   = width{16, "BF16", 0} // AVX-512 with numbers in bfloat16, two to a lane
)

// reg allocates a vector register.
func (w width) reg(c *asm) reg.VecVirtual {
	if w.lanes == 16 {
		return c.ZMM()
	}
	return c.YMM()
}

// zero allocates a vector register with nothing but zeros in it.
func (c *asm) zero(w width) reg.VecVirtual {
	v := w.reg(c)
	c.clear(w, v)
	return v
}

// clear makes a vector register zero.
func (c *asm) clear(w width, v reg.Register) {
	if w.lanes == 16 {
		c.VPXORD(v, v, v)
	} else {
		c.VXORPS(v, v, v)
	}
}
