package engine

import (
	"math"
	"slices"
)

// alternatives is the number of likeliest tokens that a trace names.
const alternatives = 5

// distribution is the model's own opinion at a position, kept aside before the
// sampler changes the logits.
type distribution struct {
	logits []float32
	top    float32
	sum    float64
}

func (d *distribution) set(logits []float32) {
	d.logits = append(d.logits[:0], logits...)
	d.top = slices.Max(logits)
	d.sum = 0
	for _, v := range logits {
		d.sum += math.Exp(float64(v - d.top))
	}
}

func (d *distribution) prob(id int32) float32 {
	return float32(math.Exp(float64(d.logits[id]-d.top)) / d.sum)
}

// best returns the n likeliest tokens, likeliest first, of equals the lower id.
func (d *distribution) best(n int) []int32 {
	best := make([]int32, 0, n+1)
	for id, v := range d.logits {
		at := len(best)
		for at > 0 && v > d.logits[best[at-1]] {
			at--
		}
		if at < n {
			best = slices.Insert(best, at, int32(id))
			best = best[:min(len(best), n)]
		}
	}
	return best
}

// trace tells how the token id was chosen from s.dist behind the batch's i-th token.
func (s *stepper) trace(id int32, i int) TokenTrace {
	t := TokenTrace{ID: id, Text: s.text(id), Prob: s.dist.prob(id)}
	for _, b := range s.dist.best(alternatives) {
		t.Alternatives = append(t.Alternatives, Alternative{b, s.text(b), s.dist.prob(b)})
	}
	for l := range s.model.Config.Layers {
		t.Experts = append(t.Experts, slices.Clone(s.scratch.Experts(l, i)))
		t.Gates = append(t.Gates, slices.Clone(s.scratch.Gates(l, i)))
	}
	return t
}

// text shows control tokens by name, others as the text they stand for.
func (s *stepper) text(id int32) string {
	if s.tok.IsControl(id) {
		return s.tok.Token(id)
	}
	return s.tok.Bytes(id)
}
