package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// format is one way in which the weights of a matrix lie in memory.
type format struct {
	name  string
	doc   string // of an element
	group int    // elements read together
	bytes int    // of a group
	// widen reads the group at m as vectors of 8 float32, in order. A scale that
	// all of them are still to be multiplied with may be returned too.
	widen func(c *asm, m Mem) (w []reg.VecVirtual, scale reg.VecVirtual)
}

var formats = []format{
	{"F32", "a float32", 8, 32, func(c *asm, m Mem) ([]reg.VecVirtual, reg.VecVirtual) {
		y := c.YMM()
		c.VMOVUPS(m, y)
		return []reg.VecVirtual{y}, nil
	}},
	{"F16", "a half-precision float", 8, 16, func(c *asm, m Mem) ([]reg.VecVirtual, reg.VecVirtual) {
		y := c.YMM()
		c.VCVTPH2PS(m, y)
		return []reg.VecVirtual{y}, nil
	}},
	{"BF16", "the upper half of a float32", 8, 16, func(c *asm, m Mem) ([]reg.VecVirtual, reg.VecVirtual) {
		y := c.YMM()
		c.VPMOVZXWD(m, y)
		c.VPSLLD(Imm(16), y, y)
		return []reg.VecVirtual{y}, nil
	}},
	{"Q8", "of Q8_0, 32 to a block: a half-precision scale, 32 signed bytes", 32, 34, func(c *asm, m Mem) ([]reg.VecVirtual, reg.VecVirtual) {
		var w []reg.VecVirtual
		for i := range 4 {
			y := c.YMM()
			c.VPMOVSXBD(m.Offset(2+8*i), y)
			c.VCVTDQ2PS(y, y)
			w = append(w, y)
		}
		return w, c.half(m)
	}},
	{"Q4", "of Q4_0, 32 to a block: a half-precision scale, 16 bytes whose low halves are elements 0-15 and high halves 16-31, 8 more than the value", 32, 18, func(c *asm, m Mem) ([]reg.VecVirtual, reg.VecVirtual) {
		w := make([]reg.VecVirtual, 4)
		for i := range 2 {
			lo, hi := c.YMM(), c.YMM()
			c.VPMOVZXBD(m.Offset(2+8*i), lo)
			c.VPSRLD(Imm(4), lo, hi)
			c.VPAND(c.words("low4", 8, func(int) uint32 { return 15 }), lo, lo)
			w[i], w[2+i] = lo, hi
		}
		minus8 := c.words("minus8", 8, func(int) uint32 { return 1<<32 - 8 })
		for _, y := range w {
			c.VPADDD(minus8, y, y)
			c.VCVTDQ2PS(y, y)
		}
		return w, c.half(m)
	}},
}

// half broadcasts the half-precision number at m as a float32.
func (c *asm) half(m Mem) reg.VecVirtual {
	d := c.YMM()
	c.VPBROADCASTW(m, d.AsX())
	c.VCVTPH2PS(d.AsX(), d)
	return d
}

func rowsFile(c *asm) {
	for _, f := range formats {
		dots(c, f, 4, 1)
		dots(c, f, 4, 2)
		dots(c, f, 2, 4)
		if f.name != "F32" {
			widen(c, f)
		}
	}
}

// widen writes the conversion of a row to float32.
func widen(c *asm, f format) {
	name := "widen" + f.name + "AVX2"
	c.declare(name, "func(dst *float32, w *byte, n int)",
		fmt.Sprintf("%s writes n weights, n > 0 and a multiple of %d, as float32; each is %s.", name, f.group, f.doc))
	p := c.args("dst", "w", "n")
	c.Label("loop")
	w, scale := f.widen(c, Mem{Base: p[1]})
	for i, y := range w {
		if scale != nil {
			c.VMULPS(scale, y, y)
		}
		c.VMOVUPS(y, Mem{Base: p[0], Disp: 32 * i})
	}
	c.ADDQ(U32(4*f.group), p[0])
	c.ADDQ(Imm(uint64(f.bytes)), p[1])
	c.SUBQ(Imm(uint64(f.group)), p[2])
	c.JNZ(LabelRef("loop"))
	c.end()
}

