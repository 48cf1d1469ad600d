//go:build !purego

package kernel

import (
	"unsafe"

	"moebot/moe/tensor"
)

// few computes rows [i0,i1) and columns [j0,j1) of C as dot products with the rows
// of B where they lie, and reports whether it did: if B is transposed and the whole
// product has so few rows that packing B would take longer.
func (g *gemm) few(s *gemmScratch, i0, i1, j0, j1 int) bool {
	const rows, cols = 8, 64
	if !useAVX2 || g.transA || !g.transB || g.m > rows || g.k < lanes() {
		return false
	}
	b := view{
		typ: tensor.F32, cols: g.k, stride: 4 * g.ldb, blockLen: 1, blockBytes: 4,
		data: unsafe.Slice((*byte)(unsafe.Pointer(&g.b[0])), 4*len(g.b)),
	}
	s.a = grow(s.a, rows*cols)
	for j := j0; j < j1; j += cols {
		n := min(cols, j1-j)
		part := b
		part.data = b.data[j*b.stride:]
		dotRows(s, s.a, cols, part, 0, n, g.a[i0*g.lda:], g.lda, i1-i0)
		for i := i0; i < i1; i++ {
			merge(g.c[i*g.ldc+j:][:n], s.a[(i-i0)*cols:], g.alpha, g.beta)
		}
	}
	return true
}

func gemmTile(rows, k int, a []float32, rs, cs int, b []float32, ldb int, c []float32, ldc int, alpha, beta float32) {
	if !useAVX2 {
		gemmTileGo(rows, k, a, rs, cs, b, ldb, c, ldc, alpha, beta)
		return
	}
	// The last element of each operand must be there, whatever the caller did.
	_ = a[(rows-1)*rs+(k-1)*cs]
	_ = b[(k-1)*ldb+gemmCols-1]
	_ = c[(rows-1)*ldc+gemmCols-1]
	switch rows {
	case 6:
		if useAVX512 {
			gemmTile6AVX512(k, &a[0], rs, cs, &b[0], ldb, &c[0], ldc, alpha, beta)
			return
		}
		gemmTile6AVX2(k, &a[0], rs, cs, &b[0], ldb, &c[0], ldc, alpha, beta)
	case 5:
		gemmTile5AVX2(k, &a[0], rs, cs, &b[0], ldb, &c[0], ldc, alpha, beta)
	case 4:
		gemmTile4AVX2(k, &a[0], rs, cs, &b[0], ldb, &c[0], ldc, alpha, beta)
	case 3:
		gemmTile3AVX2(k, &a[0], rs, cs, &b[0], ldb, &c[0], ldc, alpha, beta)
	case 2:
		gemmTile2AVX2(k, &a[0], rs, cs, &b[0], ldb, &c[0], ldc, alpha, beta)
	case 1:
		gemmTile1AVX2(k, &a[0], rs, cs, &b[0], ldb, &c[0], ldc, alpha, beta)
	}
}

func packCols(dst, src []float32, ld, k, cols, width int) {
	if !useAVX2 || cols < width || k == 0 {
		packColsGo(dst, src, ld, k, cols, width)
		return
	}
	_ = src[(k-1)*ld+width-1]
	_ = dst[k*width-1]
	switch width {
	case gemmCols:
		packCols16AVX2(&dst[0], &src[0], ld, k)
	case gemmRows:
		packCols6AVX2(&dst[0], &src[0], ld, k)
	}
}

func packRows(dst, src []float32, ld, k, rows, width int) {
	even := k &^ 7
	if !useAVX2 || rows < width || width != gemmCols || even == 0 {
		packRowsGo(dst, src, ld, k, rows, width)
		return
	}
	_ = src[(width-1)*ld+k-1]
	_ = dst[k*width-1]
	packRows16AVX2(&dst[0], &src[0], ld, even)
	packRowsGo(dst[even*width:], src[even:], ld, k-even, rows, width)
}
