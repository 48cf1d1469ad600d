package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func attentionFile(c *asm) {
	rope(c)
	weightedSums(c)
	narrowHalf(c)
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

// weightedSums are the kernels for each type of values, width of registers, number of
// columns and number of heads that share the loads, as the registers allow.
func weightedSums(c *asm) {
	for _, f := range formats {
		if f.name != "F32" && f.name != "F16" && f.name != "Q8" {
			continue
		}
		for _, w := range []width{avx2, avx512} {
			for _, cols := range []int{32, 64} {
				for _, heads := range []int{1, 2, 4} {
					if cols/w.lanes*heads <= w.lanes { // 8 sums of 16 registers, or 16 of 32
						weightedSum(c, f, w, cols, heads)
					}
				}
			}
		}
	}
}

// weightedSum keeps the columns of the sums in registers while it goes down the rows.
func weightedSum(c *asm, f format, w width, cols, heads int) {
	name := fmt.Sprintf("weightedSum%sc%dx%d%s", f.name, cols, heads, w.suffix)
	c.declare(name, "func(dst *float32, ldd int, p *float32, ldp int, n int, v *byte, stride int)",
		fmt.Sprintf("%s adds n > 0 rows of %d values, stride bytes apart, to the sums of", name, cols),
		fmt.Sprintf("%d heads: dst[h·ldd+j] += Σ p[h·ldp+i]·v[i,j], i in [0,n); a value is %s.", heads, f.doc))
	a := c.args("dst", "ldd", "p", "ldp", "n", "v", "stride")
	dst, ldd, p, ldp, n, v, stride := a[0], a[1], a[2], a[3], a[4], a[5], a[6]
	c.SHLQ(Imm(2), ldd)
	c.SHLQ(Imm(2), ldp)
	ldp3 := c.GP64()
	c.LEAQ(Mem{Base: ldp, Index: ldp, Scale: 2}, ldp3)
	acc := make([][]reg.VecVirtual, heads)
	row := c.GP64()
	each := func(do func(h, i int, m Mem)) {
		c.MOVQ(dst, row)
		for h := range acc {
			for i := range cols / w.lanes {
				do(h, i, Mem{Base: row, Disp: 4 * w.lanes * i})
			}
			if h+1 < heads {
				c.ADDQ(ldd, row)
			}
		}
	}
	each(func(h, _ int, m Mem) {
		r := w.reg(c)
		c.VMOVUPS(m, r)
		acc[h] = append(acc[h], r)
	})
	group := f.group(w)
	c.held = nil
	c.Label("rows")
	weights := make([]reg.VecVirtual, heads)
	for h := range weights {
		weights[h] = w.reg(c)
		c.VBROADCASTSS(multiple(p, ldp, ldp3, h), weights[h])
	}
	for g := range cols / group {
		for k, value := range f.unpack(c, w, Mem{Base: v, Disp: g * f.bytes(w)}) {
			x := value()
			for h := range acc {
				c.VFMADD231PS(x, weights[h], acc[h][g*group/w.lanes+k])
			}
		}
	}
	c.ADDQ(Imm(4), p)
	c.ADDQ(stride, v)
	c.DECQ(n)
	c.JNZ(LabelRef("rows"))
	each(func(h, i int, m Mem) { c.VMOVUPS(acc[h][i], m) })
	c.end()
}

func narrowHalf(c *asm) {
	c.declare("narrowF16AVX2", "func(dst *byte, x *float32, n int)",
		"narrowF16AVX2 writes n numbers, n > 0 and a multiple of 8, as half-precision floats,",
		"rounded to the nearest, ties to even.")
	p := c.args("dst", "x", "n")
	v := c.YMM()
	c.Label("loop")
	c.VMOVUPS(Mem{Base: p[1]}, v)
	c.VCVTPS2PH(Imm(0), v, Mem{Base: p[0]})
	c.ADDQ(Imm(16), p[0])
	c.ADDQ(Imm(32), p[1])
	c.SUBQ(Imm(8), p[2])
	c.JNZ(LabelRef("loop"))
	c.end()
}
