// Package tensor says how numbers lie in memory: the element types of the GGUF
// format, a tensor as a name, a type, a shape and bytes, and the conversion of
// quantised blocks to and from float32. It computes nothing else; package kernel
// does. All functions are safe for concurrent use on different destinations.
package tensor

import "fmt"

// Type is an element type, with the number that GGUF files use for it.
type Type uint32

// The types of the GGUF format. Those not Supported are here to be named in errors.
const (
	F32     Type = 0
	F16     Type = 1
	Q4_0    Type = 2
	Q4_1    Type = 3
	Q5_0    Type = 6
	Q5_1    Type = 7
	Q8_0    Type = 8
	Q8_1    Type = 9
	Q2_K    Type = 10
	Q3_K    Type = 11
	Q4_K    Type = 12
	Q5_K    Type = 13
	Q6_K    Type = 14
	Q8_K    Type = 15
	IQ2_XXS Type = 16
	IQ2_XS  Type = 17
	IQ3_XXS Type = 18
	IQ1_S   Type = 19
	IQ4_NL  Type = 20
	IQ3_S   Type = 21
	IQ2_S   Type = 22
	IQ4_XS  Type = 23
	I8      Type = 24
	I16     Type = 25
	I32     Type = 26
	I64     Type = 27
	F64     Type = 28
	IQ1_M   Type = 29
	BF16    Type = 30
	TQ1_0   Type = 34
	TQ2_0   Type = 35
	MXFP4   Type = 39
	NVFP4   Type = 40
	Q1_0    Type = 41
	Q2_0    Type = 42
)

type layout struct {
	name       string
	len, bytes int  // elements and bytes of one block
	supported  bool // Dequantize reads it, products are computed with it
	writable   bool // Quantize writes it
}

// layouts holds the block layout of each type, as ggml's type table has it.
// It is an array since every matrix product asks.
var layouts = [...]layout{
	F32: {"F32", 1, 4, true, true}, F16: {"F16", 1, 2, true, true}, BF16: {"BF16", 1, 2, true, true},
	Q8_0: {"Q8_0", 32, 34, true, true}, Q4_0: {"Q4_0", 32, 18, true, true},
	Q4_1: {"Q4_1", 32, 20, true, true}, Q5_0: {"Q5_0", 32, 22, true, true}, Q5_1: {"Q5_1", 32, 24, true, true}, Q8_1: {"Q8_1", 32, 36, false, false},
	Q2_K: {"Q2_K", 256, 84, true, false}, Q3_K: {"Q3_K", 256, 110, true, false}, Q4_K: {"Q4_K", 256, 144, true, true}, Q5_K: {"Q5_K", 256, 176, true, true},
	Q6_K: {"Q6_K", 256, 210, true, true}, Q8_K: {"Q8_K", 256, 292, false, false},
	IQ2_XXS: {"IQ2_XXS", 256, 66, false, false}, IQ2_XS: {"IQ2_XS", 256, 74, false, false}, IQ3_XXS: {"IQ3_XXS", 256, 98, false, false}, IQ1_S: {"IQ1_S", 256, 50, false, false},
	IQ4_NL: {"IQ4_NL", 32, 18, true, false}, IQ3_S: {"IQ3_S", 256, 110, false, false}, IQ2_S: {"IQ2_S", 256, 82, false, false}, IQ4_XS: {"IQ4_XS", 256, 136, true, false}, IQ1_M: {"IQ1_M", 256, 56, false, false},
	I8: {"I8", 1, 1, false, false}, I16: {"I16", 1, 2, false, false}, I32: {"I32", 1, 4, false, false}, I64: {"I64", 1, 8, false, false}, F64: {"F64", 1, 8, false, false},
	TQ1_0: {"TQ1_0", 256, 54, false, false}, TQ2_0: {"TQ2_0", 256, 66, false, false}, MXFP4: {"MXFP4", 32, 17, true, false},
	NVFP4: {"NVFP4", 64, 36, false, false}, Q1_0: {"Q1_0", 128, 18, false, false}, Q2_0: {"Q2_0", 64, 18, false, false},
}

// withdrawn names the numbers of types that ggml once had: files with them cannot
// be read by anyone any more, and their blocks are not described here.
var withdrawn = map[Type]string{
	4: "Q4_2", 5: "Q4_3", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8",
}

// String is the type's name, or its number for one unknown.
func (t Type) String() string {
	if t.Known() {
		return layouts[t].name
	}
	if name, ok := withdrawn[t]; ok {
		return name + " (withdrawn)"
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// Known reports whether the type's block layout is known.
func (t Type) Known() bool { return t < Type(len(layouts)) && layouts[t].len > 0 }

// Supported reports whether this program computes with the type.
func (t Type) Supported() bool { return t.Known() && layouts[t].supported }

// Writable reports whether Quantize makes the type.
func (t Type) Writable() bool { return t.Known() && layouts[t].writable }

// BlockLen is the number of elements of one block, 0 for an unknown type.
func (t Type) BlockLen() int { return t.layout().len }

// BlockBytes is the number of bytes of one block, 0 for an unknown type.
func (t Type) BlockBytes() int { return t.layout().bytes }

func (t Type) layout() layout {
	if !t.Known() {
		return layout{}
	}
	return layouts[t]
}

// Bytes is the size of n elements, n a multiple of BlockLen. It panics on another n
// and on an unknown type.
func (t Type) Bytes(n int) int {
	l := t.layout()
	if l.len == 0 || n%l.len != 0 {
		panic(fmt.Sprintf("tensor: %d elements are no whole blocks of %v", n, t))
	}
	return n / l.len * l.bytes
}

// Tensor is a named array. Shape is row-major, slowest dimension first: a weight
// matrix is [out, in], the experts' matrices [experts, out, in]. Data may lie in a
// read-only mapped file and start at any address. Whoever makes a Tensor sees to it
// that Shape, Type and Data fit each other.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int
	Data  []byte
}

// Len is the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Float32 returns the elements, converted. It allocates 4 bytes an element.
func (t Tensor) Float32() []float32 {
	out := make([]float32, t.Len())
	Dequantize(out, t.Type, t.Data)
	return out
}
