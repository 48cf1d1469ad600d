//go:build !amd64 || purego

package kernel

// useAVX2 is always false here; tests set it elsewhere.
var useAVX2 = false

func pause() {}

func gemmTile(rows, k int, a []float32, rs, cs int, b []float32, ldb int, c []float32, ldc int, alpha, beta float32) {
	gemmTileGo(rows, k, a, rs, cs, b, ldb, c, ldc, alpha, beta)
}

func packCols(dst, src []float32, ld, k, cols, width int) {
	packColsGo(dst, src, ld, k, cols, width)
}

func packRows(dst, src []float32, ld, k, rows, width int) {
	packRowsGo(dst, src, ld, k, rows, width)
}
