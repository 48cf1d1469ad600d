package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The tile of C that one call computes: 12 of the 16 vector registers hold it, 2
// hold a row of B and 2 the broadcast elements of A.
const (
	tileRows = 6
	tileCols = 16
)

func gemmFile(c *asm) {
	for rows := 1; rows <= tileRows; rows++ {
		gemmTile(c, rows, avx2)
	}
	gemmTile(c, tileRows, avx512)
}

// gemmTile writes the micro-kernel for a tile of rows×16: two vectors to a row, or one
// of 16 lanes.
func gemmTile(c *asm, rows int, w width) {
	name := fmt.Sprintf("gemmTile%d%s", rows, w.suffix)
	c.Function(name)
	c.SignatureExpr("func(k int, a *float32, rs, cs int, b *float32, ldb int, c *float32, ldc int, alpha, beta float32)")
	c.Doc(fmt.Sprintf("%s computes a tile of %d rows and 16 columns:", name, rows),
		"c[i·ldc+j] = alpha · Σ a[i·rs+l·cs]·b[l·ldb+j] + beta·c[i·ldc+j], l in [0,k).",
		"With beta 0 c is not read. Strides are in elements.")
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
	// Rows 0-2 are reached from a and out, rows 3-5 from a3 and out3.
	a3, out3 := a, out
	if rows > 3 {
		a3, out3 = c.GP64(), c.GP64()
		c.LEAQ(Mem{Base: rs, Index: rs, Scale: 2}, a3)
		c.ADDQ(a, a3)
		c.LEAQ(Mem{Base: ldc, Index: ldc, Scale: 2}, out3)
		c.ADDQ(out, out3)
	}
	at := func(i int, lo, hi, stride reg.Register) Mem {
		m := Mem{Base: lo}
		if i >= 3 {
			m.Base = hi
		}
		if i%3 > 0 {
			m.Index, m.Scale = stride, uint8(i%3)
		}
		return m
	}

	acc := make([][]reg.VecVirtual, rows)
	for i := range acc {
		c.PREFETCHT0(at(i, out, out3, ldc))
		for range tileCols / w.lanes {
			acc[i] = append(acc[i], c.zero(w))
		}
	}
	var row []reg.VecVirtual
	for range tileCols / w.lanes {
		row = append(row, w.reg(c))
	}
	bc := []reg.VecVirtual{w.reg(c), w.reg(c)}
	step := func() {
		for h, v := range row {
			c.VMOVUPS(Mem{Base: b, Disp: 4 * w.lanes * h}, v)
		}
		c.ADDQ(ldb, b)
		for i := range acc {
			v := bc[i%2]
			c.VBROADCASTSS(at(i, a, a3, rs), v)
			for h := range row {
				c.VFMADD231PS(v, row[h], acc[i][h])
			}
		}
		c.ADDQ(cs, a)
		if rows > 3 {
			c.ADDQ(cs, a3)
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
	alpha, beta := w.reg(c), w.reg(c)
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
		m := at(i, out, out3, ldc)
		for h := range acc[i] {
			c.VFMADD231PS(m.Offset(4*w.lanes*h), beta, acc[i][h])
		}
	}
	c.Label("store")
	for i := range acc {
		m := at(i, out, out3, ldc)
		for h := range acc[i] {
			c.VMOVUPS(acc[i][h], m.Offset(4*w.lanes*h))
		}
	}
	c.VZEROUPPER()
	c.RET()
}
