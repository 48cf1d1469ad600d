package main

import (
	"math"

	"github.com/mmcloughlin/avo/reg"
)

func siluFile(c *asm) {
	c.declare("siluMulAVX2", "func(dst, gate, up *float32, n int)",
		"siluMulAVX2 writes dst[i] = gate[i] / (1 + exp(-gate[i])) · up[i], i in [0,n).")
	p := c.args("dst", "gate", "up", "n")
	c.each(p[3], func(v *vectors) {
		z := v.load(p[1])
		s := c.sigmoid8(z)
		c.VMULPS(z, s, s)
		c.VMULPS(v.load(p[2]), s, s)
		v.store(s, p[0])
	})
	c.end()

	c.declare("siluMulBackwardAVX2", "func(dgate, dup, gate, up, dout *float32, n int)",
		"siluMulBackwardAVX2 is the gradient of siluMulAVX2, with s = 1 / (1 + exp(-gate[i])):",
		"dup[i] = dout[i]·gate[i]·s, dgate[i] = dout[i]·up[i]·s·(1 + gate[i]·(1-s)), i in [0,n).")
	p = c.args("dgate", "dup", "gate", "up", "dout", "n")
	c.each(p[5], func(v *vectors) {
		z := v.load(p[2])
		s := c.sigmoid8(z)
		d, u, t := v.load(p[4]), v.load(p[3]), c.YMM()
		c.VMULPS(s, d, d)
		c.VMULPS(d, u, u)
		c.VMULPS(z, d, d)
		v.store(d, p[1])
		c.VMOVUPS(c.f32(1), t)
		c.VSUBPS(s, t, t)
		c.VFMADD213PS(c.f32(1), z, t)
		c.VMULPS(t, u, u)
		v.store(u, p[0])
	})
	c.end()
}

// negativeZero is only a sign bit.
var negativeZero = float32(math.Copysign(0, -1))

// sigmoid8 returns 1 / (1 + e^-z) by lanes.
func (c *asm) sigmoid8(z reg.VecVirtual) reg.VecVirtual {
	minus, one := c.YMM(), c.YMM()
	c.VXORPS(c.f32(negativeZero), z, minus)
	e := c.exp8(minus)
	c.VMOVUPS(c.f32(1), one)
	c.VADDPS(one, e, e)
	c.VDIVPS(e, one, e)
	return e
}