// dots writes the products of rows of weights with vectors of activations, the sum
// of each in a register of its own.
func dots(c *asm, f format, rows, tokens int) {
	name := fmt.Sprintf("dots%sx%dx%dAVX2", f.name, rows, tokens)
	c.declare(name, "func(y *float32, ldy int, w *byte, stride int, x *float32, ldx int, n int)",
		fmt.Sprintf("%s multiplies %d rows, stride bytes apart, with %d vectors:", name, rows, tokens),
		fmt.Sprintf("y[t·ldy+r] = Σ w[r,l]·x[t·ldx+l], l in [0,n), n > 0 and a multiple of %d;", f.group),
		"a weight is "+f.doc+".")
	p := c.args("y", "ldy", "w", "stride", "x", "ldx", "n")
	y, ldy, w, stride, x, ldx, n := p[0], p[1], p[2], p[3], p[4], p[5], p[6]
	c.SHLQ(Imm(2), ldy)
	c.SHLQ(Imm(2), ldx)

	acc := make([][]reg.VecVirtual, rows)
	for r := range acc {
		for range tokens {
			a := c.YMM()
			c.VXORPS(a, a, a)
			acc[r] = append(acc[r], a)
		}
	}
	stride3, ldx3 := c.triple(stride, rows), c.triple(ldx, tokens)
	c.Label("loop")
	if f.group == 8 {
		c.dotFloats(f, acc, func(r int) Mem { return multiple(w, stride, stride3, r) }, func(t int) Mem { return multiple(x, ldx, ldx3, t) })
	} else {
		c.dotBlocks(f, acc, func(r int) Mem { return multiple(w, stride, stride3, r) }, func(t int) Mem { return multiple(x, ldx, ldx3, t) })
	}
	c.ADDQ(Imm(uint64(f.bytes)), w)
	c.ADDQ(U32(4*f.group), x)
	c.SUBQ(Imm(uint64(f.group)), n)
	c.JNZ(LabelRef("loop"))
	for t := range tokens {
		for r := range rows {
			c.VMOVSS(c.fold(acc[r][t], c.VADDPS), Mem{Base: y, Disp: 4 * r})
		}
		if t+1 < tokens {
			c.ADDQ(ldy, y)
		}
	}
	c.end()
}

// dotFloats multiplies 8 weights of each row with each vector.
func (c *asm) dotFloats(f format, acc [][]reg.VecVirtual, row, vector func(i int) Mem) {
	var w []reg.VecVirtual
	for r := range acc {
		y, _ := f.widen(c, row(r))
		w = append(w, y[0])
	}
	x := c.YMM()
	for t := range acc[0] {
		c.VMOVUPS(vector(t), x)
		for r := range acc {
			c.VFMADD231PS(x, w[r], acc[r][t])
		}
	}
}

// dotBlocks multiplies a block of each row with each vector. The sum of a block is
// multiplied by its scale, not each weight.
func (c *asm) dotBlocks(f format, acc [][]reg.VecVirtual, row, vector func(i int) Mem) {
	for r := range acc {
		w, d := f.widen(c, row(r))
		for t := range acc[r] {
			s := c.YMM()
			c.VMULPS(vector(t), w[0], s)
			for i, v := range w[1:] {
				c.VFMADD231PS(vector(t).Offset(32*(i+1)), v, s)
			}
			c.VFMADD231PS(s, d, acc[r][t])
		}
	}
}

// triple returns 3·r if a fourth row needs it.
func (c *asm) triple(r reg.GPVirtual, rows int) reg.GPVirtual {
	if rows < 4 {
		return nil
	}
	three := c.GP64()
	c.LEAQ(Mem{Base: r, Index: r, Scale: 2}, three)
	return three
}

// multiple is the address base + i·stride for i up to 3.
func multiple(base, stride, stride3 reg.GPVirtual, i int) Mem {
	switch i {
	case 0:
		return Mem{Base: base}
	case 3:
		return Mem{Base: base, Index: stride3, Scale: 1}
	}
	return Mem{Base: base, Index: stride, Scale: uint8(i)}
}
