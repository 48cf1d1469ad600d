package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The products of rows of weights with vectors of activations. Whatever the type, the
// width of a kernel's batch and the way a weight takes, lane l of a register sums
// the products of the elements l, l+lanes, l+2·lanes ... in this order, each weight
// converted to float32 first, and the lanes are added by fold4. So all kernels of one
// width of registers give the same sums, bit for bit.

func rowsFile(c *asm) {
	for _, w := range []width{avx2, avx512} {
		for tokens := 1; tokens <= w.tokens; tokens++ {
			dots(c, formats[0], w, tokens)
		}
		for _, f := range formats[1:] {
			widen(c, f, w)
			if f.fused {
				dots(c, f, w, 1)
				dots(c, f, w, 2)
			}
		}
	}
}

// widenAhead is how far before its use a weight is asked for, bytes: what comes from
// memory in the time that it takes.
const widenAhead = 6 << 10

// widen writes the conversion of a row to float32.
func widen(c *asm, f format, w width) {
	name := "widen" + f.name + w.suffix
	group := f.group(w)
	c.declare(name, "func(dst *float32, w *byte, n int)",
		fmt.Sprintf("%s writes n weights, n > 0 and a multiple of %d, as float32; each is %s.", name, group, f.doc))
	p := c.args("dst", "w", "n")
	c.hold(f, w)
	c.Label("loop")
	for line := 0; line < f.bytes(w); line += 64 {
		c.PREFETCHT0(Mem{Base: p[1], Disp: widenAhead + line})
	}
	for i, v := range f.unpack(c, w, Mem{Base: p[1]}) {
		c.VMOVUPS(v(), Mem{Base: p[0], Disp: 4 * w.lanes * i})
	}
	c.ADDQ(U32(4*uint64(group)), p[0])
	c.ADDQ(U32(uint64(f.bytes(w))), p[1])
	c.SUBQ(U32(uint64(group)), p[2])
	c.JNZ(LabelRef("loop"))
	c.end()
}

