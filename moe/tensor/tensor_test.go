package tensor

import (
	"math"
	"testing"
)

func TestHalves(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		f := F16ToF32(h)
		if math.IsNaN(float64(f)) {
			if h&0x7c00 != 0x7c00 || h&0x3ff == 0 {
				t.Fatalf("%04x is NaN", h)
			}
			if back := F32ToF16(f); back&0x7c00 != 0x7c00 || back&0x3ff == 0 {
				t.Fatalf("NaN %04x becomes %04x", h, back)
			}
			continue
		}
		if back := F32ToF16(f); back != h {
			t.Fatalf("%04x is %v, which becomes %04x", h, f, back)
		}
		// the definition: (-1)^s · 2^(e-15) · 1.f, or 2^-14 · 0.f
		want := float64(h&0x3ff) / 1024
		if e := int(h >> 10 & 31); e == 31 {
			want = math.Inf(1)
		} else if e > 0 {
			want = math.Ldexp(1+want, e-15)
		} else {
			want = math.Ldexp(want, -14)
		}
		if h&0x8000 != 0 {
			want = -want
		}
		if float64(f) != want {
			t.Fatalf("%04x is %v, want %v", h, f, want)
		}
	}
}

func TestRoundingToHalf(t *testing.T) {
	for _, tc := range []struct {
		f    float64
		want uint16
	}{
		{0, 0}, {math.Copysign(0, -1), 0x8000}, {1, 0x3c00}, {-2, 0xc000}, {65504, 0x7bff}, {65519.99, 0x7bff}, {65520, 0x7c00}, {math.Inf(-1), 0xfc00},
		{1 + 1.0/2048, 0x3c00}, {1 + 3.0/2048, 0x3c02}, {1 + 1.1/2048, 0x3c01}, // ties to even
		{math.Ldexp(1, -24), 1}, {math.Ldexp(1, -25), 0}, {math.Ldexp(1.01, -25), 1}, {math.Ldexp(3, -25), 2}, {math.Ldexp(1, -40), 0}, {math.Ldexp(1, -14), 0x400},
		{math.Ldexp(1023.5, -24), 0x400},
	} {
		if got := F32ToF16(float32(tc.f)); got != tc.want {
			t.Errorf("%v becomes %04x, want %04x", tc.f, got, tc.want)
		}
	}
}

func TestBF16(t *testing.T) {
	for _, tc := range []struct {
		f    uint32
		want uint16
	}{{0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82}, {0x3f808001, 0x3f81}, {0x7f800000, 0x7f80}, {0x7f800001, 0x7fc0}, {0x7f7fffff, 0x7f80}} {
		if got := F32ToBF16(math.Float32frombits(tc.f)); got != tc.want {
			t.Errorf("%08x becomes %04x, want %04x", tc.f, got, tc.want)
		}
	}
	if got := BF16ToF32(0xc040); got != -3 {
		t.Errorf("c040 is %v, want -3", got)
	}
}

func TestBlocks(t *testing.T) {
	x := make([]float32, 64)
	for i := range x {
		x[i] = float32(math.Sin(float64(i))) * 3
	}
	for typ, bound := range map[Type]float64{F32: 0, F16: 3.0 / 2048, BF16: 3.0 / 256, Q8_0: 3.0 / 127, Q4_0: 3.0 / 7} {
		b := make([]byte, typ.Bytes(64))
		Quantize(b, typ, x)
		y := make([]float32, 64)
		Dequantize(y, typ, b)
		for i := range x {
			if d := math.Abs(float64(x[i] - y[i])); d > bound {
				t.Errorf("%v: element %d is %v, was %v", typ, i, y[i], x[i])
			}
		}
	}
	zero := make([]byte, Q8_0.Bytes(32))
	Quantize(zero, Q8_0, make([]float32, 32))
	for _, v := range zero {
		if v != 0 {
			t.Fatalf("a zero block becomes % x", zero)
		}
	}
}

func TestSizesThatDoNotFitPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"half a block":       func() { Q8_0.Bytes(33) },
		"too few bytes":      func() { Dequantize(make([]float32, 32), Q8_0, make([]byte, 33)) },
		"a type for reading": func() { Dequantize(make([]float32, 256), IQ2_XXS, make([]byte, 66)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// Sizes of one block as ggml's static assertions have them, and names.
func TestTypes(t *testing.T) {
	for _, tc := range []struct {
		typ        Type
		name       string
		len, bytes int
	}{
		{F32, "F32", 1, 4}, {F16, "F16", 1, 2}, {BF16, "BF16", 1, 2}, {Q4_0, "Q4_0", 32, 18}, {Q4_1, "Q4_1", 32, 20}, {Q8_0, "Q8_0", 32, 34},
		{Q4_K, "Q4_K", 256, 2*2 + 12 + 128}, {Q5_K, "Q5_K", 256, 2*2 + 12 + 32 + 128}, {Q6_K, "Q6_K", 256, 128 + 64 + 16 + 2}, {Q3_K, "Q3_K", 256, 32 + 64 + 12 + 2},
		{Q2_K, "Q2_K", 256, 16 + 64 + 4}, {IQ1_M, "IQ1_M", 256, 32 + 16 + 8}, {MXFP4, "MXFP4", 32, 17}, {NVFP4, "NVFP4", 64, 36}, {F64, "F64", 1, 8},
		{4, "Q4_2 (withdrawn)", 0, 0}, {31, "Q4_0_4_4 (withdrawn)", 0, 0}, {99, "type 99", 0, 0}, {1<<32 - 1, "type 4294967295", 0, 0},
	} {
		if tc.typ.String() != tc.name || tc.typ.BlockLen() != tc.len || tc.typ.BlockBytes() != tc.bytes {
			t.Errorf("type %d is %v with %d elements in %d bytes, want %s with %d in %d",
				uint32(tc.typ), tc.typ, tc.typ.BlockLen(), tc.typ.BlockBytes(), tc.name, tc.len, tc.bytes)
		}
		if tc.typ.Known() != (tc.len > 0) {
			t.Errorf("%v: known is %v", tc.typ, tc.typ.Known())
		}
	}
}

// Blocks of the reference quantisers worked out by hand.
func TestQuantizedBlocks(t *testing.T) {
	x := make([]float32, 32)
	x[0], x[1], x[2], x[3], x[16], x[17] = -16, 15, 1, -1, 3, 14.9 // scale of Q4_0: -16 / -8 = 2
	b := make([]byte, Q4_0.Bytes(32))
	Quantize(b, Q4_0, x)
	// x/2 + 8.5 cut off: 0.5, 16 (cut to 15), 9, 8, 10, 15.95
	want := []byte{0x00, 0x40, 0x0 | 10<<4, 15 | 15<<4, 9 | 8<<4, 8 | 8<<4}
	for i := range want {
		if b[i] != want[i] {
			t.Fatalf("Q4_0 is % x, want % x at the start", b, want)
		}
	}
	x[0], x[1], x[2], x[3] = -127, 0.5, -0.5, 1.49 // scale of Q8_0: 1; halves are rounded away from zero
	b = make([]byte, Q8_0.Bytes(32))
	Quantize(b, Q8_0, x)
	want = []byte{0x00, 0x3c, 0x81, 1, 0xff, 1}
	for i := range want {
		if b[i] != want[i] {
			t.Fatalf("Q8_0 is % x, want % x at the start", b, want)
		}
	}
}

// What is not a number must neither panic nor spoil another block.
func TestQuantizeOddities(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, v := range []float32{float32(math.NaN()), inf, -inf, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, math.MaxFloat32} {
		for _, typ := range []Type{Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, F16, BF16, F32} {
			x := make([]float32, 96)
			for i := range x {
				x[i] = float32(i%5) - 2
			}
			clean := make([]byte, typ.Bytes(96))
			Quantize(clean, typ, x)
			x[40] = v
			b := make([]byte, typ.Bytes(96))
			Quantize(b, typ, x)
			third := len(b) / 3
			if string(b[:third]) != string(clean[:third]) || string(b[2*third:]) != string(clean[2*third:]) {
				t.Errorf("%v: %v in the second block changes another", typ, v)
			}
			Dequantize(x, typ, b)
		}
	}
}

func BenchmarkDequantize(b *testing.B) {
	x := make([]float32, 1<<16)
	for i := range x {
		x[i] = float32(math.Sin(float64(i)))
	}
	for _, typ := range []Type{F16, BF16, Q8_0, Q4_0} {
		data := make([]byte, typ.Bytes(len(x)))
		Quantize(data, typ, x)
		b.Run(typ.String(), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				Dequantize(x, typ, data)
			}
		})
	}
}
