package kernel

import "math"

// Softmax replaces x by exp(x[i]) / Σ exp(x[j]), shifted by the largest element so
// that nothing overflows. Elements of -Inf become 0. If all are -Inf, one is +Inf
// or one is NaN, the result is all NaN. An empty slice is left alone.
func Softmax(x []float32) {
	if len(x) == 0 {
		return
	}
	s := expSum(x, maximum(x))
	scale(1/s, x)
}

// ExpSum replaces x[i] by y = exp(x[i]-shift) and returns their sum, 0 of none. The error of y
// is below 2 units in the last place; results too small for a normal float32 (below exp of
// -87.33654) are 0, results too large (above that of 88.72283) are +Inf, and NaN stays NaN.
func ExpSum(x []float32, shift float32) float32 { return expSum(x, shift) }

// exp1 is e^x after Cody and Waite (1980): x = n·ln2 + r with |r| ≤ ln2/2, where
// ln2 is split so that n times its first part is exact; the polynomial for e^r is
// the one of Moshier's Cephes library (1.9e-8 relative error before rounding); n is
// added to the exponent.
func exp1(x float32) float32 {
	if x < -87.33654 {
		return 0
	}
	if x > 88.72283 {
		return float32(math.Inf(1))
	}
	if x != x {
		return x
	}
	// Adding and taking away 1.5·2^23 rounds to an integer, ties to even.
	const round = 3 << 22
	n := float32(x*math.Log2E) + round
	n -= round
	r := x - float32(n*0.693359375) - float32(n*-2.12194440e-4)
	p := float32(1.9875691500e-4)
	p = p*r + 1.3981999507e-3
	p = p*r + 8.3334519073e-3
	p = p*r + 4.1665795894e-2
	p = p*r + 1.6666665459e-1
	p = p*r + 5.0000001201e-1
	p = p*(r*r) + r + 1
	return math.Float32frombits(uint32(int32(math.Float32bits(p)) + int32(n)<<23))
}

// expSumGo replaces x[i] by exp(x[i]-shift) and returns the sum.
func expSumGo(x []float32, shift float32) float32 {
	var s float32
	for i, v := range x {
		x[i] = exp1(v - shift)
		s += x[i]
	}
	return s
}
