package tensor

import (
	"encoding/binary"
	"math"
)

// Types with blocks of 32 elements beside Q8_0 and Q4_0. Wherever four bits stand for
// an element, byte j of the 16 holds element j in its low half and element j+16 in
// its high half. Layouts are those of ggml's block structures.

func half(b []byte) float32 { return F16ToF32(binary.LittleEndian.Uint16(b)) }

// Q4_1: scale d, minimum m (halves), 16 bytes of 4 bits: d·q + m.
func readQ4_1(dst []float32, b []byte) {
	d, m := half(b), half(b[2:])
	for j, q := range b[4:20] {
		dst[j] = d*float32(q&15) + m
		dst[j+16] = d*float32(q>>4) + m
	}
}

// Q5_0: scale d (half), a word with the fifth bits, 16 bytes of 4 bits: d·(q - 16).
func readQ5_0(dst []float32, b []byte) {
	d, high := half(b), binary.LittleEndian.Uint32(b[2:])
	for j, q := range b[6:22] {
		dst[j] = d * float32(int(uint32(q&15)|high>>j&1<<4)-16)
		dst[j+16] = d * float32(int(uint32(q>>4)|high>>(j+16)&1<<4)-16)
	}
}

// Q5_1: scale d, minimum m (halves), a word with the fifth bits, 16 bytes: d·q + m.
func readQ5_1(dst []float32, b []byte) {
	d, m, high := half(b), half(b[2:]), binary.LittleEndian.Uint32(b[4:])
	for j, q := range b[8:24] {
		dst[j] = d*float32(uint32(q&15)|high>>j&1<<4) + m
		dst[j+16] = d*float32(uint32(q>>4)|high>>(j+16)&1<<4) + m
	}
}

// nonlinear are the 16 values of IQ4_NL and IQ4_XS, denser near zero.
var nonlinear = [16]float32{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// IQ4_NL: scale d (half), 16 bytes of indexes: d·nonlinear[q].
func readIQ4NL(dst []float32, b []byte) {
	d := half(b)
	for j, q := range b[2:18] {
		dst[j] = d * nonlinear[q&15]
		dst[j+16] = d * nonlinear[q>>4]
	}
}

// e2m1 are the values of a 4-bit float with two bits of exponent and one of mantissa
// (OCP Microscaling Formats, 2023, section 5.3.3), doubled.
var e2m1 = [16]float32{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

// MXFP4: an exponent e, 16 bytes: 2^(e-127)·q, q an E2M1 float.
func readMXFP4(dst []float32, b []byte) {
	d := float32(math.Ldexp(1, int(b[0])-128)) // half of it, for values that are doubled
	for j, q := range b[1:17] {
		dst[j] = d * e2m1[q&15]
		dst[j+16] = d * e2m1[q>>4]
	}
}

// spread is the smallest and the largest element.
func spread(x []float32) (lo, hi float32) {
	lo, hi = x[0], x[0]
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

// inverse is 1/d, and 0 for 0.
func inverse(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}

func putHalf(b []byte, v float32) { binary.LittleEndian.PutUint16(b, F32ToF16(v)) }

func writeQ4_1(b []byte, x []float32) {
	lo, hi := spread(x)
	d := (hi - lo) / 15
	inv := inverse(d)
	putHalf(b, d)
	putHalf(b[2:], lo)
	for j := range 16 {
		b[4+j] = upTo(15, (x[j]-lo)*inv+0.5) | upTo(15, (x[j+16]-lo)*inv+0.5)<<4
	}
}

// upTo cuts v off to a whole number from 0 to top.
func upTo(top byte, v float32) byte { return min(top, byte(int8(v))) }

func writeQ5_0(b []byte, x []float32) {
	var top, signed float32
	for _, v := range x {
		if a := float32(math.Abs(float64(v))); a > top {
			top, signed = a, v
		}
	}
	d := signed / -16
	inv := inverse(d)
	putHalf(b, d)
	var high uint32
	for j := range 16 {
		lo, hi := upTo(31, float32(x[j]*inv)+16.5), upTo(31, float32(x[j+16]*inv)+16.5)
		b[6+j] = lo&15 | hi&15<<4
		high |= uint32(lo>>4)<<j | uint32(hi>>4)<<(j+16)
	}
	binary.LittleEndian.PutUint32(b[2:], high)
}

func writeQ5_1(b []byte, x []float32) {
	lo, hi := spread(x)
	d := (hi - lo) / 31
	inv := inverse(d)
	putHalf(b, d)
	putHalf(b[2:], lo)
	var high uint32
	for j := range 16 {
		l, h := upTo(31, (x[j]-lo)*inv+0.5), upTo(31, (x[j+16]-lo)*inv+0.5)
		b[8+j] = l&15 | h&15<<4
		high |= uint32(l>>4)<<j | uint32(h>>4)<<(j+16)
	}
	binary.LittleEndian.PutUint32(b[4:], high)
}
