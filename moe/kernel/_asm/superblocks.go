package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Formats of 256 elements with scales of their own for 16 or 32 of them. Q4_K and Q5_K
// are in unpack.go.

// scaled stores the 16 bytes at m as numbers times d; integers changes them before.
func (c *asm) scaled(w width, m Mem, d reg.VecVirtual, integers func(s reg.VecVirtual)) Mem {
	slots := c.AllocLocal(64)
	for part := range 16 / w.lanes {
		s := w.reg(c)
		c.VPMOVZXBD(m.Offset(w.lanes*part), s)
		integers(s)
		c.VCVTDQ2PS(s, s)
		c.VMULPS(d, s, s)
		c.VMOVUPS(s, slots.Offset(4*w.lanes*part))
	}
	return slots
}

// q2K: the 16 elements of a scale have 4 different values. A register of 16 lanes
// holds them 4 times over, so that the bits above the two do not matter.
func q2K(c *asm, w width, m Mem) (out []vector) {
	d, dmin := c.half(w, m.Offset(80), false), c.half(w, m.Offset(82), false)
	c.flip(w, dmin)
	scales := c.scaled(w, m, d, func(s reg.VecVirtual) { c.and(w, c.all(w, "low4", 15), s) })
	minima := c.scaled(w, m, dmin, func(s reg.VecVirtual) { c.VPSRLD(Imm(4), s, s) })
	if w.lanes == 8 {
		return c.sixteens(&scales, &minima, func(at int) reg.VecVirtual {
			return c.fields(m.Offset(16+at/128*32), at%128/32*-2, 3)
		})
	}
	var bytes [2]reg.VecVirtual // 4 vectors share them
	for at := 0; at < 256; at += 16 {
		k, shift := at/16*4, uint64(at%128/32*2)
		out = append(out, func() reg.VecVirtual {
			v, table, b := c.ZMM(), c.spread(w, scales.Offset(k)), &bytes[at%32/16]
			c.VFMADD213PS_BCST(minima.Offset(k), c.held[0], table)
			if shift == 0 {
				*b = c.ZMM()
				c.VPMOVZXBD(m.Offset(16+at/128*32+at%32), *b)
				c.VPERMPS(table, *b, v)
			} else {
				c.VPSRLD(Imm(shift), *b, v)
				c.VPERMPS(table, v, v)
			}
			return v
		})
	}
	return out
}

// q3K: as q2K, with a third bit from elsewhere and without minima.
func q3K(c *asm, w width, m Mem) (out []vector) {
	scales := c.q3Scales(w, m)
	if w.lanes == 8 {
		return c.sixteens(&scales, nil, func(at int) reg.VecVirtual {
			b := c.fields(m.Offset(32+at/128*32), at%128/32*-2, 3)
			c.VPOR(c.fields(m, 2-at/32, 4), b, b)
			c.VPADDB(c.eachByte(256-4), b, b)
			return b
		})
	}
	var bytes [2]reg.VecVirtual // 4 vectors share them
	for at := 0; at < 256; at += 16 {
		k, shift := at/16*4, at%128/32*2
		high := m.Offset(at % 32)
		low := m.Offset(32 + at/128*32 + at%32)
		out = append(out, func() reg.VecVirtual {
			v, table, b := c.ZMM(), c.ZMM(), &bytes[at%32/16]
			c.VMULPS_BCST(scales.Offset(k), c.held[0], table)
			if shift == 0 {
				*b = c.ZMM()
				c.VPMOVZXBD(low, *b)
			}
			q := *b
			if shift > 0 {
				q = c.ZMM()
				c.VPSRLD(Imm(uint64(shift)), *b, q)
			}
			c.VPMOVZXBD(high, v)
			c.shift(2-at/32, v, v)
			c.VPTERNLOGD(U8(0xd8), c.held[1], q, v) // the low 2 bits from q, the third from v, the others do not matter
			c.VPERMPS(table, v, v)
			return v
		})
	}
	return out
}

// sixteens returns the vectors of 8 lanes of a block that has a scale for 16 weights, and
// perhaps a minimum; bytes leaves the 32 from at on.
func (c *asm) sixteens(scales, minima *Mem, bytes func(at int) reg.VecVirtual) (out []vector) {
	for at := 0; at < 256; at += 32 {
		var d, low reg.VecVirtual
		out = append(out, c.fromBytes(func() reg.VecVirtual { return bytes(at) }, func(i int, v reg.VecVirtual) {
			if k := (at + 8*i) / 16 * 4; i%2 == 0 {
				d = c.spread(avx2, scales.Offset(k))
				if minima != nil {
					low = c.spread(avx2, minima.Offset(k))
				}
			}
			if minima != nil {
				c.VFMADD213PS(low, d, v)
			} else {
				c.VMULPS(d, v, v)
			}
		})...)
	}
	return out
}

