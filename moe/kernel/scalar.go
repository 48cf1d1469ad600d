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

// Sum returns Σ x[i], 0 for an empty slice.
func Sum(x []float32) float32 { return sum(x) }

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

// sumGo sums in four lanes, as dotGo does.
func sumGo(x []float32) float32 {
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += x[i]
		s1 += x[i+1]
		s2 += x[i+2]
		s3 += x[i+3]
	}
	for ; i < len(x); i++ {
		s0 += x[i]
	}
	return (s0 + s1) + (s2 + s3)
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
