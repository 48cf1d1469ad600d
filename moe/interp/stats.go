package interp

import (
	"math"
	"slices"
)

// Estimate is a mean with the interval in which it lies at 95 % (mean ± 1.96
// standard errors, as if the values did not depend on each other).
type Estimate struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	N    int     `json:"n"`
}

// running is the mean and the variance of values that are seen one by one and not kept
// (Welford 1962, "Note on a method for calculating corrected sums of squares and
// products"), safe for a deviation much smaller than the mean.
type running struct {
	n       int
	mean    float64
	squares float64 // sum of the squared differences from the mean
}

func (r *running) add(x float64) {
	r.n++
	d := x - r.mean
	r.mean += d / float64(r.n)
	r.squares += d * (x - r.mean)
}

// deviation is the sample's standard deviation, 0 for fewer than two values.
func (r *running) deviation() float64 {
	if r.n < 2 {
		return 0
	}
	return math.Sqrt(r.squares / float64(r.n-1))
}

// estimate is all zero for no values. A single one has no interval but itself.
func (r *running) estimate() Estimate {
	half := 1.96 * r.deviation() / math.Sqrt(float64(max(r.n, 1)))
	return Estimate{r.mean, r.mean - half, r.mean + half, r.n}
}

// estimate is that of xs.
func estimate(xs []float64) Estimate {
	var r running
	for _, x := range xs {
		r.add(x)
	}
	return r.estimate()
}

func mean(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(max(len(xs), 1))
}

// deviation is the sample's standard deviation, 0 for fewer than two values.
func deviation(xs []float64) float64 {
	if len(xs) < 2 {
		return 0
	}
	m, sum := mean(xs), 0.0
	for _, x := range xs {
		sum += (x - m) * (x - m)
	}
	return math.Sqrt(sum / float64(len(xs)-1))
}

// share is k of n with Wilson's 95 % interval (Wilson 1927), which stays within 0
// and 1 and is right for few counts too.
func share(k, n int) Estimate {
	if n == 0 {
		return Estimate{}
	}
	const z = 1.96
	p, m := float64(k)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	e := Estimate{p, max(0, mid-half), min(1, mid+half), n}
	if k == 0 {
		e.Low = 0 // not what rounding leaves of it
	}
	return e
}

// quantile is the q-quantile (0 to 1) of xs by the nearest rank, NaN for none.
func quantile(xs []float64, q float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(xs))
	return s[min(len(s)-1, int(q*float64(len(s))))]
}

// pValue is the share of null values that are at least as large as what was seen,
// the seen one counted in (Phipson & Smyth 2010), so it is never 0.
func pValue(seen float64, null []float64) float64 {
	k := 1
	for _, x := range null {
		if x >= seen {
			k++
		}
	}
	return float64(k) / float64(len(null)+1)
}

// entropyBits is the entropy of a distribution in bits.
func entropyBits(p []float64) float64 {
	h := 0.0
	for _, x := range p {
		if x > 0 {
			h -= x * math.Log2(x)
		}
	}
	return h
}

// shares turns counts into a distribution; all zero for no counts.
func shares(counts []int) []float64 {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	p := make([]float64, len(counts))
	for i, n := range counts {
		p[i] = float64(n) / float64(max(sum, 1))
	}
	return p
}

// nmi is the normalised mutual information of two labellings of the same things,
// I(X;Y)/√(H(X)·H(Y)) (Strehl & Ghosh 2002), 0 to 1; 0 if one of them does not vary.
// Labels are 0 to nx-1 and 0 to ny-1.
func nmi(x, y []int, nx, ny int) float64 {
	joint, px, py := make([]int, nx*ny), make([]int, nx), make([]int, ny)
	for i := range x {
		joint[x[i]*ny+y[i]]++
		px[x[i]]++
		py[y[i]]++
	}
	hx, hy, hxy := entropyBits(shares(px)), entropyBits(shares(py)), entropyBits(shares(joint))
	if hx <= 1e-12 || hy <= 1e-12 {
		return 0
	}
	return max(0, hx+hy-hxy) / math.Sqrt(hx*hy)
}

// cosine is the cosine of the angle between two vectors, 0 if one is zero.
func cosine(a, b []float64) float64 {
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		ab, aa, bb = ab+a[i]*b[i], aa+a[i]*a[i], bb+b[i]*b[i]
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// best are the indexes of the n largest values, largest first, of equals the lower.
func best(xs []float64, n int) []int {
	out := make([]int, 0, n+1)
	for i, v := range xs {
		at := len(out)
		for at > 0 && v > xs[out[at-1]] {
			at--
		}
		if at < n {
			out = slices.Insert(out, at, i)
			out = out[:min(len(out), n)]
		}
	}
	return out
}

func float64s(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
