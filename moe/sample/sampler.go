package sample

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Sampler draws the tokens of one reply. Once warm, a draw takes no memory.
type Sampler struct {
	p      Params
	rng    *rand.Rand
	forbid []int32
	never  speller
	seen   seen
	dry    dry
	kept   []candidate
}

// New returns a sampler. The tokens in forbid are never drawn; ids outside the
// vocabulary are ignored. Params must have passed Check.
func New(p Params, forbid []int32) *Sampler {
	return &Sampler{p: p, rng: rand.New(rand.NewPCG(p.Seed, 0x73616d706c6572)), forbid: forbid, seen: seen{last: p.RepeatLast}, dry: dry{Dry: p.Dry}}
}

// Read tells the sampler what came before the reply: tokens that DRY will not repeat
// (see Dry), and breakers, by id, over which no repetition reaches, which are kept but
// not changed.
func (s *Sampler) Read(prompt []int32, breakers []bool) { s.dry.read(prompt, breakers) }

// Said tells the sampler how the reply begins, before the first token is drawn: the
// penalties count these tokens as its own.
func (s *Sampler) Said(ids []int32) {
	for _, id := range ids {
		s.seen.add(id)
	}
}

// Never makes the sampler keep from spelling what b forbids, in a reply that stands
// behind the text before, of which after is the last token; -1 if the reply starts anew.
func (s *Sampler) Never(b *Ban, before string, after int32) {
	s.never = speller{ban: b, q: b.after(before), last: after}
}

// Sample draws a token; it changes logits. NaN counts as impossible. The result is
// -1 if nothing is possible.
func (s *Sampler) Sample(logits []float32) int32 {
	for _, id := range s.forbid {
		if id >= 0 && int(id) < len(logits) {
			logits[id] = float32(math.Inf(-1))
		}
	}
	s.never.mask(logits)
	s.seen.penalize(logits, s.p)
	s.dry.penalize(logits)
	best := int32(-1)
	for i, v := range logits {
		if best < 0 && v > float32(math.Inf(-1)) || best >= 0 && v > logits[best] {
			best = int32(i)
		}
	}
	if best < 0 || s.p.Temperature == 0 || math.IsInf(float64(logits[best]), 1) {
		return s.took(best)
	}
	return s.took(s.draw(logits, float64(logits[best])))
}

func (s *Sampler) took(id int32) int32 {
	if id < 0 {
		return id
	}
	s.seen.add(id)
	s.dry.add(id)
	s.never.add(id)
	return id
}

// reach is how far, in nats below the likeliest, a token is still looked at. At
// temperature 2, the highest, such a token has a chance of e^-15 of the likeliest's.
const reach = 30

func (s *Sampler) draw(logits []float32, top float64) int32 {
	s.collect(logits, top)
	if s.p.TypicalP > 0 && s.p.TypicalP < 1 {
		weigh(s.kept, top)
		s.kept = typical(s.kept, logits, s.p.TypicalP)
		top = highest(s.kept) // the likeliest need not be typical
	}
	enough := 0.0
	if s.p.TopP < 1 {
		enough = s.p.TopP * weigh(s.kept, top)
	}
	if s.p.MinP > 0 { // before top-p, so that there is less to select from; the result is the same
		s.kept = likely(s.kept, top+math.Log(s.p.MinP))
	}
	if s.p.TopP < 1 {
		s.kept = reaching(s.kept, enough)
	}
	if len(s.kept) <= few { // the likeliest first, so that the draw below ends soon
		slices.SortFunc(s.kept, candidate.compare)
	}
	sum := 0.0
	for i := range s.kept {
		c := &s.kept[i]
		c.w = math.Exp((c.z - top) / s.p.Temperature)
		sum += c.w
	}
	x := s.rng.Float64() * sum
	for _, c := range s.kept {
		if x -= c.w; x < 0 {
			return c.id
		}
	}
	return s.kept[len(s.kept)-1].id
}

// collect fills kept with the tokens that top-k leaves.
func (s *Sampler) collect(logits []float32, top float64) {
	s.kept = s.kept[:0]
	low, many := top-reach, len(logits)+1
	if s.p.TopK > 0 {
		many = 8 * s.p.TopK
	}
	for i, v := range logits {
		if z := float64(v); z > low {
			s.kept = append(s.kept, candidate{id: int32(i), z: z})
			if len(s.kept) == many { // thin them out, and let no more in than can stay
				s.kept = best(s.kept, s.p.TopK)
				low = s.kept[0].z
			}
		}
	}
	if s.p.TopK > 0 && len(s.kept) > s.p.TopK {
		s.kept = best(s.kept, s.p.TopK)
	}
}
