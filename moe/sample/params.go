package sample

import (
	"errors"
	"fmt"
	"math"
)

// Params are the wishes of a request.
type Params struct {
	Temperature      float64 // 0 to 2; 0 always takes the likeliest token
	TopK             int     // keep the k likeliest; 0 keeps all
	TypicalP         float64 // keep the most typical that together reach this probability, above 0 to 1; 1, or 0, keeps all
	TopP             float64 // keep the likeliest that together reach this probability, above 0 to 1; 1 keeps all
	MinP             float64 // keep those with at least this share of the likeliest's probability, 0 to 1; 0 keeps all
	RepeatPenalty    float64 // 1 to 2: divides positive logits of recent tokens, multiplies negative ones (Keskar et al. 2019, CTRL, arXiv 1909.05858, section 4.1); 1 is off
	FrequencyPenalty float64 // -2 to 2: taken off the logit of a recent token for each time it came; 0 is off
	PresencePenalty  float64 // -2 to 2: taken off the logit of a recent token once; 0 is off
	RepeatLast       int     // how many of the reply's last tokens count as recent
	Dry              Dry
	Seed             uint64 // of the draws; the same seed and logits give the same tokens
}

// Dry ("don't repeat yourself") makes the token less likely that would go on with a
// repetition: if the last n tokens have stood before, n ≥ Allowed, Multiplier·Base^(n-Allowed)
// is taken off the logit of what followed there. A repetition does not reach over a
// breaker (see Sampler.Read), and breakers are never made less likely. It is what
// llama.cpp and text-generation-webui do under that name.
type Dry struct {
	Multiplier float64 // 0 to 10; 0 is off
	Base       float64 // 1 to 4
	Allowed    int     // tokens that may repeat, at least 1
	Last       int     // how many of the last tokens of prompt and reply are looked at; 0 is all
}

// DefaultDry is the usual strength of Dry when it is on.
func DefaultDry() Dry { return Dry{Multiplier: 0.8, Base: 1.75, Allowed: 2} }

// Default are mild settings for conversation with a small model, chosen by reading its
// replies: more freedom made them stray, and without the penalty 3 of 100 went round in circles.
func Default() Params {
	return Params{Temperature: 0.4, TopK: 40, TypicalP: 1, TopP: 0.9, MinP: 0.1, RepeatPenalty: 1.15, RepeatLast: 64}
}

// Check names every parameter outside its range.
func (p Params) Check() error {
	var errs []error
	in := func(name string, v, lo, hi float64) {
		if !(v >= lo && v <= hi) { // NaN is in no range
			errs = append(errs, fmt.Errorf("%s is %g, want %g to %g", name, v, lo, hi))
		}
	}
	in("temperature", p.Temperature, 0, 2)
	in("top-k", float64(p.TopK), 0, 1<<20)
	in("typical-p", p.TypicalP, 0, 1)
	in("top-p", p.TopP, math.SmallestNonzeroFloat64, 1)
	in("min-p", p.MinP, 0, 1)
	in("repetition penalty", p.RepeatPenalty, 1, 2)
	in("frequency penalty", p.FrequencyPenalty, -2, 2)
	in("presence penalty", p.PresencePenalty, -2, 2)
	in("repetition window", float64(p.RepeatLast), 0, 1<<20)
	if d := p.Dry; d.Multiplier != 0 {
		in("DRY's multiplier", d.Multiplier, 0, 10)
		in("DRY's base", d.Base, 1, 4)
		in("DRY's allowed length", float64(d.Allowed), 1, 1<<20)
		in("DRY's window", float64(d.Last), 0, 1<<30)
	}
	return errors.Join(errs...)
}
