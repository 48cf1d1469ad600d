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
	if !useAVX2 || g.half || g.transA || !g.transB || g.m > rows || g.k < lanes() {
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

// gemmTileSize is the tile of this processor, or of its matrix unit.
func gemmTileSize(unit bool) tile {
	switch {
	case unit:
		return amxTile
	case useAVX512:
		return largeTile
	}
	return smallTile
}

// gemmTile is gemmTileGo for a tile as wide as this processor's and at most as high; with
// half an element of a and b is a pair in bfloat16, see GemmBF16.
func gemmTile(half bool, rows, cols, k int, a []float32, rs, cs int, b []float32, ldb int, c []float32, ldc int, alpha, beta float32) {
	if !useAVX2 {
		gemmTileGo(rows, cols, k, a, rs, cs, b, ldb, c, ldc, alpha, beta)
		return
	}
	// The last element of each operand must be there, whatever the caller did.
	_ = a[(rows-1)*rs+(k-1)*cs]
	_ = b[(k-1)*ldb+cols-1]
	_ = c[(rows-1)*ldc+cols-1]
	kernels := gemmTilesAVX2
	switch {
	case half:
		kernels = gemmTilesBF16
	case cols == largeTile.cols:
		kernels = gemmTilesAVX512
	}
	i := 0
	for _, t := range kernels {
		for ; rows-i >= t.rows; i += t.rows {
			t.f(k, &a[i*rs], rs, cs, &b[0], ldb, &c[i*ldc], ldc, alpha, beta)
		}
	}
}

// gemmKernel is the assembly for a tile of so many rows.
type gemmKernel struct {
	rows int
	f    func(k int, a *float32, rs, cs int, b *float32, ldb int, c *float32, ldc int, alpha, beta float32)
}

// The tallest come first.
var (
	gemmTilesAVX2 = []gemmKernel{
		{6, gemmTile6AVX2}, {5, gemmTile5AVX2}, {4, gemmTile4AVX2}, {3, gemmTile3AVX2}, {2, gemmTile2AVX2}, {1, gemmTile1AVX2},
	}
	gemmTilesAVX512 = []gemmKernel{
		{12, gemmTile12AVX512}, {8, gemmTile8AVX512}, {4, gemmTile4AVX512}, {2, gemmTile2AVX512}, {1, gemmTile1AVX512},
	}
	gemmTilesBF16 = []gemmKernel{
		{12, gemmTile12BF16}, {8, gemmTile8BF16}, {4, gemmTile4BF16}, {2, gemmTile2BF16}, {1, gemmTile1BF16},
	}
)

func packCols(dst, src []float32, ld, k, cols, width int) {
	if !useAVX2 || cols < width || k == 0 {
		packColsGo(dst, src, ld, k, cols, width)
		return
	}
	_ = src[(k-1)*ld+width-1]
	_ = dst[k*width-1]
	switch width {
	case 6:
		packCols6AVX2(&dst[0], &src[0], ld, k)
	case 12:
		packCols12AVX2(&dst[0], &src[0], ld, k)
	case 16:
		packCols16AVX2(&dst[0], &src[0], ld, k)
	case 32:
		packCols32AVX2(&dst[0], &src[0], ld, k)
	}
}

func packRows(dst, src []float32, ld, k, rows, width int) {
	even := k &^ 7
	if !useAVX2 || rows < width || width%16 > 0 || even == 0 {
		packRowsGo(dst, src, ld, k, rows, width)
		return
	}
	_ = src[(width-1)*ld+k-1]
	_ = dst[k*width-1]
	for j := 0; j < width; j += 16 {
		packRows16AVX2(&dst[j], &src[j*ld], ld, even, width)
	}
	packRowsGo(dst[even*width:], src[even:], ld, k-even, rows, width)
}

// pairCols is pairColsGo.
func pairCols(dst, src []float32, ld, k, cols, width int) {
	even := k &^ 1
	if cols < width || even == 0 {
		pairColsGo(dst, src, ld, k, cols, width)
		return
	}
	_ = src[(even-1)*ld+width-1]
	_ = dst[even/2*width-1]
	switch width {
	case 12:
		pairCols12BF16(&dst[0], &src[0], ld, even)
	case 32:
		pairCols32BF16(&dst[0], &src[0], ld, even)
	}
	if even < k {
		pairColsGo(dst[even/2*width:], src[even*ld:], ld, k-even, cols, width)
	}
}

// pairRows rounds rows of k numbers, ld apart, to rows of pairs without gaps; those beyond
// k are zeros.
func pairRows(dst, src []float32, ld, rows, k, pairs int) {
	_ = src[(rows-1)*ld+k-1]
	_ = dst[rows*pairs-1]
	even := k &^ 31
	if even > 0 {
		pairRowsBF16(&dst[0], pairs, &src[0], ld, rows, even)
	}
	for i := 0; even < k && i < rows; i++ {
		row := dst[i*pairs : (i+1)*pairs]
		pairColsGo(row[even/2:], src[i*ld+even:], 1, k-even, 1, 1)
		clear(row[(k+1)/2:])
	}
}