// dots writes the products of bands of 4 rows of weights with vectors of activations, the
// sum of each in a register of its own.
func dots(c *asm, f format, w width, tokens int) {
	const rows = 4
	name := fmt.Sprintf("dots%sx%d%s", f.name, tokens, w.suffix)
	group := f.group(w)
	c.declare(name, "func(y *float32, ldy int, w *byte, stride int, x *float32, ldx, n, bands int)",
		fmt.Sprintf("%s multiplies 4·bands rows, stride bytes apart, with %d vectors:", name, tokens),
		fmt.Sprintf("y[t·ldy+r] = Σ w[r,l]·x[t·ldx+l], l in [0,n), n > 0 and a multiple of %d, bands > 0;", group),
		"a weight is "+f.doc+". It asks for the rows 12 further on, so that they are there in time.")
	p := c.args("y", "ldy", "w", "stride", "x", "ldx", "n")
	y, ldy, base, stride, x, ldx, n := p[0], p[1], p[2], p[3], p[4], p[5], p[6]
	c.SHLQ(Imm(2), ldy)
	c.SHLQ(Imm(2), ldx)
	stride3 := c.GP64()
	c.LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	c.hold(f, w)
	slots := c.AllocLocal(24)
	firstY, firstW, left := slots, slots.Offset(8), slots.Offset(16) // of the band; bands left
	c.MOVQ(y, firstY)
	c.MOVQ(base, firstW)
	bands := c.GP64()
	c.Load(c.Param("bands"), bands)
	c.MOVQ(bands, left)
	c.Label("band")
	// tokens 0-2 are reached from x, 3-5 from x3
	x3 := x
	if tokens > 3 {
		x3 = c.GP64()
		c.LEAQ(Mem{Base: ldx, Index: ldx, Scale: 2}, x3)
		c.ADDQ(x, x3)
	}
	activations := func(t int) Mem {
		if t >= 3 {
			return multiple(x3, ldx, nil, t-3)
		}
		return multiple(x, ldx, nil, t)
	}
	var acc [rows][]reg.VecVirtual
	for r := range acc {
		for range tokens {
			acc[r] = append(acc[r], c.zero(w))
		}
	}
	ahead := tokens <= 2
	next := c.GP64()
	if ahead {
		c.LEAQ(Mem{Base: base, Index: stride3, Scale: 4}, next)
	}
	c.Label("loop")
	if ahead {
		for r := range acc {
			for line := 0; line < f.bytes(w); line += 64 {
				c.PREFETCHT0(multiple(next, stride, stride3, r).Offset(line))
			}
		}
		c.ADDQ(U32(uint64(f.bytes(w))), next)
	}
	var unpacked [rows][]vector
	for r := range acc {
		unpacked[r] = f.unpack(c, w, multiple(base, stride, stride3, r))
	}
	// The rows take turns, since a sum waits for the one before: vector by vector where
	// there are registers to keep the activations for all of them.
	turn := 1
	if w.lanes == 8 && !f.float {
		turn = 4
	}
	for i := 0; i < len(unpacked[0]); i += turn {
		var xs []Op
		for t := range tokens {
			x := Op(activations(t).Offset(4 * w.lanes * i))
			if turn == 1 {
				v := w.reg(c)
				c.VMOVUPS(x, v)
				x = v
			}
			xs = append(xs, x)
		}
		for r := range acc {
			for j := i; j < i+turn; j++ {
				v := unpacked[r][j]()
				for t, x := range xs {
					if turn > 1 {
						x = activations(t).Offset(4 * w.lanes * j)
					}
					c.VFMADD231PS(x, v, acc[r][t])
				}
			}
		}
	}
	c.ADDQ(U32(uint64(f.bytes(w))), base)
	c.ADDQ(U32(uint64(4*group)), x)
	if tokens > 3 {
		c.ADDQ(U32(uint64(4*group)), x3)
	}
	c.SUBQ(U32(uint64(group)), n)
	c.JNZ(LabelRef("loop"))
	for t := range tokens {
		c.VMOVUPS(c.fold4(w, acc[0][t], acc[1][t], acc[2][t], acc[3][t]), Mem{Base: y})
		if t+1 < tokens {
			c.ADDQ(ldy, y)
		}
	}
	c.DECQ(left)
	c.JZ(LabelRef("done"))
	c.MOVQ(firstY, y)
	c.ADDQ(Imm(16), y)
	c.MOVQ(y, firstY)
	c.MOVQ(firstW, base)
	c.LEAQ(Mem{Base: base, Index: stride, Scale: 4}, base)
	c.MOVQ(base, firstW)
	c.Load(c.Param("x"), x)
	c.Load(c.Param("n"), n)
	c.JMP(LabelRef("band"))
	c.Label("done")
	c.end()
}

// hold loads the tables of a format.
func (c *asm) hold(f format, w width) {
	c.held = nil
	if w.lanes < 16 {
		return
	}
	for i, word := range f.held {
		v := c.ZMM()
		c.VMOVUPS(c.words(fmt.Sprintf("held%s%d", f.name, i), 16, word), v)
		c.held = append(c.held, v)
	}
}

// fold4 adds up the lanes of each of four registers and returns the sums in their order.
func (c *asm) fold4(w width, a ...reg.VecVirtual) reg.VecVirtual {
	if w.lanes == 16 {
		for i, v := range a {
			high := c.YMM()
			c.VEXTRACTF64X4(Imm(1), v, high)
			c.VADDPS(high, v.AsY(), high)
			a[i] = high
		}
	}
	s := c.pairs(w, c.pairs(w, a[0], a[1]), c.pairs(w, a[2], a[3]))
	x := c.XMM()
	if w.lanes == 16 {
		c.VEXTRACTF32X4(Imm(1), s, x)
	} else {
		c.VEXTRACTF128(Imm(1), s, x)
	}
	c.VADDPS(x, s.AsX(), x)
	return x
}

// pairs adds neighbouring lanes of x and of y, as VHADDPS does, which does not know
// the registers beyond 15.
func (c *asm) pairs(w width, x, y reg.VecVirtual) reg.VecVirtual {
	s := c.YMM()
	if w.lanes == 8 {
		c.VHADDPS(y, x, s)
		return s
	}
	odd := c.YMM()
	c.VSHUFPS(Imm(0x88), y, x, s)
	c.VSHUFPS(Imm(0xdd), y, x, odd)
	c.VADDPS(odd, s, s)
	return s
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
