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

type candidate struct {
	id int32
	z  float64 // logit, later probability
}

// New returns a sampler. The tokens in forbid are never drawn. Params must have
// passed Check.
func New(p Params, forbid []int32) *Sampler {
	return &Sampler{p: p, rng: rand.New(rand.NewPCG(p.Seed, 0x73616d706c6572)), forbid: forbid}
}

// Sample draws a token; it changes logits. NaN counts as impossible. The result is
// -1 if nothing is possible.
func (s *Sampler) Sample(logits []float32) int32 {
	for _, id := range s.forbid {
		if int(id) < len(logits) {
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
	low := top - reach
	if s.p.MinP > 0 {
		low = max(low, top+math.Log(s.p.MinP))
	}
	total := 0.0 // of all tokens' exp(z - top): the filters' probabilities are true shares
	for i, v := range logits {
		z := float64(v)
		if z > top-reach {
			e := math.Exp(z - top)
			total += e
			if z >= low {
				s.kept = append(s.kept, candidate{int32(i), z})
			}
		}
	}
	// likeliest first; of equals the lower id, so that the order is fixed
	slices.SortFunc(s.kept, func(a, b candidate) int {
		if a.z != b.z {
			if a.z > b.z {
				return -1
			}
			return 1
		}
		return int(a.id - b.id)
	})
	if s.p.TopK > 0 && len(s.kept) > s.p.TopK {
		s.kept = s.kept[:s.p.TopK]
		total = 0
		for _, c := range s.kept {
			total += math.Exp(c.z - top)
		}
	}
	if s.p.TopP < 1 {
		sum := 0.0
		for i, c := range s.kept {
			if sum += math.Exp(c.z-top) / total; sum >= s.p.TopP {
				s.kept = s.kept[:i+1]
				break
			}
		}
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
