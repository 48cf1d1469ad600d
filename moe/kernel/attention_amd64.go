//go:build !purego

package kernel

func rope(x, cos, sin []float32) {
	n := len(cos) &^ 3
	if !useAVX2 || n == 0 {
		ropeGo(x, cos, sin)
		return
	}
	ropeAVX2(&x[0], &cos[0], &sin[0], n)
	ropeGo(x[2*n:], cos[n:], sin[n:])
}
