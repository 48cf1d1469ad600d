//go:build !purego

package kernel

import "unsafe"

func rope(x, cos, sin []float32) {
	n := len(cos) &^ 3
	if !useAVX2 || n == 0 {
		ropeGo(x, cos, sin)
		return
	}
	ropeAVX2(&x[0], &cos[0], &sin[0], n)
	ropeGo(x[2*n:], cos[n:], sin[n:])
}

// scores has 4 keys multiplied at a time; the last ones may be done twice.
func scores(dst, q, k []float32, ldk int) {
	n := len(q) &^ 7
	if !useAVX2 || n == 0 || len(dst) < 4 {
		scoresGo(dst, q, k, ldk)
		return
	}
	dots := dotsF32x1AVX2
	if useAVX512 && n%16 == 0 {
		dots = dotsF32x1AVX512
	}
	for j := 0; j < len(dst); j += 4 {
		j := min(j, len(dst)-4)
		dots(&dst[j], 0, (*byte)(unsafe.Pointer(&k[j*ldk])), 4*ldk, &q[0], 0, n)
	}
	if n < len(q) {
		for j := range dst {
			dst[j] += dotGo(q[n:], k[j*ldk+n:j*ldk+len(q)])
		}
	}
}

// weightedSum does few columns at a time if there are many rows, for the sake of
// asmChunk.
func weightedSum(dst, p, v []float32, ldv int) {
	n := len(dst) &^ 7
	if !useAVX2 || n == 0 {
		weightedSumGo(dst, p, v, ldv)
		return
	}
	step := max(64, 16*asmChunk/len(p)&^63)
	for j := 0; j < n; j += step {
		weightedSumAVX2(&dst[j], min(step, n-j), &p[0], len(p), &v[j], ldv)
	}
	if n < len(dst) {
		weightedSumGo(dst[n:], p, v[n:], ldv)
	}
}
