package sample

import (
	"cmp"
	"math"
)

// candidate is a token that may be drawn.
type candidate struct {
	id int32
	z  float64 // logit, later weight
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

// nucleus keeps the first of the sorted candidates whose exp(z - top) together
// reach enough (Holtzman et al. 2020, arXiv 1904.09751, section 3.1).
func nucleus(c []candidate, top, enough float64) []candidate {
	sum := 0.0
	for i, x := range c {
		if sum += math.Exp(x.z - top); sum >= enough {
			return c[:i+1]
		}
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
