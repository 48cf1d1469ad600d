package model

import "math"

// route fills the scratch's choice of experts and gate weights for the layer, and
// sorts the (token, choice) pairs by expert.
func (m *Model) route(s *Scratch, li int) {
	l, n := &m.layers[li], len(s.batch)
	k, e := m.active(li), m.Config.Experts
	experts, gates := s.experts[li][:n*k], s.gates[li][:n*k]
	clear(s.offset)
	for i := range n {
		chosen, gate := experts[i*k:(i+1)*k], gates[i*k:(i+1)*k]
		if l.router.Rows == 0 {
			chosen[0], gate[0] = 0, 1
		} else {
			m.Config.Router.choose(chosen, gate, s.router[i*e:(i+1)*e], l.correction, s.choice)
		}
		for _, e := range chosen {
			s.offset[e+1]++
		}
	}
	for e := 1; e < len(s.offset); e++ {
		s.offset[e] += s.offset[e-1]
	}
	copy(s.next, s.offset)
	for i, e := range experts {
		s.slot[i] = s.next[e]
		s.owner[s.next[e]] = e
		s.next[e]++
	}
}

// smallest bounds from below what the weights of the chosen experts are divided by,
// as llama.cpp does: the smallest normal float16.
const smallest = 1.0 / (1 << 14)

// choose writes the chosen experts, best first, and their weights. Of equals the
// lower expert wins. correction [E], if not nil, is added to the weights for the
// choice only; work [E] is overwritten.
func (r *Router) choose(chosen []int32, gate []float32, logits, correction, work []float32) {
	limited := r.Groups > 1
	if correction == nil && !limited {
		best(chosen, logits) // the weights are in the order of the logits
	} else {
		r.weights(work, logits)
		for e, v := range correction {
			work[e] += v
		}
		if limited {
			r.limit(work)
		}
		best(chosen, work)
	}
	switch {
	case r.Sigmoid:
		for j, e := range chosen {
			gate[j] = float32(sigmoid(float64(logits[e])))
		}
		if r.Normalise {
			sum := 0.0
			for _, g := range gate {
				sum += float64(g)
			}
			for j, g := range gate {
				gate[j] = float32(float64(g) / max(sum, smallest))
			}
		}
	case r.Normalise: // the softmax over all, renormalised, is the softmax over the chosen
		softmaxOf(gate, chosen, logits)
	default:
		top, sum := largest(logits), 0.0
		for _, v := range logits {
			sum += math.Exp(float64(v) - top)
		}
		for j, e := range chosen {
			gate[j] = float32(math.Exp(float64(logits[e])-top) / sum)
		}
	}
	if r.Gain != 1 {
		for j := range gate {
			gate[j] *= float32(r.Gain)
		}
	}
}

// softmaxOf writes the softmax of the chosen logits among themselves.
func softmaxOf(gate []float32, chosen []int32, logits []float32) {
	top, sum := math.Inf(-1), 0.0
	for _, e := range chosen {
		top = max(top, float64(logits[e]))
	}
	for _, e := range chosen {
		sum += math.Exp(float64(logits[e]) - top)
	}
	for j, e := range chosen {
		gate[j] = float32(math.Exp(float64(logits[e])-top) / sum)
	}
}

// weights are the softmax or the sigmoids of all router logits.
func (r *Router) weights(dst, logits []float32) {
	if r.Sigmoid {
		for e, v := range logits {
			dst[e] = float32(sigmoid(float64(v)))
		}
		return
	}
	top, sum := largest(logits), 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - top)
	}
	for e, v := range logits {
		dst[e] = float32(math.Exp(float64(v)-top) / sum)
	}
}

// limit sets to -Inf what is outside the groups used: those with the largest sums of
// their two best.
func (r *Router) limit(score []float32) {
	size := len(score) / r.Groups
	minusInf := float32(math.Inf(-1))
	sum := func(g int) float32 {
		first, second := minusInf, minusInf
		for _, v := range score[g*size : (g+1)*size] {
			if v > first {
				first, second = v, first
			} else if v > second {
				second = v
			}
		}
		return first + second
	}
	for unused := r.Groups; unused > r.GroupsUsed; unused-- {
		worst, worstSum := -1, float32(0) // of equals the last goes
		for g := range r.Groups {
			if s := sum(g); s != minusInf && (worst < 0 || s <= worstSum) {
				worst, worstSum = g, s
			}
		}
		if worst < 0 {
			return // not a number somewhere
		}
		for i := range score[worst*size : (worst+1)*size] {
			score[worst*size+i] = minusInf
		}
	}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func largest(x []float32) float64 {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, float64(v))
	}
	return top
}

// best writes the indexes of the largest elements, the largest first.
func best(chosen []int32, x []float32) {
	for j := range chosen {
		best := -1
	next:
		for e, v := range x {
			for _, taken := range chosen[:j] {
				if taken == int32(e) {
					continue next
				}
			}
			if best < 0 || v > x[best] {
				best = e
			}
		}
		chosen[j] = int32(best)
	}
}
