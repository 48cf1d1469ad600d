package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gemmFile writes a micro-kernel for each height that a tile can have. With AVX2 a full
// tile is 6×16: 12 of the 16 vector registers hold it, 2 hold a row of B and 2 the
// broadcast elements of A. With AVX-512 it is 12×32, 24 of 32, since the processor
// starts two products a cycle and needs four cycles for each; lower ones are put
// together of powers of two.
func gemmFile(c *asm) {
	for rows := 1; rows <= 6; rows++ {
		gemmTile(c, rows, avx2)
	}
	for _, rows := range []int{1, 2, 4, 8, 12} {
		gemmTile(c, rows, avx512)
		gemmTile(c, rows, bf16)
	}
}

// gemmTile writes the micro-kernel for a tile of some rows of two vectors each.
func gemmTile(c *asm, rows int, w width) {
	const vectors = 2 // of a row
	name := fmt.Sprintf("gemmTile%d%s", rows, w.suffix)
	doc := []string{fmt.Sprintf("%s computes a tile of %d rows and %d columns:", name, rows, vectors*w.lanes),
		"c[i·ldc+j] = alpha · Σ a[i·rs+l·cs]·b[l·ldb+j] + beta·c[i·ldc+j], l in [0,k).",
		"With beta 0 c is not read. Strides are in elements."}
	if w == bf16 {
		doc = append(doc, "An element of a and b is two numbers in bfloat16, so a product is two, added.")
	}
	c.Function(name)
	c.SignatureExpr("func(k int, a *float32, rs, cs int, b *float32, ldb int, c *float32, ldc int, alpha, beta float32)")
	c.Doc(doc...)
	c.Pragma("noescape")

	k := c.Load(c.Param("k"), c.GP64())
	a := c.Load(c.Param("a"), c.GP64())
	rs := c.Load(c.Param("rs"), c.GP64())
	cs := c.Load(c.Param("cs"), c.GP64())
	b := c.Load(c.Param("b"), c.GP64())
	ldb := c.Load(c.Param("ldb"), c.GP64())
	out := c.Load(c.Param("c"), c.GP64())
	ldc := c.Load(c.Param("ldc"), c.GP64())
	for _, r := range []reg.Register{rs, cs, ldb, ldc} {
		c.SHLQ(Imm(2), r)
	}
	// The rows of A and C are reached in threes, from a pointer to the first of them.
	as, outs := c.threes(a, rs, rows), c.threes(out, ldc, rows)
	at := func(i int, threes []reg.Register, stride reg.Register) Mem {
		m := Mem{Base: threes[i/3]}
		if i%3 > 0 {
			m.Index, m.Scale = stride, uint8(i%3)
		}
		return m
	}

	regs := c.registers(w)
	acc := make([][]reg.Register, rows)
	for i := range acc {
		c.PREFETCHT0(at(i, outs, ldc))
		for range vectors {
			v := regs()
			c.clear(w, v)
			acc[i] = append(acc[i], v)
		}
	}
	var row []reg.Register
	for range vectors {
		row = append(row, regs())
	}
	bc := []reg.Register{regs(), regs()}
	step := func() {
		for h, v := range row {
			c.VMOVUPS(Mem{Base: b, Disp: 4 * w.lanes * h}, v)
		}
		c.ADDQ(ldb, b)
		for i := range acc {
			v := bc[i%2]
			c.VBROADCASTSS(at(i, as, rs), v)
			for h := range row {
				if w == bf16 {
					c.evex(vdpbf16ps, v, row[h], acc[i][h])
				} else {
					c.VFMADD231PS(v, row[h], acc[i][h])
				}
			}
		}
		for _, p := range as {
			c.ADDQ(cs, p)
		}
	}
	c.SUBQ(Imm(4), k)
	c.JL(LabelRef("tail"))
	c.Label("loop")
	for range 4 {
		step()
	}
	c.SUBQ(Imm(4), k)
	c.JGE(LabelRef("loop"))
	c.Label("tail")
	c.ADDQ(Imm(4), k)
	c.JZ(LabelRef("finish"))
	c.Label("one")
	step()
	c.DECQ(k)
	c.JNZ(LabelRef("one"))

	c.Label("finish")
	alpha, beta := regs(), regs()
	c.VBROADCASTSS(NewParamAddr("alpha", 64), alpha)
	for i := range acc {
		for h := range acc[i] {
			c.VMULPS(alpha, acc[i][h], acc[i][h])
		}
	}
	c.VBROADCASTSS(NewParamAddr("beta", 68), beta)
	bits := c.GP32()
	c.MOVL(NewParamAddr("beta", 68), bits)
	c.SHLL(Imm(1), bits) // drops the sign: -0 is 0 too
	c.JZ(LabelRef("store"))
	for i := range acc {
		m := at(i, outs, ldc)
		for h := range acc[i] {
			c.VFMADD231PS(m.Offset(4*w.lanes*h), beta, acc[i][h])
		}
	}
	c.Label("store")
	for i := range acc {
		m := at(i, outs, ldc)
		for h := range acc[i] {
			c.VMOVUPS(acc[i][h], m.Offset(4*w.lanes*h))
		}
	}
	c.VZEROUPPER()
	c.RET()
}

// threes are pointers to rows 0, 3, 6 and so on, the rows being stride bytes apart.
func (c *asm) threes(first, stride reg.Register, rows int) []reg.Register {
	out := []reg.Register{first}
	for i := 3; i < rows; i += 3 {
		p := c.GP64()
		c.LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, p)
		c.ADDQ(out[len(out)-1], p)
		out = append(out, p)
	}
	return out
}
