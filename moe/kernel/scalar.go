package kernel

import "math"

// Max returns the largest element of x, -Inf if there is none. If an element is
// NaN, the result may be NaN or the largest of some others.
func Max(x []float32) float32 {
	if len(x) == 0 {
		return float32(math.Inf(-1))
	}
	return maximum(x)
}

// Scale multiplies each x[i] by a.
func Scale(a float32, x []float32) { scale(a, x) }

// AddScalar adds a to each x[i].
func AddScalar(a float32, x []float32) { addScalar(a, x) }

// maximumGo returns the largest of at least one element; NaN may be passed over.
func maximumGo(x []float32) float32 {
	m := x[0]
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

func scaleGo(a float32, x []float32) {
	for i := range x {
		x[i] *= a
	}
}

func addScalarGo(a float32, x []float32) {
	for i := range x {
		x[i] += a
	}
}
