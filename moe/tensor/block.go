package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Dequantize converts src, whole blocks of a supported type, to dst. It panics on
// a type that is not Supported and on a size that does not fit.
func Dequantize(dst []float32, t Type, src []byte) {
	check(len(dst), t, len(src), t.Supported())
	le := binary.LittleEndian
	switch t {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(src[4*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = F16ToF32(le.Uint16(src[2*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = BF16ToF32(le.Uint16(src[2*i:]))
		}
	case Q8_0: // scale (half), 32 signed bytes
		for i := 0; i < len(dst); i, src = i+32, src[34:] {
			d := F16ToF32(le.Uint16(src))
			for j, q := range src[2:34] {
				dst[i+j] = d * float32(int8(q))
			}
		}
	case Q4_0: // scale (half), 16 bytes: low nibbles are elements 0 to 15, high ones 16 to 31, minus 8
		for i := 0; i < len(dst); i, src = i+32, src[18:] {
			d := F16ToF32(le.Uint16(src))
			for j, q := range src[2:18] {
				dst[i+j] = d * float32(int(q&15)-8)
				dst[i+j+16] = d * float32(int(q>>4)-8)
			}
		}
	default:
		n, size := t.BlockLen(), t.BlockBytes()
		for ; len(dst) > 0; dst, src = dst[n:], src[size:] {
			readBlock(dst[:n], t, src[:size])
		}
	}
}

func readBlock(dst []float32, t Type, b []byte) {
	switch t {
	case Q4_1:
		readQ4_1(dst, b)
	case Q5_0:
		readQ5_0(dst, b)
	case Q5_1:
		readQ5_1(dst, b)
	case IQ4_NL:
		readIQ4NL(dst, b)
	case IQ4_XS:
		readIQ4XS(dst, b)
	case MXFP4:
		readMXFP4(dst, b)
	case Q2_K:
		readQ2K(dst, b)
	case Q3_K:
		readQ3K(dst, b)
	case Q4_K:
		readQ4K(dst, b)
	case Q5_K:
		readQ5K(dst, b)
	case Q6_K:
		readQ6K(dst, b)
	}
}

// Quantize converts src to dst, whole blocks of a Writable type. For F16, BF16, Q8_0,
// Q4_0, Q4_1, Q5_0 and Q5_1 rounding is that of ggml's reference quantisers, so that
// both write the same bytes; for the K types the scales are searched in a way of
// our own. What becomes of NaN and infinity in a quantised block is not defined. It
// panics as Dequantize does.
func Quantize(dst []byte, t Type, src []float32) {
	check(len(src), t, len(dst), t.Writable())
	le := binary.LittleEndian
	switch t {
	case F32:
		for i, v := range src {
			le.PutUint32(dst[4*i:], math.Float32bits(v))
		}
	case F16:
		for i, v := range src {
			le.PutUint16(dst[2*i:], F32ToF16(v))
		}
	case BF16:
		for i, v := range src {
			le.PutUint16(dst[2*i:], F32ToBF16(v))
		}
	case Q8_0:
		for ; len(src) > 0; src, dst = src[32:], dst[34:] {
			quantizeQ8(dst, src[:32])
		}
	case Q4_0:
		for ; len(src) > 0; src, dst = src[32:], dst[18:] {
			quantizeQ4(dst, src[:32])
		}
	default:
		n, size := t.BlockLen(), t.BlockBytes()
		for ; len(src) > 0; src, dst = src[n:], dst[size:] {
			writeBlock(dst[:size], t, src[:n])
		}
	}
}

func writeBlock(b []byte, t Type, x []float32) {
	switch t {
	case Q4_1:
		writeQ4_1(b, x)
	case Q5_0:
		writeQ5_0(b, x)
	case Q5_1:
		writeQ5_1(b, x)
	case Q4_K:
		writeQ4K(b, x)
	case Q5_K:
		writeQ5K(b, x)
	case Q6_K:
		writeQ6K(b, x)
	}
}

func quantizeQ8(dst []byte, x []float32) {
	var top float32
	for _, v := range x {
		top = max(top, float32(math.Abs(float64(v))))
	}
	d := top / 127
	var inv float32
	if d != 0 {
		inv = 1 / d
	}
	binary.LittleEndian.PutUint16(dst, F32ToF16(d))
	for i, v := range x {
		dst[2+i] = byte(int8(math.Round(float64(v * inv))))
	}
}

func quantizeQ4(dst []byte, x []float32) {
	var top, signed float32 // the element of largest magnitude, with its sign, becomes -8
	for _, v := range x {
		if a := float32(math.Abs(float64(v))); a > top {
			top, signed = a, v
		}
	}
	d := signed / -8
	var inv float32
	if d != 0 {
		inv = 1 / d
	}
	binary.LittleEndian.PutUint16(dst, F32ToF16(d))
	for i := range 16 {
		dst[2+i] = nibble(x[i], inv) | nibble(x[i+16], inv)<<4
	}
}

// nibble is x·inv + 8, rounded half up, at most 15. The conversion around the product
// keeps machines that fuse it with the sum from rounding once instead of twice. The
// mask matters only to NaN and infinity, which have no right answer but must not
// spill into the neighbour.
func nibble(x, inv float32) byte {
	return byte(min(15, int8(float32(x*inv)+8.5))) & 15
}

func check(n int, t Type, bytes int, able bool) {
	if !able {
		panic(fmt.Sprintf("tensor: %v is not supported", t))
	}
	if n%t.BlockLen() != 0 || t.Bytes(n) != bytes {
		panic(fmt.Sprintf("tensor: %d elements of %v in %d bytes", n, t, bytes))
	}
}
