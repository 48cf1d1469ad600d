package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func dotFile(c *asm) {
	dot(c)
	c.declare("axpyAVX2", "func(a float32, x, y *float32, n int)",
		"axpyAVX2 adds a multiple: y[i] += a·x[i], i in [0,n).")
	a := c.broadcast("a")
	p := c.args("x", "y", "n")
	c.each(p[2], func(v *vectors) {
		y := v.load(p[1])
		c.VFMADD231PS(v.load(p[0]), a, y)
		v.store(y, p[1])
	})
	c.end()
}

// dot sums in four registers, as the latency of an addition is four times longer
// than the time between two loads.
func dot(c *asm) {
	c.declare("dotAVX2", "func(x, y *float32, n int) float32",
		"dotAVX2 returns Σ x[i]·y[i], i in [0,n).")
	p := c.args("x", "y", "n")
	x, y, n := p[0], p[1], p[2]
	var acc [4]reg.VecVirtual
	for i := range acc {
		acc[i] = c.YMM()
		c.VXORPS(acc[i], acc[i], acc[i])
	}
	c.SUBQ(Imm(32), n)
	c.JL(LabelRef("short"))
	c.Label("wide")
	for i := range acc {
		t := c.YMM()
		c.VMOVUPS(Mem{Base: x, Disp: 32 * i}, t)
		c.VFMADD231PS(Mem{Base: y, Disp: 32 * i}, t, acc[i])
	}
	c.ADDQ(U32(128), x)
	c.ADDQ(U32(128), y)
	c.SUBQ(Imm(32), n)
	c.JGE(LabelRef("wide"))
	c.Label("short")
	c.ADDQ(Imm(32), n)
	c.each(n, func(v *vectors) {
		c.VFMADD231PS(v.load(x), v.load(y), acc[0])
	})
	c.VADDPS(acc[1], acc[0], acc[0])
	c.VADDPS(acc[3], acc[2], acc[2])
	c.VADDPS(acc[2], acc[0], acc[0])
	c.result(c.fold(acc[0], c.VADDPS))
}
