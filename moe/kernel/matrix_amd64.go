//go:build !purego

package kernel

import (
	"unsafe"

	"moebot/moe/tensor"
)

type dotsFunc func(y *float32, ldy int, w *byte, stride int, x *float32, ldx int, n int)

// dotKernels returns the assembly for a type: for 4 rows and one token, 4 rows and
// 2 tokens, 2 rows and 4 tokens; and the number of elements they read together.
func dotKernels(t tensor.Type) (by1, by2, by4 dotsFunc, group int) {
	switch t {
	case tensor.F32:
		return dotsF32x4x1AVX2, dotsF32x4x2AVX2, dotsF32x2x4AVX2, 8
	case tensor.F16:
		return dotsF16x4x1AVX2, dotsF16x4x2AVX2, dotsF16x2x4AVX2, 8
	case tensor.BF16:
		return dotsBF16x4x1AVX2, dotsBF16x4x2AVX2, dotsBF16x2x4AVX2, 8
	case tensor.Q8_0:
		return dotsQ8x4x1AVX2, dotsQ8x4x2AVX2, dotsQ8x2x4AVX2, 32
	case tensor.Q4_0:
		return dotsQ4x4x1AVX2, dotsQ4x4x2AVX2, dotsQ4x2x4AVX2, 32
	}
	return nil, nil, nil, 0
}

func dotRows(s *gemmScratch, y []float32, ldy int, w view, r0, r1 int, x []float32, ldx, tokens int) {
	by1, by2, by4, group := dotKernels(w.typ)
	even := 0
	if group > 0 {
		even = w.cols / group * group
	}
	if !useAVX2 || even == 0 {
		dotRowsGo(s, y, ldy, w, r0, r1, x, ldx, tokens)
		return
	}
	if r1-r0 < 4 {
		dotFewRows(s, y, ldy, w, r0, r1, x, ldx, tokens, by1, even)
	}
	stride := w.stride
	for r := r0; r1-r0 >= 4 && r < r1; r += 4 {
		r := min(r, r1-4) // the last group may do rows again, with the same result
		p := &w.data[r*stride]
		t := 0
		for ; t+4 <= tokens; t += 4 {
			by4(&y[t*ldy+r], ldy, p, stride, &x[t*ldx], ldx, even)
			by4(&y[t*ldy+r+2], ldy, &w.data[(r+2)*stride], stride, &x[t*ldx], ldx, even)
		}
		if t+2 <= tokens {
			by2(&y[t*ldy+r], ldy, p, stride, &x[t*ldx], ldx, even)
			t += 2
		}
		if t < tokens {
			by1(&y[t*ldy+r], ldy, p, stride, &x[t*ldx], ldx, even)
		}
	}
	if even < w.cols {
		addTail(y, ldy, w, r0, r1, x, ldx, tokens, even)
	}
}

// dotFewRows lets the kernel for four rows do a single one four times.
func dotFewRows(s *gemmScratch, y []float32, ldy int, w view, r0, r1 int, x []float32, ldx, tokens int, by1 dotsFunc, n int) {
	for r := r0; r < r1; r++ {
		for t := range tokens {
			by1(&s.tile[0], 0, &w.data[r*w.stride], 0, &x[t*ldx], 0, n)
			y[t*ldy+r] = s.tile[0]
		}
	}
}

// addTail adds the products of the columns from l on, which are fewer than a group.
func addTail(y []float32, ldy int, w view, r0, r1 int, x []float32, ldx, tokens, l int) {
	var tail [8]float32
	n := w.cols - l
	for r := r0; r < r1; r++ {
		tensor.Dequantize(tail[:n], w.typ, w.part(r, l, n))
		for t := range tokens {
			y[t*ldy+r] += dotGo(tail[:n], x[t*ldx+l:t*ldx+w.cols])
		}
	}
}

// widen writes weights of w, whose bytes are src, as float32.
func widen(dst []float32, w *view, src []byte) {
	group := max(8, w.blockLen)
	n := len(dst) / group * group
	if !useAVX2 || n == 0 {
		tensor.Dequantize(dst, w.typ, src)
		return
	}
	rest := src[w.bytes(n):] // also says that src is long enough
	switch w.typ {
	case tensor.F16:
		widenF16AVX2(&dst[0], &src[0], n)
	case tensor.BF16:
		widenBF16AVX2(&dst[0], &src[0], n)
	case tensor.Q8_0:
		widenQ8AVX2(&dst[0], &src[0], n)
	case tensor.Q4_0:
		widenQ4AVX2(&dst[0], &src[0], n)
	default:
		n, rest = 0, src
	}
	if n < len(dst) {
		tensor.Dequantize(dst[n:], w.typ, rest)
	}
}

// floats is the data of a matrix of type F32, in rows ld apart, nil for other types.
// The processor does not mind that it may lie at any address.
func floats(w *view) (f []float32, ld int) {
	if w.typ != tensor.F32 || len(w.data) < 4 {
		return nil, 0
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&w.data[0])), len(w.data)/4), w.cols
}
