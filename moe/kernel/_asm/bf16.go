package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The instructions for bfloat16, which Go's assembler does not know: their prefix and
// opcode in the map 0F38 (Intel 64 and IA-32 Architectures Software Developer's Manual,
// volume 2).
var (
	vdpbf16ps      = [2]byte{2, 0x52} // z += x·y, pairs of products
	vcvtne2ps2bf16 = [2]byte{3, 0x72} // z = y and, in the upper half, x, rounded
)

// z512 are the vector registers, by number.
var z512 = []reg.Register{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}

// registers allocates vector registers one after the other. For code with instructions of
// evex they are given ones: what is written as bytes the allocator cannot see.
func (c *asm) registers(w width) func() reg.Register {
	next := 0
	return func() reg.Register {
		if w != bf16 {
			return w.reg(c)
		}
		next++
		return z512[next-1]
	}
}

// evex writes an instruction on three registers of 512 bits as bytes.
func (c *asm) evex(instruction [2]byte, y, x, z reg.Register) {
	n := func(r reg.Register) uint32 { return uint32(r.(reg.Physical).PhysicalIndex()) }
	not := func(r reg.Register, bit int) uint32 { return ^n(r) >> bit & 1 }
	p0 := 2 | not(z, 3)<<7 | not(y, 4)<<6 | not(y, 3)<<5 | not(z, 4)<<4
	p1 := (^n(x)&15)<<3 | 4 | uint32(instruction[0])
	p2 := 0x40 | not(x, 4)<<3
	modrm := 0xc0 | n(z)&7<<3 | n(y)&7
	c.Instruction(&ir.Instruction{Opcode: "LONG", Operands: []Op{U32(0x62 | p0<<8 | p1<<16 | p2<<24)}})
	c.Instruction(&ir.Instruction{Opcode: "WORD", Operands: []Op{U16(uint32(instruction[1]) | modrm<<8)}})
}

func bf16File(c *asm) {
	pairRows(c)
	for _, width := range []int{12, 32} {
		pairCols(c, width)
	}
}

// pairRows writes the rounding of rows in which the numbers of pairs lie side by side.
func pairRows(c *asm) {
	c.Function("pairRowsBF16")
	c.SignatureExpr("func(dst *float32, ldd int, src *float32, ld, rows, k int)")
	c.Doc("pairRowsBF16 rounds rows of k numbers to bfloat16, k a multiple of 32:",
		"dst[i·ldd+l] = (src[i·ld+2l], src[i·ld+2l+1]), l in [0,k/2).")
	c.Pragma("noescape")
	var args [6]reg.GPVirtual
	for i, name := range []string{"dst", "ldd", "src", "ld", "rows", "k"} {
		args[i] = c.GP64()
		c.Load(c.Param(name), args[i])
	}
	dst, ldd, src, ld, rows, k := args[0], args[1], args[2], args[3], args[4], args[5]
	c.SHLQ(Imm(2), ld)
	c.SHLQ(Imm(2), ldd)
	from, to, left := c.GP64(), c.GP64(), c.GP64()
	c.Label("row")
	c.MOVQ(src, from)
	c.MOVQ(dst, to)
	c.MOVQ(k, left)
	c.Label("loop")
	c.VMOVUPS(Mem{Base: from}, reg.Z0)
	c.VMOVUPS(Mem{Base: from, Disp: 64}, reg.Z1)
	c.evex(vcvtne2ps2bf16, reg.Z0, reg.Z1, reg.Z2)
	c.VMOVUPS(reg.Z2, Mem{Base: to})
	c.ADDQ(U32(128), from)
	c.ADDQ(Imm(64), to)
	c.SUBQ(Imm(32), left)
	c.JNZ(LabelRef("loop"))
	c.ADDQ(ld, src)
	c.ADDQ(ldd, dst)
	c.DECQ(rows)
	c.JNZ(LabelRef("row"))
	c.VZEROUPPER()
	c.RET()
}

// pairCols writes the copy of a panel whose rows lie in order, two of them made pairs.
func pairCols(c *asm, width int) {
	name := fmt.Sprintf("pairCols%dBF16", width)
	c.Function(name)
	c.SignatureExpr("func(dst, src *float32, ld, k int)")
	c.Doc(fmt.Sprintf("%s rounds k rows of %d to bfloat16, k even, and makes pairs of them:", name, width),
		fmt.Sprintf("dst[l·%d+j] = (src[2l·ld+j], src[(2l+1)·ld+j]), l in [0,k/2).", width))
	c.Pragma("noescape")
	dst, src, ld, k := c.panelArgs()
	c.VMOVDQU16(c.words("interleave", 16, func(i int) uint32 { return uint32(i | (16+i)<<16) }), reg.Z3)
	left := c.GP32()
	c.MOVL(U32(1<<(width%16)-1), left)
	c.KMOVW(left, reg.K1)
	c.Label("loop")
	for at := 0; at < width; at += 16 {
		from, to := Mem{Base: src, Disp: 4 * at}, Mem{Base: dst, Disp: 4 * at}
		next := Mem{Base: src, Disp: 4 * at, Index: ld, Scale: 1}
		whole := at+16 <= width
		if whole {
			c.VMOVUPS(from, reg.Z0)
			c.VMOVUPS(next, reg.Z1)
		} else {
			c.VMOVUPS_Z(from, reg.K1, reg.Z0)
			c.VMOVUPS_Z(next, reg.K1, reg.Z1)
		}
		c.evex(vcvtne2ps2bf16, reg.Z0, reg.Z1, reg.Z2)
		c.VPERMW(reg.Z2, reg.Z3, reg.Z4)
		if whole {
			c.VMOVUPS(reg.Z4, to)
		} else {
			c.VMOVUPS(reg.Z4, reg.K1, to)
		}
	}
	c.LEAQ(Mem{Base: src, Index: ld, Scale: 2}, src)
	c.ADDQ(U32(4*width), dst)
	c.SUBQ(Imm(2), k)
	c.JNZ(LabelRef("loop"))
	c.VZEROUPPER()
	c.RET()
}
