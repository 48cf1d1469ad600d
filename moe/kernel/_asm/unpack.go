package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// half broadcasts the half-precision number at m as a float32. There must be 6 more bytes
// after it, or spare is false.
func (c *asm) half(w width, m Mem, spare bool) reg.VecVirtual {
	d := w.reg(c)
	if spare {
		c.VCVTPH2PS(m, d.AsX())
	} else {
		c.VPBROADCASTW(m, d.AsX())
		c.VCVTPH2PS(d.AsX(), d.AsX())
	}
	c.VBROADCASTSS(d.AsX(), d)
	return d
}

// spread fills a register with the float32 at m.
func (c *asm) spread(w width, m Mem) reg.VecVirtual {
	v := w.reg(c)
	c.VBROADCASTSS(m, v)
	return v
}

// all is a constant in every lane.
func (c *asm) all(w width, name string, v uint32) Mem {
	if w.lanes == 16 {
		name += "x16"
	}
	return c.words(name, w.lanes, func(int) uint32 { return v })
}

// and keeps the bits of v that mask has.
func (c *asm) and(w width, mask Op, v reg.VecVirtual) {
	if w.lanes == 16 {
		c.VPANDD(mask, v, v)
	} else {
		c.VPAND(mask, v, v)
	}
}

// flip changes the sign of every lane.
func (c *asm) flip(w width, v reg.VecVirtual) {
	sign := c.all(w, "signs", 1<<31)
	if w.lanes == 16 {
		c.VPXORD(sign, v, v)
	} else {
		c.VXORPS(sign, v, v)
	}
}

// pick returns the entries of a table of 16 float32 that the low 4 bits of bytes name, for
// the 32 halves of 16 bytes: the low ones, then the high ones. For registers of 16
// lanes, where it takes one instruction.
func (c *asm) pick(table reg.VecVirtual, m Mem) []vector {
	bytes := c.ZMM()
	c.VPMOVZXBD(m, bytes)
	return []vector{
		func() reg.VecVirtual {
			v := c.ZMM()
			c.VPERMPS(table, bytes, v)
			return v
		},
		func() reg.VecVirtual {
			v := c.ZMM()
			c.VPSRLD(Imm(4), bytes, v)
			c.VPERMPS(table, v, v)
			return v
		},
	}
}

// pick32 is pick with tables of 32: the upper entries are for numbers whose fifth bit, in a
// word at high, is set. held[2:5] are pick32Held.
func (c *asm) pick32(lower, upper reg.VecVirtual, high, m Mem) (out []vector) {
	bytes := c.ZMM()
	c.VPMOVZXBD(m, bytes)
	for i := range 2 {
		out = append(out, func() reg.VecVirtual {
			q, v := bytes, c.ZMM()
			c.VPBROADCASTD(high, v)
			c.VPRORVD(c.held[3+i], v, v)
			if i == 1 {
				q = c.ZMM()
				c.VPSRLD(Imm(4), bytes, q)
			}
			c.VPTERNLOGD(U8(0xd8), c.held[2], q, v) // the low 4 bits from q, the fifth from v, the others do not matter
			c.VPERMI2PS(upper, lower, v)
			return v
		})
	}
	return out
}

// pick32Held are a mask of 4 bits, and how far right to turn a word so that the bits of the
// first 16 elements, or of the last, come to be the fifth.
var pick32Held = []func(int) uint32{
	func(int) uint32 { return 15 },
	func(i int) uint32 { return uint32(i+28) % 32 },
	func(i int) uint32 { return uint32(i + 12) },
}

// lookup returns the entries of a table, times the number that d loads, that the 32 indexes
// of 16 bytes name.
func (c *asm) lookup(w width, name string, table []int8, m Mem, d func() reg.VecVirtual) []vector {
	if w.lanes == 16 {
		scaled := d()
		c.VMULPS(c.held[0], scaled, scaled)
		return c.pick(scaled, m)
	}
	return c.times(func(scale *reg.VecVirtual) reg.VecVirtual {
		*scale = d()
		return c.entries(name, table, c.nibbles(m))
	})
}

// power is 2^(e-128) for the byte e at m: a float32 with the exponent field e-1, but for
// 2^-128 and 2^-127, which have none.
func (c *asm) power(w width, m Mem) reg.VecVirtual {
	e, bits := c.GP32(), c.GP32()
	c.MOVBLZX(m, e)
	c.LEAL(Mem{Base: e, Disp: -1}, bits)
	c.SHLL(Imm(23), bits)
	for _, small := range []struct {
		e    uint64
		bits uint32
	}{{1, 0x00400000}, {0, 0x00200000}} {
		r := c.GP32()
		c.MOVL(U32(small.bits), r)
		c.CMPL(e, Imm(small.e))
		c.CMOVLEQ(r, bits)
	}
	d := w.reg(c)
	c.VMOVD(bits, d.AsX())
	c.VBROADCASTSS(d.AsX(), d)
	return d
}

