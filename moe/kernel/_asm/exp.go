package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func expFile(c *asm) {
	c.declare("expSumAVX2", "func(x *float32, n int, shift float32) float32",
		"expSumAVX2 replaces x[i] by exp(x[i]-shift), i in [0,n), and returns the sum.")
	shift := c.broadcast("shift")
	p := c.args("x", "n")
	sum := c.YMM()
	c.VXORPS(sum, sum, sum)
	c.each(p[1], func(v *vectors) {
		x := v.load(p[0])
		c.VSUBPS(shift, x, x)
		y := c.exp8(x)
		v.store(y, p[0])
		if v.mask != nil {
			c.VANDPS(v.mask, y, y)
		}
		c.VADDPS(y, sum, sum)
	})
	c.result(c.fold(sum, c.VADDPS))
}

// exp8 returns e^x by lanes, as exp1 in exp.go does it: x = n·ln2 + r, a polynomial
// for e^r, and n added to its exponent.
func (c *asm) exp8(x reg.VecVirtual) reg.VecVirtual {
	n, r, p, mask := c.YMM(), c.YMM(), c.YMM(), c.YMM()
	c.VMULPS(c.f32(math.Log2E), x, n)
	c.VROUNDPS(Imm(0), n, n)
	c.VMOVAPS(x, r)
	c.VFNMADD231PS(c.f32(0.693359375), n, r)
	c.VFNMADD231PS(c.f32(-2.12194440e-4), n, r)
	c.VMOVUPS(c.f32(1.9875691500e-4), p)
	for _, k := range []float32{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1, 1} {
		c.VFMADD213PS(c.f32(k), r, p)
	}
	c.VCVTPS2DQ(n, n)
	c.VPSLLD(Imm(23), n, n)
	c.VPADDD(n, p, p)
	const less, greater = 17, 30 // ordered comparisons that raise nothing
	c.VCMPPS(Imm(less), c.f32(-87.33654), x, mask)
	c.VANDNPS(p, mask, p)
	c.VCMPPS(Imm(greater), c.f32(88.72283), x, mask)
	c.VBLENDVPS(mask, c.f32(float32(math.Inf(1))), p, p)
	return p
}