// q3Scales returns the 16 scales of a Q3_K block in memory, less 32 and times d: the
// low 4 bits of each are halves of 8 bytes, the high 2 quarters of 4 bytes.
func (c *asm) q3Scales(w width, m Mem) Mem {
	low, two, high, mask := c.GP64(), c.GP64(), c.GP64(), c.GP64()
	c.MOVQ(m.Offset(96), low)
	c.MOVL(m.Offset(104), two.As32())
	c.MOVQ(two, high)
	c.SHRQ(Imm(2), high)
	c.SHLQ(Imm(32), high)
	c.ORQ(high, two) // bytes 0-3 as they are, 4-7 turned by the 2 bits of the next 4 scales
	packed := c.AllocLocal(16)
	for part := range 2 {
		l, h := c.GP64(), c.GP64()
		c.MOVQ(low, l)
		c.MOVQ(two, h)
		if part == 1 {
			c.SHRQ(Imm(4), l)
			c.SHRQ(Imm(4), h)
		}
		c.MOVQ(U64(0x0f0f0f0f0f0f0f0f), mask)
		c.ANDQ(mask, l)
		c.MOVQ(U64(0x0303030303030303), mask)
		c.ANDQ(mask, h)
		c.SHLQ(Imm(4), h)
		c.ORQ(h, l)
		c.MOVQ(l, packed.Offset(8*part))
	}
	d := c.half(w, m.Offset(108), false)
	return c.scaled(w, packed, d, func(s reg.VecVirtual) { c.VPADDD(c.all(w, "minus32", 1<<32-32), s, s) })
}

func iq4XS(c *asm, w width, m Mem) (out []vector) {
	s, high := c.YMM(), c.YMM()
	c.VPBROADCASTD(m.Offset(4), s)
	c.VPSRLVD(c.words("nibbles", 8, func(i int) uint32 { return uint32(4 * i) }), s, s)
	c.and(avx2, c.all(avx2, "low4", 15), s)
	c.VPBROADCASTW(m.Offset(2), high)
	c.VPSRLVD(c.words("pairs", 8, func(i int) uint32 { return uint32(2 * i) }), high, high)
	c.and(avx2, c.all(avx2, "low2", 3), high)
	c.VPSLLD(Imm(4), high, high)
	c.VPADDD(high, s, s)
	c.VPADDD(c.all(avx2, "minus32", 1<<32-32), s, s)
	c.VCVTDQ2PS(s, s)
	c.VMULPS(c.half(avx2, m, true), s, s)
	scales := c.AllocLocal(32)
	c.VMOVUPS(s, scales)
	for j := range 8 {
		d := func() reg.VecVirtual { return c.spread(w, scales.Offset(4*j)) }
		if w.lanes == 8 {
			out = append(out, c.lookup(w, "nonlinear", nonlinear, m.Offset(8+16*j), d)...)
			continue
		}
		var part []vector
		for i := range 2 {
			out = append(out, func() reg.VecVirtual {
				if i == 0 {
					part = c.lookup(w, "nonlinear", nonlinear, m.Offset(8+16*j), d)
				}
				return part[i]()
			})
		}
	}
	return out
}

// q6K: the low 4 bits of a number and the high 2 lie apart.
func q6K(c *asm, w width, m Mem) (out []vector) {
	d := c.half(avx2, m.Offset(208), false)
	scales := c.AllocLocal(64)
	for i := range 2 {
		s := c.YMM()
		c.VPMOVSXBD(m.Offset(192+8*i), s)
		c.VCVTDQ2PS(s, s)
		c.VMULPS(d, s, s)
		c.VMOVUPS(s, scales.Offset(32*i))
	}
	if w.lanes == 8 {
		return c.sixteens(&scales, nil, func(at int) reg.VecVirtual {
			half, r := at/128, at%128
			b := c.fields(m.Offset(half*64+r%64), r/64*-4, 15)
			c.VPOR(c.fields(m.Offset(128+half*32), 4-r/32*2, 48), b, b)
			c.VPADDB(c.eachByte(256-32), b, b)
			return b
		})
	}
	var bytes reg.VecVirtual // of 4 vectors
	for at := 0; at < 256; at += 16 {
		half, r := at/128, at%128
		out = append(out, func() reg.VecVirtual {
			if at%64 == 0 {
				bytes = c.ZMM()
				c.VBROADCASTI64X4(m.Offset(128+half*32), bytes)
				c.VPROLVD(c.halves("left", 4-r/32*2, 2-r/32*2), bytes, bytes)
				c.merge(m.Offset(half*64), r >= 64, bytes)
				c.VPANDD(c.held[1], bytes, bytes)
				c.VPSUBB(c.held[2], bytes, bytes)
			}
			v := c.quarter(bytes, at%64/16)
			c.VMULPS_BCST(scales.Offset(at/16*4), v, v)
			return v
		})
	}
	return out
}

// halves is a table of 16 words: 8 are first, 8 are second, as numbers of bits to turn
// by, modulo 32.
func (c *asm) halves(name string, first, second int) Mem {
	first, second = (first+32)%32, (second+32)%32
	return c.words(fmt.Sprintf("%s%dand%d", name, first, second), 16, func(i int) uint32 {
		return uint32([]int{first, second}[i/8])
	})
}

// merge puts the low, or the high, halves of the 64 bytes at m into the low 4 bits of the
// bytes of v. held[0] has the mask of these.
func (c *asm) merge(m Mem, upper bool, v reg.VecVirtual) {
	q := Op(m)
	if upper {
		shifted := c.ZMM()
		c.VPSRLD(Imm(4), m, shifted)
		q = shifted
	}
	c.VPTERNLOGD(U8(0xb8), q, c.held[0], v)
}

// quarter is the i-th 16 of 64 signed bytes as float32.
func (c *asm) quarter(bytes reg.VecVirtual, i int) reg.VecVirtual {
	part, v := bytes.AsX(), c.ZMM()
	if i > 0 {
		part = c.XMM()
		c.VEXTRACTI32X4(Imm(uint64(i)), bytes, part)
	}
	c.VPMOVSXBD(part, v)
	c.VCVTDQ2PS(v, v)
	return v
}
