package sample

import (
	"math"
	"slices"
)

// seen counts the last tokens of a reply.
type seen struct {
	last   int // how many
	tokens []int32
	counts []count // of those that are among the last
}

type count struct {
	id int32
	n  int
}

func (s *seen) add(id int32) {
	if s.last == 0 {
		return
	}
	s.tokens = append(s.tokens, id)
	if i := s.find(id); i >= 0 {
		s.counts[i].n++
	} else {
		s.counts = append(s.counts, count{id, 1})
	}
	if len(s.tokens) <= s.last {
		return
	}
	i := s.find(s.tokens[len(s.tokens)-1-s.last])
	if s.counts[i].n--; s.counts[i].n == 0 {
		end := len(s.counts) - 1
		s.counts[i] = s.counts[end]
		s.counts = s.counts[:end]
	}
}

func (s *seen) find(id int32) int {
	return slices.IndexFunc(s.counts, func(c count) bool { return c.id == id })
}

// penalize applies the repetition, then the frequency and presence penalties.
func (s *seen) penalize(logits []float32, p Params) {
	if p.RepeatPenalty == 1 && p.FrequencyPenalty == 0 && p.PresencePenalty == 0 {
		return
	}
	f := float32(p.RepeatPenalty)
	for _, c := range s.counts {
		z := logits[c.id]
		if z > 0 {
			z /= f
		} else {
			z *= f
		}
		logits[c.id] = z - float32(float64(c.n)*p.FrequencyPenalty+p.PresencePenalty)
	}
}

// dry is the state of Dry.
type dry struct {
	Dry
	tokens   []int32 // of the prompt, then of the reply
	breakers []bool
	match    []int32 // [i] how many tokens before tokens[len-i], it included, equal the last ones
	worst    []count // tokens and the longest repetition each would go on with
}

func (d *dry) read(prompt []int32, breakers []bool) {
	if d.Multiplier != 0 {
		d.tokens, d.breakers = append(d.tokens[:0], prompt...), breakers
	}
}

func (d *dry) add(id int32) {
	if d.Multiplier != 0 {
		d.tokens = append(d.tokens, id)
	}
}

func (d *dry) breaks(id int32) bool { return int(id) < len(d.breakers) && d.breakers[id] }

func (d *dry) penalize(logits []float32) {
	if d.Multiplier == 0 {
		return
	}
	t := d.tokens
	if d.Last > 0 {
		t = t[max(0, len(t)-d.Last):]
	}
	limit := 0 // tokens since the last breaker
	for limit < len(t) && !d.breaks(t[len(t)-1-limit]) {
		limit++
	}
	if limit < d.Allowed || len(t) <= d.Allowed {
		return
	}
	d.matches(t)
	d.worst = d.worst[:0]
	for i, m := range d.match {
		n := min(int(m), limit)
		if i == 0 || n < d.Allowed {
			continue
		}
		id := t[len(t)-i]
		if d.breaks(id) || int(id) >= len(logits) {
			continue
		}
		if at := slices.IndexFunc(d.worst, func(c count) bool { return c.id == id }); at < 0 {
			d.worst = append(d.worst, count{id, n})
		} else {
			d.worst[at].n = max(d.worst[at].n, n)
		}
	}
	for _, c := range d.worst {
		e := float64(c.n - d.Allowed)
		if d.Base > 1.000001 { // what is taken off stays a float32
			e = min(e, math.Floor(math.Log(math.MaxFloat32)/math.Log(d.Base)))
		}
		logits[c.id] = float32(float64(logits[c.id]) - d.Multiplier*math.Pow(d.Base, e))
	}
}

// matches fills d.match for t: match[i] is the length of the longest common end of t
// and of t without its last i tokens, from the Z-algorithm (Gusfield 1997, Algorithms on
// Strings, section 1.4) on t read backwards, in linear time.
func (d *dry) matches(t []int32) {
	n := len(t)
	d.match = append(d.match[:0], int32(n))
	at := func(i int) int32 { return t[n-1-i] }
	lo, hi := 0, 0 // at(lo..hi-1) equals at(0..hi-lo-1), hi as large as possible
	for i := 1; i < n; i++ {
		k := 0
		if i < hi {
			k = min(hi-i, int(d.match[i-lo]))
		}
		for i+k < n && at(k) == at(i+k) {
			k++
		}
		if i+k > hi {
			lo, hi = i, i+k
		}
		d.match = append(d.match, int32(k))
	}
}
