package sample

import (
	"cmp"
	"math"
	"slices"
)

// candidate is a token that may be drawn.
type candidate struct {
	id int32
	z  float64 // logit
	w  float64 // weight: a multiple of its probability
}

// compare puts the likelier first; of equals the lower id, so that the order is fixed.
func (c candidate) compare(d candidate) int {
	if c.z != d.z {
		return cmp.Compare(d.z, c.z)
	}
	return cmp.Compare(c.id, d.id)
}

// best moves the k first by compare to the front and returns them, the last of them
// first, the others in no order: a heap whose root meets each of the rest once. k is
// at least 1 and at most len(c).
func best(c []candidate, k int) []candidate {
	heap := c[:k]
	down := func(i int) {
		for {
			worst := 2*i + 1
			if worst >= k {
				return
			}
			if worst+1 < k && heap[worst].compare(heap[worst+1]) < 0 {
				worst++
			}
			if heap[worst].compare(heap[i]) <= 0 {
				return
			}
			heap[i], heap[worst] = heap[worst], heap[i]
			i = worst
		}
	}
	for i := k/2 - 1; i >= 0; i-- {
		down(i)
	}
	for _, x := range c[k:] {
		if x.compare(heap[0]) < 0 {
			heap[0] = x
			down(0)
		}
	}
	return heap
}

// weigh sets the weights to exp(z - top) and returns their sum.
func weigh(c []candidate, top float64) (sum float64) {
	for i := range c {
		c[i].w = math.Exp(c[i].z - top)
		sum += c[i].w
	}
	return sum
}

// highest is the largest logit of c, which is not empty.
func highest(c []candidate) float64 {
	z := c[0].z
	for _, x := range c[1:] {
		z = max(z, x.z)
	}
	return z
}

// few is the number of candidates that are sorted rather than divided further.
const few = 64

// reaching keeps the first by compare whose weights together reach enough, in no order
// (with logits for z: Holtzman et al. 2020, arXiv 1904.09751, section 3.1). It divides
// what may hold the last of them by a middle one until few are left, and so meets each
// about three times, where sorting 32,000 would meet each fifteen times.
func reaching(c []candidate, enough float64) []candidate {
	lo, hi := 0, len(c)
	for hi-lo > few {
		mid, before := divide(c[lo:hi])
		mid += lo
		switch w := c[mid].w; {
		case before >= enough:
			hi = mid
		case before+w >= enough:
			return c[:mid+1]
		default:
			enough -= before + w
			lo = mid + 1
		}
	}
	slices.SortFunc(c[lo:hi], candidate.compare)
	sum := 0.0
	for i := lo; i < hi; i++ {
		if sum += c[i].w; sum >= enough {
			return c[:i+1]
		}
	}
	return c[:hi]
}

// divide chooses one of c, puts those before it by compare before it and the others
// behind, and returns where it is and the weights before it.
func divide(c []candidate) (at int, before float64) {
	last := len(c) - 1
	a, b, d := 0, last/2, last
	if c[b].compare(c[a]) < 0 {
		a, b = b, a
	}
	if c[d].compare(c[b]) < 0 { // the middle of the three is d or a
		b = d
		if c[b].compare(c[a]) < 0 {
			b = a
		}
	}
	c[b], c[last] = c[last], c[b]
	pivot := c[last]
	for i := range last {
		if c[i].compare(pivot) < 0 {
			before += c[i].w
			c[i], c[at] = c[at], c[i]
			at++
		}
	}
	c[at], c[last] = c[last], c[at]
	return at, before
}

// typical keeps those whose surprise is nearest to the expected one, the entropy, until
// they reach a probability of p (Meister et al. 2023, Locally Typical Sampling, arXiv
// 2202.00666, section 4). Weights must be set; logits are where z comes from.
func typical(c []candidate, logits []float32, p float64) []candidate {
	sum, mean := 0.0, 0.0
	for _, x := range c {
		sum += x.w
		mean += x.w * x.z
	}
	mean /= sum // the entropy is log Σe^z - mean, and a token's surprise log Σe^z - z
	for i := range c {
		c[i].z = -math.Abs(c[i].z - mean)
	}
	c = reaching(c, p*sum)
	for i := range c {
		c[i].z = float64(logits[c[i].id])
	}
	return c
}

// likely keeps the candidates whose logit is at least low, in their order.
func likely(c []candidate, low float64) []candidate {
	kept := c[:0]
	for _, x := range c {
		if x.z >= low {
			kept = append(kept, x)
		}
	}
	return kept
}
