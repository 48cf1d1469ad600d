package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// format is one way in which the weights of a matrix lie in memory.
type format struct {
	name  string
	doc   string // of an element
	float bool   // a group is one vector of numbers, else it is a block
	fused bool   // has kernels that multiply without writing the converted weights first
	len   int    // elements of a block, 1 for numbers
	size  int    // bytes of a block
	// widen reads the group at m and gives its vectors of float32, in order.
	widen func(c *asm, w width, m Mem, give func(i int, v reg.VecVirtual))
}

// group is the number of elements read together.
func (f format) group(w width) int {
	if f.float {
		return w.lanes
	}
	return f.len
}

// bytes is the size of a group.
func (f format) bytes(w width) int { return f.group(w) / f.len * f.size }

// nonlinear and e2m1 are the tables of the same names in package tensor.
var (
	nonlinear = []int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}
	e2m1      = []int8{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}
)

var formats = []format{
	{"F32", "a float32", true, false, 1, 4, func(c *asm, w width, m Mem, give func(int, reg.VecVirtual)) {
		v := w.reg(c)
		c.VMOVUPS(m, v)
		give(0, v)
	}},
	{"F16", "a half-precision float", true, true, 1, 2, func(c *asm, w width, m Mem, give func(int, reg.VecVirtual)) {
		v := w.reg(c)
		c.VCVTPH2PS(m, v)
		give(0, v)
	}},
	{"BF16", "the upper half of a float32", true, true, 1, 2, func(c *asm, w width, m Mem, give func(int, reg.VecVirtual)) {
		v := w.reg(c)
		c.VPMOVZXWD(m, v)
		c.VPSLLD(Imm(16), v, v)
		give(0, v)
	}},
	{"Q8", "of Q8_0, see tensor.Dequantize", false, true, 32, 34, func(c *asm, w width, m Mem, give func(int, reg.VecVirtual)) {
		d := c.half(w, m, true)
		for i := range 32 / w.lanes {
			v := w.reg(c)
			c.VPMOVSXBD(m.Offset(2+w.lanes*i), v)
			c.VCVTDQ2PS(v, v)
			c.VMULPS(d, v, v)
			give(i, v)
		}
	}},
	{"Q4", "of Q4_0, see tensor.Dequantize", false, true, 32, 18, func(c *asm, w width, m Mem, give func(int, reg.VecVirtual)) {
		d := c.half(w, m, true)
		if w.lanes == 16 {
			c.VMULPS(c.float("less8", func(i int) float32 { return float32(i - 8) }), d, d)
			c.pick(d, m.Offset(2), give)
			return
		}
		c.nibbles(w, m.Offset(2), func(i int, v reg.VecVirtual) {
			c.VPADDD(c.all(w, "minus8", 1<<32-8), v, v)
			c.VCVTDQ2PS(v, v)
			c.VMULPS(d, v, v)
			give(i, v)
		})
	}},
	{"Q4x1", "of Q4_1, see tensor.Dequantize", false, true, 32, 20, func(c *asm, w width, m Mem, give func(int, reg.VecVirtual)) {
		d, low := c.half(w, m, true), c.half(w, m.Offset(2), true)
		if w.lanes == 16 {
			c.VFMADD132PS(c.float("count", func(i int) float32 { return float32(i) }), low, d)
			c.pick(d, m.Offset(4), give)
			return
		}
		c.nibbles(w, m.Offset(4), func(i int, v reg.VecVirtual) {
			c.VCVTDQ2PS(v, v)
			c.VFMADD213PS(low, d, v)
			give(i, v)
		})
	}},
	{"Q5", "of Q5_0, see tensor.Dequantize", false, true, 32, 22, func(c *asm, w width, m Mem, give func(int, reg.VecVirtual)) {
		d := c.half(w, m, true)
		c.fifths(w, m.Offset(2), m.Offset(6), func(i int, v reg.VecVirtual) {
			c.VPADDD(c.all(w, "minus16", 1<<32-16), v, v)
			c.VCVTDQ2PS(v, v)
			c.VMULPS(d, v, v)
			give(i, v)
		})
	}},
	{"Q5x1", "of Q5_1, see tensor.Dequantize", false, true, 32, 24, func(c *asm, w width, m Mem, give func(int, reg.VecVirtual)) {
		d, low := c.half(w, m, true), c.half(w, m.Offset(2), true)
		c.fifths(w, m.Offset(4), m.Offset(8), func(i int, v reg.VecVirtual) {
			c.VCVTDQ2PS(v, v)
			c.VFMADD213PS(low, d, v)
			give(i, v)
		})
	}},
	{"IQ4NL", "of IQ4_NL, see tensor.Dequantize", false, true, 32, 18, func(c *asm, w width, m Mem, give func(int, reg.VecVirtual)) {
		d := c.half(w, m, true)
		if w.lanes == 16 {
			c.VMULPS(c.float("nonlinear16", func(i int) float32 { return float32(nonlinear[i]) }), d, d)
			c.pick(d, m.Offset(2), give)
			return
		}
		c.lookup(w, "nonlinear", nonlinear, m.Offset(2), func(i int, v reg.VecVirtual) {
			c.VMULPS(d, v, v)
			give(i, v)
		})
	}},
	{"MXFP4", "of MXFP4, see tensor.Dequantize", false, true, 32, 17, func(c *asm, w width, m Mem, give func(int, reg.VecVirtual)) {
		// 2^(e-128) is a float32 with exponent field e-1, or 2^-128 and 2^-127, which have none
		e, bits := c.GP32(), c.GP32()
		c.MOVBLZX(m, e)
		c.LEAL(Mem{Base: e, Disp: -1}, bits)
		c.SHLL(Imm(23), bits)
		small := c.GP32()
		c.MOVL(U32(0x00200000), small)
		twice := c.GP32()
		c.MOVL(U32(0x00400000), twice)
		c.CMPL(e, Imm(1))
		c.CMOVLEQ(twice, bits)
		c.CMPL(e, Imm(0))
		c.CMOVLEQ(small, bits)
		d := w.reg(c)
		c.VMOVD(bits, d.AsX())
		c.VBROADCASTSS(d.AsX(), d)
		if w.lanes == 16 {
			c.VMULPS(c.float("e2m1x16", func(i int) float32 { return float32(e2m1[i]) }), d, d)
			c.pick(d, m.Offset(1), give)
			return
		}
		c.lookup(w, "e2m1", e2m1, m.Offset(1), func(i int, v reg.VecVirtual) {
			c.VMULPS(d, v, v)
			give(i, v)
		})
	}},
	{"Q4K", "of Q4_K, see tensor.Dequantize", false, true, 256, 144, func(c *asm, w width, m Mem, give func(int, reg.VecVirtual)) {
		scale, minimum := c.scalesMinima(m)
		if w.lanes == 16 {
			c.parts4(scale, minimum, m.Offset(16), give)
			return
		}
		for j := range 8 {
			s, low := c.lane(w, scale, j), c.lane(w, minimum, j)
			for i := range 32 / w.lanes {
				v := w.reg(c)
				c.VPMOVZXBD(m.Offset(16+j/2*32+w.lanes*i), v)
				if j%2 == 1 {
					c.VPSRLD(Imm(4), v, v)
				}
				c.and(w, c.all(w, "low4", 15), v)
				c.VCVTDQ2PS(v, v)
				c.VFMSUB213PS(low, s, v)
				give(j*32/w.lanes+i, v)
			}
		}
	}},
	{"Q5K", "of Q5_K, see tensor.Dequantize", false, true, 256, 176, func(c *asm, w width, m Mem, give func(int, reg.VecVirtual)) {
		scale, minimum := c.scalesMinima(m)
		for j := range 8 {
			s, low := c.lane(w, scale, j), c.lane(w, minimum, j)
			for i := range 32 / w.lanes {
				v, high := w.reg(c), w.reg(c)
				c.VPMOVZXBD(m.Offset(48+j/2*32+w.lanes*i), v)
				if j%2 == 1 {
					c.VPSRLD(Imm(4), v, v)
				}
				c.and(w, c.all(w, "low4", 15), v)
				c.VPMOVZXBD(m.Offset(16+w.lanes*i), high)
				if j < 4 {
					c.VPSLLD(Imm(uint64(4-j)), high, high)
				} else if j > 4 {
					c.VPSRLD(Imm(uint64(j-4)), high, high)
				}
				c.and(w, c.all(w, "bit4", 16), high)
				c.VPADDD(high, v, v)
				c.VCVTDQ2PS(v, v)
				c.VFMSUB213PS(low, s, v)
				give(j*32/w.lanes+i, v)
			}
		}
	}},
	{"Q6K", "of Q6_K, see tensor.Dequantize", false, true, 256, 210, func(c *asm, w width, m Mem, give func(int, reg.VecVirtual)) {
		d := c.half(w, m.Offset(208), false)
		for i := range 256 / w.lanes {
			at := i * w.lanes
			h, r := at/128, at%128
			v, high, s := w.reg(c), w.reg(c), w.reg(c)
			c.VPMOVZXBD(m.Offset(h*64+r%64), v)
			if r >= 64 {
				c.VPSRLD(Imm(4), v, v)
			}
			c.and(w, c.all(w, "low4", 15), v)
			c.VPMOVZXBD(m.Offset(128+h*32+r%32), high)
			switch r / 32 {
			case 0:
				c.VPSLLD(Imm(4), high, high)
			case 1:
				c.VPSLLD(Imm(2), high, high)
			case 3:
				c.VPSRLD(Imm(2), high, high)
			}
			c.and(w, c.all(w, "bits45", 48), high)
			c.VPADDD(high, v, v)
			c.VPADDD(c.all(w, "minus32", 1<<32-32), v, v)
			c.VCVTDQ2PS(v, v)
			k := c.GP32()
			c.MOVBLSX(m.Offset(192+at/16), k)
			c.VMOVD(k, s.AsX())
			c.VCVTDQ2PS(s.AsX(), s.AsX())
			c.VBROADCASTSS(s.AsX(), s)
			c.VMULPS(d, s, s)
			c.VMULPS(s, v, v)
			give(i, v)
		}
	}},
}
