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
		"a type for reading": func() { Dequantize(make([]float32, 32), Q5_0, make([]byte, 22)) },
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
