package kernel

// Dot returns Σ x[i]·y[i], 0 for empty slices. It panics if the lengths differ.
func Dot(x, y []float32) float32 {
	sameLen("Dot", len(x), len(y))
	return dot(x, y)
}

// Axpy adds a multiple of x to y: y[i] += a·x[i]. It panics if the lengths differ.
func Axpy(a float32, x, y []float32) {
	sameLen("Axpy", len(x), len(y))
	axpy(a, x, y)
}

// dotGo sums in four lanes, which halves the rounding error of a single sum and
// lets the processor overlap the additions.
func dotGo(x, y []float32) float32 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += x[i] * y[i]
		s1 += x[i+1] * y[i+1]
		s2 += x[i+2] * y[i+2]
		s3 += x[i+3] * y[i+3]
	}
	for ; i < len(x); i++ {
		s0 += x[i] * y[i]
	}
	return (s0 + s1) + (s2 + s3)
}

func axpyGo(a float32, x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += a * v
	}
}
