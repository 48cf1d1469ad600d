package kernel

import "math"

// GemmBF16 is Gemm with the elements of A and B rounded to bfloat16 (8 bits of
// precision, the range of float32; numbers and sums below 2^-126 may count as zero), as training on
// graphics processors multiplies; the sums stay in float32. With AVX-512 BF16 it is nearly
// twice as fast as Gemm on AMD's Zen 5, with a matrix unit besides (Intel's AMX, under Linux)
// four to five times (BenchmarkGemm), without either slower.
func GemmBF16(p *Pool, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	multiply(p, true, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// rounded returns a copy of the elements of a matrix, rounded to bfloat16, in scratch.
func rounded(scratch *[]float32, rows, cols int, x []float32, ld int) []float32 {
	x = x[:(rows-1)*ld+cols]
	*scratch = grow(*scratch, len(x))
	y := (*scratch)[:len(x)]
	for i := 0; i < len(x); i += ld {
		for j, v := range x[i:min(len(x), i+cols)] {
			y[i+j] = math.Float32frombits(roundBF16(v) << 16)
		}
	}
	return y
}

// roundBF16 is the bfloat16 nearest to v, the even one of two equally near.
func roundBF16(v float32) uint32 {
	b := math.Float32bits(v)
	if v != v {
		return b>>16 | 0x40
	}
	return (b + 0x7fff + b>>16&1) >> 16
}

// pairColsGo fills a panel from k rows which lie ld apart and hold the group side by
// side, two rows at a time: dst[l·width+j] is a pair, src[2l·ld+j] in its lower half
// and src[(2l+1)·ld+j] in its upper, for j < cols, and zeros for the rest. A pair is kept
// in the bits of a float32, and moved as one.
func pairColsGo(dst, src []float32, ld, k, cols, width int) {
	for l := 0; l < k; l += 2 {
		d := dst[l/2*width : (l/2+1)*width]
		for j := range cols {
			pair := roundBF16(src[l*ld+j])
			if l+1 < k {
				pair |= roundBF16(src[(l+1)*ld+j]) << 16
			}
			d[j] = math.Float32frombits(pair)
		}
		clear(d[cols:])
	}
}
