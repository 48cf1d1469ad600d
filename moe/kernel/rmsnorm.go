package kernel

import "math"

// RMSNorm scales x to a root mean square of 1 and by the weights:
// dst[i] = x[i] · weight[i] / sqrt(mean(x²) + eps)
// (Zhang and Sennrich 2019, arXiv 1910.07467). dst may be x. It panics if the
// lengths differ; an empty x is left alone.
func RMSNorm(dst, x, weight []float32, eps float32) {
	sameLen("RMSNorm", len(dst), len(x), len(weight))
	if len(x) == 0 {
		return
	}
	r := float32(1 / math.Sqrt(float64(Dot(x, x))/float64(len(x))+float64(eps)))
	scaleMul(dst, x, weight, r)
}

// ScaleMul writes dst[i] = x[i]·a·y[i]. dst may be x or y. It panics if the lengths differ.
func ScaleMul(dst, x, y []float32, a float32) {
	sameLen("ScaleMul", len(dst), len(x), len(y))
	scaleMul(dst, x, y, a)
}

// scaleMulGo writes dst[i] = x[i]·a·weight[i].
func scaleMulGo(dst, x, weight []float32, a float32) {
	for i, v := range x {
		dst[i] = v * a * weight[i]
	}
}
