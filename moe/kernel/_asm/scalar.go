package main

import . "github.com/mmcloughlin/avo/operand"

func scalarFile(c *asm) {
	c.declare("maxAVX2", "func(x *float32, n int) float32",
		"maxAVX2 returns the largest of x[0..n), n > 0; NaN may be passed over.")
	p := c.args("x", "n")
	m := c.YMM()
	c.VBROADCASTSS(Mem{Base: p[0]}, m)
	c.each(p[1], func(v *vectors) {
		x := v.load(p[0])
		if v.mask != nil { // what is missing must not count as 0
			c.VBLENDVPS(v.mask, x, m, x)
		}
		c.VMAXPS(x, m, m)
	})
	c.result(c.fold(m, c.VMAXPS))

	c.declare("addScalarAVX2", "func(a float32, x *float32, n int)",
		"addScalarAVX2 adds a to x[i], i in [0,n).")
	a := c.broadcast("a")
	p = c.args("x", "n")
	c.each(p[1], func(v *vectors) {
		x := v.load(p[0])
		c.VADDPS(a, x, x)
		v.store(x, p[0])
	})
	c.end()

	c.declare("scaleAVX2", "func(a float32, x *float32, n int)",
		"scaleAVX2 multiplies x[i] by a, i in [0,n).")
	a = c.broadcast("a")
	p = c.args("x", "n")
	c.each(p[1], func(v *vectors) {
		x := v.load(p[0])
		c.VMULPS(a, x, x)
		v.store(x, p[0])
	})
	c.end()
}
