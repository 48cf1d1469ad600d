package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// f32 is 8 copies of v in memory, to be used as an operand.
func (c *asm) f32(v float32) Mem {
	return c.words(fmt.Sprintf("f%08x", math.Float32bits(v)), 8, func(int) uint32 { return math.Float32bits(v) })
}

// words is a table of n words in memory, one for each name in a file.
func (c *asm) words(name string, n int, word func(i int) uint32) Mem {
	if m, ok := c.data[name]; ok {
		return m
	}
	m := c.StaticGlobal(c.file + "_" + name)
	c.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range n {
		c.AddDatum(4*i, U32(word(i)))
	}
	c.data[name] = m
	return m
}

// label returns a name that is new in the file.
func (c *asm) label(what string) string {
	c.labels++
	return fmt.Sprintf("%s%d", what, c.labels)
}

// vectors is the loop over slices of float32 of one length, 8 elements at a time
// and the rest under a mask.
type vectors struct {
	c    *asm
	i    reg.GPVirtual  // offset of the current elements, in bytes
	mask reg.VecVirtual // nil in the main loop
}

// each writes body for all groups of 8 of n elements: first for the full groups,
// in a loop, then once more for the rest, where loads yield 0 for what is missing
// and stores leave it out. n is destroyed.
func (c *asm) each(n reg.GPVirtual, body func(v *vectors)) {
	loop, tail, done := c.label("loop"), c.label("tail"), c.label("done")
	v := &vectors{c: c, i: c.GP64()}
	c.XORQ(v.i, v.i)
	c.SUBQ(Imm(8), n)
	c.JL(LabelRef(tail))
	c.Label(loop)
	body(v)
	c.ADDQ(Imm(32), v.i)
	c.SUBQ(Imm(8), n)
	c.JGE(LabelRef(loop))
	c.Label(tail)
	c.ADDQ(Imm(8), n)
	c.JZ(LabelRef(done))
	v.mask = c.tailMask(n)
	body(v)
	c.Label(done)
}

// tailMask has all bits set in the first n of 8 lanes, 0 < n < 8.
func (c *asm) tailMask(n reg.GPVirtual) reg.VecVirtual {
	table := c.words("mask", 16, func(i int) uint32 {
		if i < 8 {
			return math.MaxUint32
		}
		return 0
	})
	at := c.GP64()
	c.LEAQ(table.Offset(32), at)
	c.SHLQ(Imm(2), n)
	c.SUBQ(n, at)
	m := c.YMM()
	c.VMOVUPS(Mem{Base: at}, m)
	return m
}

func (v *vectors) load(p reg.Register) reg.VecVirtual {
	y := v.c.YMM()
	m := Mem{Base: p, Index: v.i, Scale: 1}
	if v.mask == nil {
		v.c.VMOVUPS(m, y)
	} else {
		v.c.VMASKMOVPS(m, v.mask, y)
	}
	return y
}

func (v *vectors) store(y reg.VecVirtual, p reg.Register) {
	m := Mem{Base: p, Index: v.i, Scale: 1}
	if v.mask == nil {
		v.c.VMOVUPS(y, m)
	} else {
		v.c.VMASKMOVPS(y, v.mask, m)
	}
}

// broadcast fills a register with the float32 parameter called name.
func (c *asm) broadcast(name string) reg.VecVirtual {
	p, err := c.Param(name).Resolve()
	if err != nil {
		fail(name, err)
	}
	y := c.YMM()
	c.VBROADCASTSS(p.Addr, y)
	return y
}

// args loads pointer or integer parameters.
func (c *asm) args(names ...string) []reg.GPVirtual {
	var out []reg.GPVirtual
	for _, name := range names {
		r := c.GP64()
		c.Load(c.Param(name), r)
		out = append(out, r)
	}
	return out
}

// fold reduces the 8 lanes of y with op to the lowest lane of the result, in the
// order ((0+4)+(2+6)) + ((1+5)+(3+7)).
func (c *asm) fold(y reg.VecVirtual, op func(ops ...Op)) reg.VecVirtual {
	x, h := y.AsX(), c.XMM()
	c.VEXTRACTF128(Imm(1), y, h)
	op(h, x, x)
	c.VMOVHLPS(x, x, h)
	op(h, x, x)
	c.VPSHUFD(Imm(1), x, h)
	op(h, x, x)
	return x.(reg.VecVirtual)
}

// result returns the lowest lane of x.
func (c *asm) result(x reg.Register) {
	c.VZEROUPPER()
	c.Store(x, c.ReturnIndex(0))
	c.RET()
}

func (c *asm) end() {
	c.VZEROUPPER()
	c.RET()
}

// declare opens a function.
func (c *asm) declare(name, signature string, doc ...string) {
	c.Function(name)
	c.SignatureExpr(signature)
	c.Doc(doc...)
	c.Pragma("noescape")
}
