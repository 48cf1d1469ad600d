package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func attentionFile(c *asm) {
	rope(c)
	weightedSum(c)
}

func rope(c *asm) {
	c.declare("ropeAVX2", "func(x, cos, sin *float32, n int)",
		"ropeAVX2 rotates n pairs, n > 0 and a multiple of 4: with a = x[2i] and b = x[2i+1],",
		"x[2i] = a·cos[i] - b·sin[i] and x[2i+1] = b·cos[i] + a·sin[i].")
	p := c.args("x", "cos", "sin", "n")
	twice := c.YMM() // copies elements 0 and 1 twice in the lower half, 2 and 3 in the upper
	c.VMOVUPS(c.words("twice", 8, func(i int) uint32 { return uint32(i / 2) }), twice)
	x, swapped, cos, sin := c.YMM(), c.YMM(), c.YMM(), c.YMM()
	c.Label("loop")
	c.VMOVUPS(Mem{Base: p[0]}, x)
	c.VBROADCASTF128(Mem{Base: p[1]}, cos)
	c.VBROADCASTF128(Mem{Base: p[2]}, sin)
	c.VPERMILPS(twice, cos, cos)
	c.VPERMILPS(twice, sin, sin)
	c.VPERMILPS(Imm(0b10110001), x, swapped)
	c.VMULPS(swapped, sin, sin)
	c.VFMADDSUB213PS(sin, cos, x)
	c.VMOVUPS(x, Mem{Base: p[0]})
	c.ADDQ(Imm(32), p[0])
	c.ADDQ(Imm(16), p[1])
	c.ADDQ(Imm(16), p[2])
	c.SUBQ(Imm(4), p[3])
	c.JNZ(LabelRef("loop"))
	c.end()
}

// weightedSum keeps 64, then 8 columns of the sum in registers while it goes down
// the rows.
func weightedSum(c *asm) {
	c.declare("weightedSumAVX2", "func(dst *float32, cols int, p *float32, n int, v *float32, ldv int)",
		"weightedSumAVX2 adds rows: dst[j] = Σ p[i]·v[i·ldv+j], i in [0,n), n > 0,",
		"j in [0,cols), cols > 0 and a multiple of 8.")
	a := c.args("dst", "cols", "p", "n", "v", "ldv")
	dst, cols, p, n, v, ldv := a[0], a[1], a[2], a[3], a[4], a[5]
	c.SHLQ(Imm(2), ldv)
	pass := func(vectors int) {
		acc := make([]reg.VecVirtual, vectors)
		for i := range acc {
			acc[i] = c.YMM()
			c.VXORPS(acc[i], acc[i], acc[i])
		}
		row, i, w := c.GP64(), c.GP64(), c.YMM()
		loop := c.label("rows")
		c.MOVQ(v, row)
		c.XORQ(i, i)
		c.Label(loop)
		c.VBROADCASTSS(Mem{Base: p, Index: i, Scale: 4}, w)
		for j := range acc {
			c.VFMADD231PS(Mem{Base: row, Disp: 32 * j}, w, acc[j])
		}
		c.ADDQ(ldv, row)
		c.INCQ(i)
		c.CMPQ(i, n)
		c.JL(LabelRef(loop))
		for j := range acc {
			c.VMOVUPS(acc[j], Mem{Base: dst, Disp: 32 * j})
		}
		c.ADDQ(U32(32*vectors), v)
		c.ADDQ(U32(32*vectors), dst)
		c.SUBQ(Imm(uint64(8*vectors)), cols)
	}
	c.SUBQ(Imm(64), cols)
	c.JL(LabelRef("narrow"))
	c.Label("wide")
	pass(8)
	c.JGE(LabelRef("wide"))
	c.Label("narrow")
	c.ADDQ(Imm(64), cols)
	c.JZ(LabelRef("done"))
	c.Label("eight")
	pass(1)
	c.JNZ(LabelRef("eight"))
	c.Label("done")
	c.end()
}
