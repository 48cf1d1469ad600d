package main

import (
	"math"

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
	// unpack writes what is done once for the group at m, and returns what writes the
	// vectors of float32, one each, in order.
	unpack func(c *asm, w width, m Mem) []vector
	// held are tables of 16 words that stay in registers of 16 lanes all the time.
	held []func(i int) uint32
}

// vector writes the instructions that give one vector of weights.
type vector func() reg.VecVirtual

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

// float is a table of numbers.
func float(at func(i int) float32) func(i int) uint32 {
	return func(i int) uint32 { return math.Float32bits(at(i)) }
}

var count = float(func(i int) float32 { return float32(i) })

// inBytes is a table of bytes that are all alike.
func inBytes(b uint32) func(i int) uint32 {
	return func(int) uint32 { return 0x01010101 * b }
}

const blockDoc = ", see tensor.Dequantize"

var formats = []format{
	{"F32", "a float32", true, false, 1, 4, func(c *asm, w width, m Mem) []vector {
		return []vector{func() reg.VecVirtual {
			v := w.reg(c)
			c.VMOVUPS(m, v)
			return v
		}}
	}, nil},
	{"F16", "a half-precision float", true, true, 1, 2, func(c *asm, w width, m Mem) []vector {
		return []vector{func() reg.VecVirtual {
			v := w.reg(c)
			c.VCVTPH2PS(m, v)
			return v
		}}
	}, nil},
	{"BF16", "the upper half of a float32", true, true, 1, 2, func(c *asm, w width, m Mem) []vector {
		return []vector{func() reg.VecVirtual {
			v := w.reg(c)
			c.VPMOVZXWD(m, v)
			c.VPSLLD(Imm(16), v, v)
			return v
		}}
	}, nil},
	{"Q8", "of Q8_0" + blockDoc, false, true, 32, 34, func(c *asm, w width, m Mem) (out []vector) {
		var d reg.VecVirtual
		for i := range 32 / w.lanes {
			out = append(out, func() reg.VecVirtual {
				if i == 0 {
					d = c.half(w, m, true)
				}
				v := w.reg(c)
				c.VPMOVSXBD(m.Offset(2+w.lanes*i), v)
				c.VCVTDQ2PS(v, v)
				c.VMULPS(d, v, v)
				return v
			})
		}
		return out
	}, nil},
	{"Q4", "of Q4_0" + blockDoc, false, true, 32, 18, func(c *asm, w width, m Mem) []vector {
		if w.lanes == 16 {
			d := c.half(w, m, true)
			c.VMULPS(c.held[0], d, d)
			return c.pick(d, m.Offset(2))
		}
		return c.times(func(d *reg.VecVirtual) reg.VecVirtual {
			*d = c.half(w, m, true)
			b := c.nibbles(m.Offset(2))
			c.VPADDB(c.eachByte(256-8), b, b)
			return b
		})
	}, []func(int) uint32{float(func(i int) float32 { return float32(i - 8) })}},
	{"Q4x1", "of Q4_1" + blockDoc, false, true, 32, 20, func(c *asm, w width, m Mem) []vector {
		if w.lanes == 16 {
			table := c.half(w, m, true)
			c.VFMADD213PS(c.half(w, m.Offset(2), true), c.held[0], table)
			return c.pick(table, m.Offset(4))
		}
		return c.timesPlus(func(d, low *reg.VecVirtual) reg.VecVirtual {
			*d, *low = c.half(w, m, true), c.half(w, m.Offset(2), true)
			return c.nibbles(m.Offset(4))
		})
	}, []func(int) uint32{count}},
	{"Q5", "of Q5_0" + blockDoc, false, true, 32, 22, func(c *asm, w width, m Mem) []vector {
		if w.lanes == 16 {
			d, upper := c.half(w, m, true), c.ZMM()
			c.VMULPS(c.held[1], d, upper)
			c.VMULPS(c.held[0], d, d)
			return c.pick32(d, upper, m.Offset(2), m.Offset(6))
		}
		return c.times(func(d *reg.VecVirtual) reg.VecVirtual {
			*d = c.half(w, m, true)
			b, h := c.nibbles(m.Offset(6)), c.bits(m.Offset(2))
			c.VPANDN(c.eachByte(256-16), h, h) // -16 where the fifth bit is missing
			c.VPOR(h, b, b)
			return b
		})
	}, append([]func(int) uint32{float(func(i int) float32 { return float32(i - 16) }), count}, pick32Held...)},
	{"Q5x1", "of Q5_1" + blockDoc, false, true, 32, 24, func(c *asm, w width, m Mem) []vector {
		if w.lanes == 16 {
			d, low := c.half(w, m, true), c.half(w, m.Offset(2), true)
			upper := c.ZMM()
			c.VMOVAPS(d, upper)
			c.VFMADD213PS(low, c.held[1], upper)
			c.VFMADD213PS(low, c.held[0], d)
			return c.pick32(d, upper, m.Offset(4), m.Offset(8))
		}
		return c.timesPlus(func(d, low *reg.VecVirtual) reg.VecVirtual {
			*d, *low = c.half(w, m, true), c.half(w, m.Offset(2), true)
			b, h := c.nibbles(m.Offset(8)), c.bits(m.Offset(4))
			c.VPAND(c.eachByte(16), h, h)
			c.VPOR(h, b, b)
			return b
		})
	}, append([]func(int) uint32{count, float(func(i int) float32 { return float32(i + 16) })}, pick32Held...)},
	{"IQ4NL", "of IQ4_NL" + blockDoc, false, true, 32, 18, func(c *asm, w width, m Mem) []vector {
		return c.lookup(w, "nonlinear", nonlinear, m.Offset(2), func() reg.VecVirtual { return c.half(w, m, true) })
	}, []func(int) uint32{float(func(i int) float32 { return float32(nonlinear[i]) })}},
	{"MXFP4", "of MXFP4" + blockDoc, false, true, 32, 17, func(c *asm, w width, m Mem) []vector {
		return c.lookup(w, "e2m1", e2m1, m.Offset(1), func() reg.VecVirtual { return c.power(w, m) })
	}, []func(int) uint32{float(func(i int) float32 { return float32(e2m1[i]) })}},
	{"IQ4XS", "of IQ4_XS" + blockDoc, false, true, 256, 136, iq4XS, []func(int) uint32{float(func(i int) float32 { return float32(nonlinear[i]) })}},
	{"Q2K", "of Q2_K" + blockDoc, false, true, 256, 84, q2K, []func(int) uint32{float(func(i int) float32 { return float32(i % 4) })}},
	{"Q3K", "of Q3_K" + blockDoc, false, true, 256, 110, q3K, []func(int) uint32{float(func(i int) float32 { return float32(i%8 - 4) }), func(int) uint32 { return 3 }}},
	{"Q4K", "of Q4_K" + blockDoc, false, true, 256, 144, func(c *asm, w width, m Mem) []vector {
		return c.parts(w, m, m.Offset(16), nil)
	}, []func(int) uint32{count}},
	{"Q5K", "of Q5_K" + blockDoc, false, true, 256, 176, func(c *asm, w width, m Mem) []vector {
		high := m.Offset(16)
		return c.parts(w, m, m.Offset(48), &high)
	}, []func(int) uint32{count, float(func(i int) float32 { return float32(i + 16) }), func(int) uint32 { return 15 }}},
	{"Q6K", "of Q6_K" + blockDoc, false, true, 256, 210, q6K, []func(int) uint32{inBytes(15), inBytes(63), inBytes(32)}},
}
