package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// half broadcasts the half-precision number at m as a float32; spare says that there are
// 6 more bytes after it.
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

// float is a table of 16 numbers, for pick.
func (c *asm) float(name string, at func(i int) float32) Mem {
	return c.words(name, 16, func(i int) uint32 { return math.Float32bits(at(i)) })
}

// pick gives the entries of a table of 16 float32 that the low 4 bits of bytes name, for
// the 32 halves of 16 bytes: the low ones, then the high ones. For registers of 16
// lanes, where it takes one instruction.
func (c *asm) pick(table reg.VecVirtual, m Mem, give func(i int, v reg.VecVirtual)) {
	bytes, lo, hi := c.ZMM(), c.ZMM(), c.ZMM()
	c.VPMOVZXBD(m, bytes)
	c.VPERMPS(table, bytes, lo)
	give(0, lo)
	c.VPSRLD(Imm(4), bytes, hi)
	c.VPERMPS(table, hi, hi)
	give(1, hi)
}

// nibbles gives the 32 numbers of 4 bits of 16 bytes, the low halves first.
func (c *asm) nibbles(w width, m Mem, give func(i int, v reg.VecVirtual)) {
	for part := range 2 {
		for i := range 16 / w.lanes {
			v := w.reg(c)
			c.VPMOVZXBD(m.Offset(w.lanes*i), v)
			if part == 1 {
				c.VPSRLD(Imm(4), v, v)
			} else {
				c.and(w, c.all(w, "low4", 15), v)
			}
			give(part*16/w.lanes+i, v)
		}
	}
}

// fifths gives the 32 numbers of 5 bits of 16 bytes and a word with the fifth bits.
func (c *asm) fifths(w width, word, m Mem, give func(i int, v reg.VecVirtual)) {
	high := w.reg(c)
	c.VPBROADCASTD(word, high)
	c.nibbles(w, m, func(i int, v reg.VecVirtual) {
		b := w.reg(c)
		name := "shifts" + string(rune('0'+i))
		if w.lanes == 16 {
			name += "x16"
		}
		c.VPSRLVD(c.words(name, w.lanes, func(l int) uint32 { return uint32(i*w.lanes + l) }), high, b)
		c.VPSLLD(Imm(4), b, b)
		c.and(w, c.all(w, "bit4", 16), b)
		c.VPADDD(b, v, v)
		give(i, v)
	})
}

// lookup gives the entries of a table that the 32 indexes of 16 bytes name, as float32.
func (c *asm) lookup(w width, name string, table []int8, m Mem, give func(i int, v reg.VecVirtual)) {
	t := c.words(name, 4, func(i int) uint32 {
		var v uint32
		for j, b := range table[4*i : 4*i+4] {
			v |= uint32(uint8(b)) << (8 * j)
		}
		return v
	})
	mask := c.words("low4bytes", 4, func(int) uint32 { return 0x0f0f0f0f })
	tab, raw := c.XMM(), c.XMM()
	c.VMOVDQU(t, tab)
	c.VMOVDQU(m, raw)
	for part := range 2 {
		q := c.XMM()
		if part == 1 {
			c.VPSRLW(Imm(4), raw, q)
			c.VPAND(mask, q, q)
		} else {
			c.VPAND(mask, raw, q)
		}
		c.VPSHUFB(q, tab, q)
		for i := range 16 / w.lanes {
			v := w.reg(c)
			if i > 0 {
				c.VPSRLDQ(Imm(8), q, q)
			}
			c.VPMOVSXBD(q, v)
			c.VCVTDQ2PS(v, v)
			give(part*16/w.lanes+i, v)
		}
	}
}

// scalesMinima returns the 8 scales and the 8 minima of the parts of a Q4_K or Q5_K
// block, times d and dmin, as tensor.scaleMin unpacks them.
func (c *asm) scalesMinima(m Mem) (scale, minimum reg.VecVirtual) {
	first, second, third := c.GP64(), c.GP64(), c.GP64()
	c.MOVL(m.Offset(4), first.As32())
	c.MOVL(m.Offset(8), second.As32())
	c.MOVL(m.Offset(12), third.As32())
	unpack := func(lowWord reg.GPVirtual, shift uint64, d Mem) reg.VecVirtual {
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
		v, f := c.YMM(), c.YMM()
		c.VMOVQ(lo, v.AsX())
		c.VPMOVZXBD(v.AsX(), v)
		c.VCVTDQ2PS(v, v)
		c.VPBROADCASTW(d, f.AsX())
		c.VCVTPH2PS(f.AsX(), f)
		c.VMULPS(f, v, v)
		return v
	}
	return unpack(first, 0, m), unpack(second, 4, m.Offset(2))
}

// parts4 gives the weights of a Q4_K block, whose 128 bytes are at m, in order, with a table
// of its 16 values for each part.
func (c *asm) parts4(scale, minimum reg.VecVirtual, m Mem, give func(i int, v reg.VecVirtual)) {
	count := c.float("count", func(i int) float32 { return float32(i) })
	for j := range 8 {
		t := c.lane(avx512, scale, j)
		c.VFMSUB132PS(count, c.lane(avx512, minimum, j), t)
		for i := range 2 {
			v := c.ZMM()
			c.VPMOVZXBD(m.Offset(j/2*32+16*i), v)
			if j%2 == 1 {
				c.VPSRLD(Imm(4), v, v)
			}
			c.VPERMPS(t, v, v)
			give(2*j+i, v)
		}
	}
}

// lane broadcasts lane j of a vector of 8.
func (c *asm) lane(w width, v reg.VecVirtual, j int) reg.VecVirtual {
	out := w.reg(c)
	x := v.AsX()
	if j >= 4 {
		t := c.XMM()
		c.VEXTRACTF128(Imm(1), v, t)
		x = t
	}
	t := c.XMM()
	c.VPSHUFD(Imm(uint64(j%4*0x55)), x, t)
	c.VBROADCASTSS(t, out)
	return out
}
