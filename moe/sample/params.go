// Package sample draws one token from a model's logits.
//
// The order of the steps is that of llama.cpp's default chain: repetition penalty,
// top-k, top-p, min-p, temperature, one draw. The filters see the distribution at
// temperature 1, so that a high temperature does not let in what they keep out.
//
// A Sampler is for one sequence and one goroutine.
package sample

import (
	"errors"
	"fmt"
	"math"
)

// Params are the wishes of a request.
type Params struct {
	Temperature   float64 // 0 to 2; 0 always takes the likeliest token
	TopK          int     // keep the k likeliest; 0 keeps all
	TopP          float64 // keep the likeliest that together reach this probability, above 0 to 1; 1 keeps all
	MinP          float64 // keep those with at least this share of the likeliest's probability, 0 to 1; 0 keeps all
	RepeatPenalty float64 // 1 to 2: divides positive logits of recent tokens, multiplies negative ones (Keskar et al. 2019, CTRL, arXiv 1909.05858, section 4.1); 1 is off
	RepeatLast    int     // how many of the reply's last tokens count as recent
	Seed          uint64  // of the draws; the same seed and logits give the same tokens
}

// Default are mild settings for conversation with a small model, chosen by reading its
// replies: more freedom made them stray, and without the penalty 3 of 100 went round in circles.
func Default() Params {
	return Params{Temperature: 0.4, TopK: 40, TopP: 0.9, MinP: 0.1, RepeatPenalty: 1.15, RepeatLast: 64}
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
	in("top-p", p.TopP, math.SmallestNonzeroFloat64, 1)
	in("min-p", p.MinP, 0, 1)
	in("repetition penalty", p.RepeatPenalty, 1, 2)
	in("repetition window", float64(p.RepeatLast), 0, 1<<20)
	return errors.Join(errs...)
}
