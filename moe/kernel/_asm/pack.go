package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func packFile(c *asm) {
	packCols16(c)
	packCols6(c)
	packRows16(c)
}

// packCols16 writes the copy of a panel whose rows lie in order.
func packCols16(c *asm) {
	c.Function("packCols16AVX2")
	c.SignatureExpr("func(dst, src *float32, ld, k int)")
	c.Doc("packCols16AVX2 copies k rows of 16: dst[l·16+j] = src[l·ld+j], l in [0,k).")
	c.Pragma("noescape")
	dst, src, ld, k := c.panelArgs()
	y0, y1 := c.YMM(), c.YMM()
	c.Label("loop")
	c.VMOVUPS(Mem{Base: src}, y0)
	c.VMOVUPS(Mem{Base: src, Disp: 32}, y1)
	c.VMOVUPS(y0, Mem{Base: dst})
	c.VMOVUPS(y1, Mem{Base: dst, Disp: 32})
	c.ADDQ(ld, src)
	c.ADDQ(Imm(64), dst)
	c.DECQ(k)
	c.JNZ(LabelRef("loop"))
	c.VZEROUPPER()
	c.RET()
}

func packCols6(c *asm) {
	c.Function("packCols6AVX2")
	c.SignatureExpr("func(dst, src *float32, ld, k int)")
	c.Doc("packCols6AVX2 copies k rows of 6: dst[l·6+j] = src[l·ld+j], l in [0,k).")
	c.Pragma("noescape")
	dst, src, ld, k := c.panelArgs()
	x0, x1 := c.XMM(), c.XMM()
	c.Label("loop")
	c.VMOVUPS(Mem{Base: src}, x0)
	c.VMOVSD(Mem{Base: src, Disp: 16}, x1)
	c.VMOVUPS(x0, Mem{Base: dst})
	c.VMOVSD(x1, Mem{Base: dst, Disp: 16})
	c.ADDQ(ld, src)
	c.ADDQ(Imm(24), dst)
	c.DECQ(k)
	c.JNZ(LabelRef("loop"))
	c.RET()
}

// packRows16 writes the transposition of 16 rows, in blocks of 8×8.
func packRows16(c *asm) {
	c.Function("packRows16AVX2")
	c.SignatureExpr("func(dst, src *float32, ld, k int)")
	c.Doc("packRows16AVX2 transposes 16 rows of k, k a multiple of 8:",
		"dst[l·16+j] = src[j·ld+l], l in [0,k).")
	c.Pragma("noescape")
	dst, src, ld, k := c.panelArgs()
	ld3 := c.GP64()
	c.LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, ld3)
	hi := c.GP64() // row 8
	c.LEAQ(Mem{Base: src, Index: ld, Scale: 8}, hi)
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
		for i, y := range c.transpose8(r) {
			c.VMOVUPS(y, Mem{Base: dst, Disp: 64*i + 32*half})
		}
	}
	c.ADDQ(Imm(32), src)
	c.ADDQ(Imm(32), hi)
	c.ADDQ(U32(512), dst)
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
