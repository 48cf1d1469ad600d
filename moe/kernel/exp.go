package kernel

import "math"

// Exp writes e^x: dst[i] = exp(x[i]). The error is below 2 units in the last place;
// results too small for a normal float32 (x < -87.3) are 0, results too large
// (x > 88.7) are +Inf, and NaN stays NaN. dst may be x. It panics if the lengths
// differ.
func Exp(dst, x []float32) {
	sameLen("Exp", len(dst), len(x))
	expGo(dst, x)
}

func expGo(dst, x []float32) {
	for i, v := range x {
		dst[i] = float32(math.Exp(float64(v)))
	}
}

// Softmax replaces x by exp(x[i]) / Σ exp(x[j]), shifted by the largest element so
// that nothing overflows. Elements of -Inf become 0. If all are -Inf, one is +Inf
// or one is NaN, the result is all NaN. An empty slice is left alone.
func Softmax(x []float32) {
	if len(x) == 0 {
		return
	}
	m := x[0]
	for _, v := range x {
		m = max(m, v)
	}
	for i, v := range x {
		x[i] = v - m
	}
	Exp(x, x)
	var s float32
	for _, v := range x {
		s += v
	}
	r := 1 / s
	for i := range x {
		x[i] *= r
	}
}
