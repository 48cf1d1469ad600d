package interp

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Values seen one by one give the mean and the deviation of values that are kept, also
// where the deviation is a trifle beside the mean.
func TestRunning(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for name, tc := range map[string]struct {
		n                int
		middle, far, eps float64
	}{
		"none": {0, 0, 0, 0}, "one": {1, 5, 1, 0}, "two": {2, 5, 1, 1e-12}, "many": {10000, 0.3, 0.1, 1e-12},
		"far from zero": {10000, 1e9, 1e-3, 1e-3}, "equal": {10000, 0.1, 0, 0}, // 1e9 has steps of 1e-7 itself
	} {
		var r running
		var xs []float64
		for range tc.n {
			x := tc.middle + tc.far*rng.NormFloat64()
			r.add(x)
			xs = append(xs, x)
		}
		m, d := mean(xs), deviation(xs)
		e, half := r.estimate(), 0.0
		if tc.n > 1 {
			half = 1.96 * d / math.Sqrt(float64(tc.n))
		}
		if e.N != tc.n || !(math.Abs(e.Mean-m) <= 1e-13*math.Abs(m)*float64(tc.n)) || !(math.Abs(r.deviation()-d) <= tc.eps*d+1e-15*float64(tc.n)) ||
			!(math.Abs(e.High-e.Mean-half) <= tc.eps*half+1e-15*max(1, math.Abs(m))) {
			t.Errorf("%s: %+v, deviation %g; want mean %g, deviation %g, half an interval of %g", name, e, r.deviation(), m, d, half)
		}
	}
}

// The commonest of few places drawn is the commonest token, or a rare one by chance.
func TestDrawnCommonest(t *testing.T) {
	for name, tc := range map[string]struct {
		places []int
		n      int
		want   float64
	}{
		"one token":              {[]int{0, 0, 7, 0}, 5, 1},
		"a single place":         {[]int{1, 2, 3}, 1, 1},
		"two places, half each":  {[]int{0, 500, 0, 500, 0}, 2, 0.75}, // alike in half of the drawings, 1, or not, 1/2
		"many places, a quarter": {[]int{25, 0, 25, 25, 25}, 4000, 0.257},
	} {
		if got := drawnCommonest(tc.places, tc.n); math.Abs(got-tc.want) > 0.07*(1-tc.want)+1e-12 {
			t.Errorf("%s: %g, want about %g", name, got, tc.want)
		}
	}
}
