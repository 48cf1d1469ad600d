package tensor

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// Random blocks of each type with their values, computed by the Python package gguf
// 0.17 (quants.dequantize), which shares no code with this one.
func TestBlocksOfAllTypes(t *testing.T) {
	raw, err := os.ReadFile("testdata/blocks.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct{ Blocks, Values []byte }
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	for typ := range Type(len(layouts)) {
		if !typ.Supported() || typ == F32 || typ == F16 || typ == BF16 {
			continue
		}
		g, ok := golden[typ.String()]
		if !ok {
			t.Errorf("%v: no golden blocks", typ)
			continue
		}
		got := make([]float32, len(g.Values)/4)
		Dequantize(got, typ, g.Blocks)
		for i, v := range got {
			want := math.Float32frombits(binary.LittleEndian.Uint32(g.Values[4*i:]))
			if d := math.Abs(float64(v - want)); !(d <= 1e-5*math.Abs(float64(want))+1e-6) {
				t.Errorf("%v: element %d is %v, want %v", typ, i, v, want)
				break
			}
		}
	}
}

// rms is the root mean square of the rounding error relative to x's.
func rms(typ Type, x []float32) float64 {
	b, y := make([]byte, typ.Bytes(len(x))), make([]float32, len(x))
	Quantize(b, typ, x)
	Dequantize(y, typ, b)
	e, s := 0.0, 0.0
	for i := range x {
		d := float64(x[i] - y[i])
		e += d * d
		s += float64(x[i]) * float64(x[i])
	}
	return math.Sqrt(e / s)
}

// The errors of normal weights; the bounds are a tenth above what was measured.
func TestQuantisersAreClose(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 256*64)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	for _, tc := range []struct {
		typ   Type
		bound float64
	}{{Q8_0, 0.006}, {Q6_K, 0.019}, {Q5_1, 0.042}, {Q5_0, 0.047}, {Q5_K, 0.04}, {Q4_1, 0.086}, {Q4_0, 0.095}, {Q4_K, 0.079}} {
		got := rms(tc.typ, x)
		t.Logf("%v: %.4f", tc.typ, got)
		if !(got <= tc.bound) {
			t.Errorf("%v: relative error %.4f, want at most %.4f", tc.typ, got, tc.bound)
		}
	}
}

// A block that a type can hold exactly is held exactly, and quantising again changes
// nothing.
func TestQuantisingTwiceIsOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for typ := range Type(len(layouts)) {
		if !typ.Writable() {
			continue
		}
		x := make([]float32, 512)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		b, y := make([]byte, typ.Bytes(512)), make([]float32, 512)
		Quantize(b, typ, x)
		Dequantize(y, typ, b)
		first := rms(typ, x)
		if again := rms(typ, y); again > first/3 {
			t.Errorf("%v: quantising what was quantised errs by %.4f, at first %.4f", typ, again, first)
		}
	}
}

func TestQuantisersOfZerosAndConstants(t *testing.T) {
	for typ := range Type(len(layouts)) {
		if !typ.Writable() {
			continue
		}
		for _, c := range []float32{0, 1, -1, 0.05, -300} {
			x := make([]float32, 256)
			for i := range x {
				x[i] = c
			}
			b, y := make([]byte, typ.Bytes(256)), make([]float32, 256)
			Quantize(b, typ, x)
			Dequantize(y, typ, b)
			for i, v := range y {
				if d := math.Abs(float64(v - c)); d > 0.02*math.Abs(float64(c)) {
					t.Errorf("%v: element %d of a block of %v is %v", typ, i, c, v)
					break
				}
			}
		}
	}
}
