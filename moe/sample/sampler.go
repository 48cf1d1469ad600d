package sample

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Sampler draws the tokens of one reply.
type Sampler struct {
	p      Params
	rng    *rand.Rand
	forbid []int32
	recent []int32
	kept   []candidate
}

// New returns a sampler. The tokens in forbid are never drawn; ids outside the
// vocabulary are ignored. Params must have passed Check.
func New(p Params, forbid []int32) *Sampler {
	return &Sampler{p: p, rng: rand.New(rand.NewPCG(p.Seed, 0x73616d706c6572)), forbid: forbid}
}

// Sample draws a token; it changes logits. NaN counts as impossible. The result is
// -1 if nothing is possible.
func (s *Sampler) Sample(logits []float32) int32 {
	for _, id := range s.forbid {
		if id >= 0 && int(id) < len(logits) {
			logits[id] = float32(math.Inf(-1))
		}
	}
	s.penalize(logits)
	best := int32(-1)
	for i, v := range logits {
		if best < 0 && v > float32(math.Inf(-1)) || best >= 0 && v > logits[best] {
			best = int32(i)
		}
	}
	if best < 0 || s.p.Temperature == 0 {
		return s.took(best)
	}
	if math.IsInf(float64(logits[best]), 1) {
		return s.took(best)
	}
	return s.took(s.draw(logits, float64(logits[best])))
}

// reach is how far, in nats below the likeliest, a token is still looked at. At
// temperature 2, the highest, such a token has a chance of e^-15 of the likeliest's.
const reach = 30

func (s *Sampler) draw(logits []float32, top float64) int32 {
	s.kept = s.kept[:0]
	low, many := top-reach, len(logits)+1
	if s.p.TopK > 0 {
		many = 8 * s.p.TopK
	}
	for i, v := range logits {
		if z := float64(v); z > low {
			s.kept = append(s.kept, candidate{int32(i), z})
			if len(s.kept) == many { // thin them out, and let no more in than can stay
				s.kept = best(s.kept, s.p.TopK)
				low = s.kept[0].z
			}
		}
	}
	if s.p.TopK > 0 && len(s.kept) > s.p.TopK {
		s.kept = best(s.kept, s.p.TopK)
	}
	enough := 0.0
	if s.p.TopP < 1 {
		for _, c := range s.kept {
			enough += math.Exp(c.z - top)
		}
		enough *= s.p.TopP
	}
	if s.p.MinP > 0 { // before top-p, so that less is to be sorted; the result is the same
		s.kept = likely(s.kept, top+math.Log(s.p.MinP))
	}
	slices.SortFunc(s.kept, candidate.compare)
	if s.p.TopP < 1 {
		s.kept = nucleus(s.kept, top, enough)
	}
	sum := 0.0
	for i := range s.kept {
		s.kept[i].z = math.Exp((s.kept[i].z - top) / s.p.Temperature)
		sum += s.kept[i].z
	}
	x := s.rng.Float64() * sum
	for _, c := range s.kept {
		if x -= c.z; x < 0 {
			return c.id
		}
	}
	return s.kept[len(s.kept)-1].id
}

func (s *Sampler) penalize(logits []float32) {
	if s.p.RepeatPenalty == 1 || s.p.RepeatLast == 0 {
		return
	}
	f := float32(s.p.RepeatPenalty)
	from := max(0, len(s.recent)-s.p.RepeatLast)
	for i := from; i < len(s.recent); i++ {
		id := s.recent[i]
		if slices.Contains(s.recent[from:i], id) { // once, however often it came
			continue
		}
		if logits[id] > 0 {
			logits[id] /= f
		} else {
			logits[id] *= f
		}
	}
}

func (s *Sampler) took(id int32) int32 {
	if id >= 0 {
		s.recent = append(s.recent, id)
	}
	return id
}
