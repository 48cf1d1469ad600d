package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func packFile(c *asm) {
	for _, width := range []int{6, 12, 16, 32} {
		packCols(c, width)
	}
	packRows16(c)
}

// packCols writes the copy of a panel whose rows lie in order.
func packCols(c *asm, width int) {
	name := fmt.Sprintf("packCols%dAVX2", width)
	c.Function(name)
	c.SignatureExpr("func(dst, src *float32, ld, k int)")
	c.Doc(fmt.Sprintf("%s copies k rows of %d: dst[l·%d+j] = src[l·ld+j], l in [0,k).", name, width, width))
	c.Pragma("noescape")
	dst, src, ld, k := c.panelArgs()
	c.Label("loop")
	for at := 0; at < 4*width; {
		switch left := 4*width - at; {
		case left >= 32:
			y := c.YMM()
			c.VMOVUPS(Mem{Base: src, Disp: at}, y)
			c.VMOVUPS(y, Mem{Base: dst, Disp: at})
			at += 32
		case left >= 16:
			x := c.XMM()
			c.VMOVUPS(Mem{Base: src, Disp: at}, x)
			c.VMOVUPS(x, Mem{Base: dst, Disp: at})
			at += 16
		default:
			x := c.XMM()
			c.VMOVSD(Mem{Base: src, Disp: at}, x)
			c.VMOVSD(x, Mem{Base: dst, Disp: at})
			at += 8
		}
	}
	c.ADDQ(ld, src)
	c.ADDQ(U32(4*width), dst)
	c.DECQ(k)
	c.JNZ(LabelRef("loop"))
	c.VZEROUPPER()
	c.RET()
}

// packRows16 writes the transposition of 16 rows, in blocks of 8×8.
func packRows16(c *asm) {
	c.Function("packRows16AVX2")
	c.SignatureExpr("func(dst, src *float32, ld, k, width int)")
	c.Doc("packRows16AVX2 transposes 16 rows of k, k a multiple of 8:",
		"dst[l·width+j] = src[j·ld+l], l in [0,k).")
	c.Pragma("noescape")
	dst, src, ld, k := c.panelArgs()
	width := c.Load(c.Param("width"), c.GP64())
	c.SHLQ(Imm(2), width)
	ld3 := c.GP64()
	c.LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, ld3)
	hi := c.GP64() // row 8
	c.LEAQ(Mem{Base: src, Index: ld, Scale: 8}, hi)
	row := c.GP64()
	c.Label("loop")
	for half, base := range []reg.GPVirtual{src, hi} {
		row4 := c.GP64()
		c.LEAQ(Mem{Base: base, Index: ld, Scale: 4}, row4)
		var r [8]reg.VecVirtual
		for i := range r {
			m := Mem{Base: base}
			if i >= 4 {
				m.Base = row4
			}
			switch i % 4 {
			case 1, 2:
				m.Index, m.Scale = ld, uint8(i%4)
			case 3:
				m.Index, m.Scale = ld3, 1
			}
			r[i] = c.YMM()
			c.VMOVUPS(m, r[i])
		}
		c.MOVQ(dst, row)
		for _, y := range c.transpose8(r) {
			c.VMOVUPS(y, Mem{Base: row, Disp: 32 * half})
			c.ADDQ(width, row)
		}
	}
	c.ADDQ(Imm(32), src)
	c.ADDQ(Imm(32), hi)
	c.MOVQ(row, dst)
	c.SUBQ(Imm(8), k)
	c.JNZ(LabelRef("loop"))
	c.VZEROUPPER()
	c.RET()
}

// panelArgs loads dst, src, ld in bytes, and k.
func (c *asm) panelArgs() (dst, src, ld, k reg.GPVirtual) {
	dst, src, ld, k = c.GP64(), c.GP64(), c.GP64(), c.GP64()
	c.Load(c.Param("dst"), dst)
	c.Load(c.Param("src"), src)
	c.Load(c.Param("ld"), ld)
	c.Load(c.Param("k"), k)
	c.SHLQ(Imm(2), ld)
	return
}

// transpose8 transposes 8 vectors of 8.
func (c *asm) transpose8(r [8]reg.VecVirtual) [8]reg.VecVirtual {
	var t, u, out [8]reg.VecVirtual
	for i := 0; i < 8; i += 2 {
		t[i], t[i+1] = c.YMM(), c.YMM()
		c.VUNPCKLPS(r[i+1], r[i], t[i])
		c.VUNPCKHPS(r[i+1], r[i], t[i+1])
	}
	for i := 0; i < 8; i += 4 {
		for j := range 2 {
			u[i+2*j], u[i+2*j+1] = c.YMM(), c.YMM()
			c.VUNPCKLPD(t[i+j+2], t[i+j], u[i+2*j])
			c.VUNPCKHPD(t[i+j+2], t[i+j], u[i+2*j+1])
		}
	}
	for i := range 4 {
		out[i], out[i+4] = c.YMM(), c.YMM()
		c.VPERM2F128(Imm(0x20), u[i+4], u[i], out[i])
		c.VPERM2F128(Imm(0x31), u[i+4], u[i], out[i+4])
	}
	return out
}