// scalesMinima returns, in memory, the 8 scales and the 8 minima of the parts of a Q4_K or Q5_K
// block, times d and -dmin, as tensor.scaleMin unpacks them.
func (c *asm) scalesMinima(m Mem) (scale, minimum Mem) {
	first, second, third := c.GP64(), c.GP64(), c.GP64()
	c.MOVL(m.Offset(4), first.As32())
	c.MOVL(m.Offset(8), second.As32())
	c.MOVL(m.Offset(12), third.As32())
	unpack := func(lowWord reg.GPVirtual, shift uint64, d Mem, negate bool) Mem {
		// bytes 0-3 are the low 6 bits of a word; 4-7 have 4 bits of the third and,
		// above them, the high 2 of the word
		lo, hi, two := c.GP64(), c.GP64(), c.GP64()
		c.MOVL(lowWord.As32(), lo.As32())
		c.ANDL(U32(0x3f3f3f3f), lo.As32())
		c.MOVL(third.As32(), hi.As32())
		if shift > 0 {
			c.SHRL(Imm(shift), hi.As32())
		}
		c.ANDL(U32(0x0f0f0f0f), hi.As32())
		c.MOVL(lowWord.As32(), two.As32())
		c.SHRL(Imm(2), two.As32())
		c.ANDL(U32(0x30303030), two.As32())
		c.ORL(two.As32(), hi.As32())
		c.SHLQ(Imm(32), hi)
		c.ORQ(hi, lo)
		v, f := c.YMM(), c.half(avx2, d, true)
		c.VMOVQ(lo, v.AsX())
		c.VPMOVZXBD(v.AsX(), v)
		c.VCVTDQ2PS(v, v)
		c.VMULPS(f, v, v)
		if negate {
			c.flip(avx2, v)
		}
		slots := c.AllocLocal(32)
		c.VMOVUPS(v, slots)
		return slots
	}
	return unpack(first, 0, m, false), unpack(second, 4, m.Offset(2), true)
}

// parts returns the weights of a Q4_K or Q5_K block at block, whose 128 bytes of 4 bits are
// at m; for Q5_K the 32 bytes of fifth bits are at high.
func (c *asm) parts(w width, block, m Mem, high *Mem) (out []vector) {
	scale, minimum := c.scalesMinima(block)
	if w.lanes == 16 {
		return c.tabled(scale, minimum, m, high)
	}
	for j := range 8 {
		out = append(out, c.timesPlus(func(d, low *reg.VecVirtual) reg.VecVirtual {
			*d, *low = c.spread(w, scale.Offset(4*j)), c.spread(w, minimum.Offset(4*j))
			b := c.fields(m.Offset(j/2*32), j%2*-4, 15)
			if high != nil {
				c.VPOR(c.fields(*high, 4-j, 16), b, b)
			}
			return b
		})...)
	}
	return out
}

// tabled is parts for registers of 16 lanes: each part of 32 has a table of its values.
// Two parts of Q4_K share their bytes; Q5_K leaves no registers to keep them.
func (c *asm) tabled(scale, minimum, m Mem, high *Mem) (out []vector) {
	var bytes [2]reg.VecVirtual
	var table, upper reg.VecVirtual // upper: the values with the fifth bit
	for at := range 16 {
		j, i := at/2, at%2
		out = append(out, func() reg.VecVirtual {
			if i == 0 {
				table = c.spread(avx512, scale.Offset(4*j))
				if high != nil {
					upper = c.ZMM()
					c.VMOVAPS(table, upper)
					c.VFMADD213PS_BCST(minimum.Offset(4*j), c.held[1], upper)
				}
				c.VFMADD213PS_BCST(minimum.Offset(4*j), c.held[0], table)
			}
			v, from := c.ZMM(), m.Offset(j/2*32+16*i)
			if high == nil {
				if j%2 == 0 {
					bytes[i] = c.ZMM()
					c.VPMOVZXBD(from, bytes[i])
					c.VPERMPS(table, bytes[i], v)
				} else {
					c.VPSRLD(Imm(4), bytes[i], v)
					c.VPERMPS(table, v, v)
				}
				return v
			}
			c.VPMOVZXBD(high.Offset(16*i), v)
			c.shift(4-j, v, v)
			q := c.ZMM()
			c.VPMOVZXBD(from, q)
			if j%2 == 1 {
				c.VPSRLD(Imm(4), q, q)
			}
			c.VPTERNLOGD(U8(0xd8), c.held[2], q, v) // the low 4 bits from q, the fifth from v, the others do not matter
			c.VPERMI2PS(upper, table, v)
			return v
		})
	}
	return out
}

// shift moves the bits of v by n, to the left if it is positive.
func (c *asm) shift(n int, v, to reg.VecVirtual) {
	switch {
	case n > 0:
		c.VPSLLD(Imm(uint64(n)), v, to)
	case n < 0:
		c.VPSRLD(Imm(uint64(-n)), v, to)
	case v != to && v.Size() == 64:
		c.VMOVDQA32(v, to)
	}
}
