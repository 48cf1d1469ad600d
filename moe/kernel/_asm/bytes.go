package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// With registers of 8 lanes, 32 weights of a block are first put together as signed
// bytes, whatever their bits, and then widened 8 at a time.

// fromBytes returns the 4 vectors of 32 weights. first leaves their bytes, and may load what
// finish scales the i-th vector with.
func (c *asm) fromBytes(first func() reg.VecVirtual, finish func(i int, v reg.VecVirtual)) (out []vector) {
	var part reg.VecVirtual // 16 of the bytes
	for i := range 4 {
		out = append(out, func() reg.VecVirtual {
			v := c.YMM()
			switch i {
			case 0:
				part = first()
			case 2:
				c.VEXTRACTI128(Imm(1), part, part.AsX())
			}
			if i%2 == 0 {
				c.VPMOVSXBD(part.AsX(), v)
			} else {
				c.VPSRLDQ(Imm(8), part.AsX(), v.AsX())
				c.VPMOVSXBD(v.AsX(), v)
			}
			c.VCVTDQ2PS(v, v)
			finish(i, v)
			return v
		})
	}
	return out
}

// eachByte is a table of 32 bytes that are all b.
func (c *asm) eachByte(b uint8) Mem {
	return c.words(fmt.Sprintf("bytes%02x", b), 8, func(int) uint32 { return 0x01010101 * uint32(b) })
}

// fields returns what the 32 bytes at m have under a mask after their bits are moved by shift,
// to the left if it is positive.
func (c *asm) fields(m Mem, shift int, mask uint8) reg.VecVirtual {
	b := c.YMM()
	c.VMOVDQU(m, b)
	c.shift(shift, b, b)
	c.VPAND(c.eachByte(mask), b, b)
	return b
}

// nibbles returns the low halves of the 16 bytes at m, then the high ones.
func (c *asm) nibbles(m Mem) reg.VecVirtual {
	b := c.YMM()
	c.VBROADCASTI128(m, b)
	c.VPSRLVD(c.words("upperby4", 8, func(i int) uint32 { return uint32(i / 4 * 4) }), b, b)
	c.VPAND(c.eachByte(15), b, b)
	return b
}

// bits returns 32 bytes: all ones where the word at m has a one.
func (c *asm) bits(m Mem) reg.VecVirtual {
	b := c.YMM()
	own := c.words("bitofbyte", 8, func(i int) uint32 { return []uint32{0x08040201, 0x80402010}[i%2] })
	c.VPBROADCASTD(m, b)
	c.VPSHUFB(c.words("byteofbit", 8, func(i int) uint32 { return 0x01010101 * uint32(i/2) }), b, b)
	c.VPAND(own, b, b)
	c.VPCMPEQB(own, b, b)
	return b
}

// entries returns the entries of a table that 32 bytes below 16 name.
func (c *asm) entries(name string, table []int8, b reg.VecVirtual) reg.VecVirtual {
	t := c.YMM()
	c.VBROADCASTI128(c.words(name, 4, func(i int) uint32 {
		var v uint32
		for j, b := range table[4*i : 4*i+4] {
			v |= uint32(uint8(b)) << (8 * j)
		}
		return v
	}), t)
	c.VPSHUFB(b, t, t)
	return t
}

// times returns the 32 weights whose bytes first leaves, times d, which it loads.
func (c *asm) times(first func(d *reg.VecVirtual) reg.VecVirtual) []vector {
	var d reg.VecVirtual
	return c.fromBytes(func() reg.VecVirtual { return first(&d) }, func(_ int, v reg.VecVirtual) { c.VMULPS(d, v, v) })
}

// timesPlus is times with a number added to each.
func (c *asm) timesPlus(first func(d, low *reg.VecVirtual) reg.VecVirtual) []vector {
	var d, low reg.VecVirtual
	return c.fromBytes(func() reg.VecVirtual { return first(&d, &low) }, func(_ int, v reg.VecVirtual) { c.VFMADD213PS(low, d, v) })
}
