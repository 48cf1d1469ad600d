//go:build !amd64 || purego

package kernel

import "moebot/moe/tensor"

// These are always false here; tests set them elsewhere.
var useAVX2, useAVX512, useBF16, useAMX = false, false, false, false

func pause() {}

func gemmTileSize(bool) tile { return smallTile }

func gemmTile(_ bool, rows, cols, k int, a []float32, rs, cs int, b []float32, ldb int, c []float32, ldc int, alpha, beta float32) {
	gemmTileGo(rows, cols, k, a, rs, cs, b, ldb, c, ldc, alpha, beta)
}

func (g *gemm) few(*gemmScratch, int, int, int, int) bool { return false }

// Without the instructions nothing is packed in pairs.
func pairCols(_, _ []float32, _, _, _, _ int) {}
func pairRows(_, _ []float32, _, _, _, _ int) {}

func unitRows(_ []float32, _ int, _ []float32, _ int)                                               {}
func amxProduct(_, _, _ int, _ []float32, _ int, _ []float32, _, _ int, _ []float32, _ int, _ bool) {}

func packCols(dst, src []float32, ld, k, cols, width int) {
	packColsGo(dst, src, ld, k, cols, width)
}

func packRows(dst, src []float32, ld, k, rows, width int) {
	packRowsGo(dst, src, ld, k, rows, width)
}

func dot(x, y []float32) float32 { return dotGo(x, y) }

func axpy(a float32, x, y []float32) { axpyGo(a, x, y) }

func maximum(x []float32) float32 { return maximumGo(x) }

func addScalar(a float32, x []float32) { addScalarGo(a, x) }

func expSum(x []float32, shift float32) float32 { return expSumGo(x, shift) }

func scale(a float32, x []float32) { scaleGo(a, x) }

func scaleMul(dst, x, weight []float32, a float32) { scaleMulGo(dst, x, weight, a) }

func siluMul(dst, gate, up []float32) { siluMulGo(dst, gate, up) }

func siluMulBackward(dgate, dup, gate, up, dout []float32) {
	siluMulBackwardGo(dgate, dup, gate, up, dout)
}

func adamW(w, g, m, v []float32, c adamWCoefficients) { adamWGo(w, g, m, v, c) }

func dotRows(s *gemmScratch, y []float32, ldy int, w view, r0, r1 int, x []float32, ldx, tokens int) {
	dotRowsGo(s, y, ldy, w, r0, r1, x, ldx, tokens)
}

func rope(x, cos, sin []float32) { ropeGo(x, cos, sin) }

func scores(r Rows, dst []float32, ldd int, q []float32, ldq, heads, d, n int) {
	scoresGo(r, dst, ldd, q, ldq, heads, d, n)
}

func weightedSum(r Rows, dst []float32, ldd, heads, d int, p []float32, ldp, n int) {
	weightedSumGo(r, dst, ldd, heads, d, p, ldp, n)
}

func narrow(t tensor.Type, dst []byte, x []float32) { tensor.Quantize(dst, t, x) }
