package interp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"moebot/moe/model"
)

// Pair is two prompts of as many tokens that differ in what decides between two
// answers: behind Clean Answer is right, behind Corrupt Other.
type Pair struct {
	Clean, Corrupt []int32
	Answer, Other  int32
}

// Circuit is which parts of a model carry a behaviour. Effects are shares: 0 if the
// model answers as behind the corrupt prompts, 1 if it answers as behind the clean.
type Circuit struct {
	Pairs   int          `json:"pairs"`
	Clean   Estimate     `json:"clean"`            // logit of the answer less that of the other, behind the clean prompts
	Corrupt Estimate     `json:"corrupt"`          // and behind the corrupt ones
	Tokens  []string     `json:"tokens"`           // of the longest clean prompt
	Other   []string     `json:"other"`            // and of the corrupt one beside it
	Stream  [][]float64  `json:"stream"`           // [layers+1][position] of that pair: the clean stream put into one place of the corrupt pass
	Parts   []PartEffect `json:"parts"`            // those looked at one by one, strongest first
	All     int          `json:"all"`              // how many parts the model has
	Passes  int          `json:"passes"`           // through the model that all this took
	Groups  []PartGroup  `json:"groups,omitempty"` // where not all parts were looked at: the heads, and the experts, of each layer together, strongest first
	Null    float64      `json:"null"`             // the strongest effect, by magnitude and as a mean over pairs, of any part taken from random tokens instead of the clean prompt
	Set     []SetStep    `json:"set"`              // parts added one by one, the best first, to a clean pass whose other parts are those of the corrupt pass
	SetNull Estimate     `json:"set_null"`         // the score of as many parts drawn at random (20 drawings, seed 1)
	SetMax  float64      `json:"set_null_max"`
}

// PartEffect is one head or expert.
type PartEffect struct {
	Part   part     `json:"part"`
	Name   string   `json:"name"`
	Effect Estimate `json:"effect"` // of putting what it says behind the clean prompt into the corrupt pass, at all positions
	Direct Estimate `json:"direct"` // what it adds to the difference of logits by itself, behind the clean prompt
}

// SetStep is the score of the parts up to this one.
type SetStep struct {
	Name  string  `json:"name"`
	Score float64 `json:"score"`
}

// PartGroup is the heads or the experts of one layer.
type PartGroup struct {
	Name   string   `json:"name"`
	Parts  int      `json:"parts"`
	Effect Estimate `json:"effect"` // of all of them together, as in PartEffect
	Looked bool     `json:"looked"` // its parts were looked at one by one

	parts []part
}

// circuitGap is the difference of logits, between a clean and a corrupt prompt, below
// which a pair has no behaviour to explain.
const circuitGap = 0.5

// setParts and setSteps bound the search for a small set; setEnough ends it.
const (
	setParts  = 40
	setSteps  = 12
	setEnough = 0.9
	setPairs  = 4
	// setDrawings is the number of random sets of the null model.
	setDrawings = 20
)

// Circuit patches activations (Wang et al. 2022, arXiv 2211.00593; Heimersheim &
// Nanda 2024, arXiv 2404.15255) and attributes logits directly (Elhage et al. 2021).
// Pairs that the model does not tell apart are left out; if none is left, it fails.
//
// passes bounds, roughly, how often the model is run; 0 sets no bound. Where they do not
// suffice, 4 pairs are taken, the heads and the experts of each layer are patched
// together first, and only the parts of the strongest of these groups one by one.
func (l *Lab) Circuit(ctx context.Context, pairs []Pair, passes int) (*Circuit, error) {
	if err := l.checkPairs(pairs); err != nil {
		return nil, err
	}
	if err := inRange("number of passes", passes, 0, math.MaxInt32); err != nil {
		return nil, err
	}
	out := &Circuit{}
	var kept []tracedPair
	for _, p := range pairs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if q := l.traced(p); q.high-q.low >= circuitGap {
			kept = append(kept, q)
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("the model tells none of the %d pairs of prompts apart by %.1f of a logit: there is no behaviour to explain", len(pairs), circuitGap)
	}
	w := l.circuitWork(kept, passes)
	w.done = 2 * len(pairs)
	kept = kept[:w.pairs]
	longest := slices.MaxFunc(kept, func(a, b tracedPair) int { return cmp.Compare(len(a.Pair.Clean), len(b.Pair.Clean)) })
	out.Tokens, out.Other = l.shows(longest.Pair.Clean), l.shows(longest.Pair.Corrupt)
	parts := l.parts()
	out.Pairs, out.All = len(kept), len(parts)
	if w.parts < len(parts) {
		groups, err := l.groupEffects(ctx, kept, w)
		if err != nil {
			return nil, err
		}
		parts, out.Groups = chooseParts(groups, w.parts), groups
	}
	if err := l.partEffects(ctx, out, kept, parts, w); err != nil {
		return nil, err
	}
	var err error
	if out.Stream, err = l.streamEffects(ctx, longest, w); err != nil {
		return nil, err
	}
	if err := l.smallest(ctx, out, kept[:min(len(kept), setPairs)], w); err != nil {
		return nil, err
	}
	out.Passes, w.total = w.done, w.done // the search may end early
	w.did(l, 0)
	return out, nil
}

// partEffects patches parts one by one.
func (l *Lab) partEffects(ctx context.Context, out *Circuit, kept []tracedPair, parts []part, w *circuitWork) error {
	effects, null, direct := map[part][]float64{}, map[part][]float64{}, map[part][]float64{}
	var cleans, corrupts []float64
	rng := rand.New(rand.NewPCG(1, 0))
	for _, q := range kept {
		cleans, corrupts = append(cleans, q.high), append(corrupts, q.low)
		noise := l.trace(append(slices.Clone(q.Pair.Clean[:1]), l.randomTokens(rng, len(q.Pair.Clean)-1)...), nil)
		for part, v := range l.attribute(q.clean, q.Answer, q.Other) {
			direct[part] = append(direct[part], v)
		}
		w.did(l, 1)
		for _, x := range parts {
			if err := ctx.Err(); err != nil {
				return err
			}
			effects[x] = append(effects[x], q.score(l, q.Corrupt, l.replace(q.clean, []part{x})))
			null[x] = append(null[x], q.score(l, q.Corrupt, l.replace(noise, []part{x})))
			w.did(l, 2)
		}
	}
	out.Clean, out.Corrupt = estimate(cleans), estimate(corrupts)
	for _, x := range parts {
		out.Parts = append(out.Parts, PartEffect{x, x.String(), estimate(effects[x]), estimate(direct[x])})
		out.Null = max(out.Null, mean(null[x]), -mean(null[x]))
	}
	slices.SortStableFunc(out.Parts, func(a, b PartEffect) int { return cmp.Compare(b.Effect.Mean, a.Effect.Mean) })
	return nil
}

func (l *Lab) checkPairs(pairs []Pair) error {
	if len(pairs) == 0 {
		return errors.New("no pairs of prompts: those of the program need verbs such as \" is\" to be one token")
	}
	last := l.Model.Config.Vocab - 1
	for i, p := range pairs {
		if len(p.Clean) != len(p.Corrupt) {
			return fmt.Errorf("pair %d: the prompts have %d and %d tokens (%v, %v), want as many", i, len(p.Clean), len(p.Corrupt), l.shows(p.Clean), l.shows(p.Corrupt))
		}
		if err := errors.Join(inRange("number of tokens", len(p.Clean), 2, l.length), inRange("answer token", int(p.Answer), 0, last), inRange("other token", int(p.Other), 0, last)); err != nil {
			return fmt.Errorf("pair %d: %w", i, err)
		}
	}
	return nil
}

// tracedPair is a pair with both passes and the two differences of logits.
type tracedPair struct {
	Pair
	clean, corrupt *trace
	high, low      float64
}

func (l *Lab) traced(p Pair) tracedPair {
	q := tracedPair{Pair: p, clean: l.trace(p.Clean, nil), corrupt: l.trace(p.Corrupt, nil)}
	q.high = float64(q.clean.logits[p.Answer] - q.clean.logits[p.Other])
	q.low = float64(q.corrupt.logits[p.Answer] - q.corrupt.logits[p.Other])
	return q
}

// score is the effect of a hook on a pass.
func (q *tracedPair) score(l *Lab, ids []int32, hook model.Hook) float64 {
	l.pass(ids, true, hook)
	x := l.logits(len(ids) - 1)
	return (float64(x[q.Answer]-x[q.Other]) - q.low) / (q.high - q.low)
}

func (l *Lab) streamEffects(ctx context.Context, q tracedPair, w *circuitWork) ([][]float64, error) {
	var out [][]float64
	for stage := range q.clean.streams {
		var row []float64
		for i := range q.Clean {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			row = append(row, q.score(l, q.Corrupt, replaceStream(q.clean, stage, i)))
			w.did(l, 1)
		}
		out = append(out, row)
	}
	return out, nil
}

// smallest searches greedily for the parts that keep the behaviour: of the strongest
// ones, that which helps most is added until the score is setEnough.
func (l *Lab) smallest(ctx context.Context, out *Circuit, pairs []tracedPair, w *circuitWork) error {
	all := l.parts()
	score := func(set []part) float64 {
		var rest []part
		for _, p := range all {
			if !slices.Contains(set, p) {
				rest = append(rest, p)
			}
		}
		sum := 0.0
		for i := range pairs {
			sum += pairs[i].score(l, pairs[i].Clean, l.replace(pairs[i].corrupt, rest))
		}
		w.did(l, len(pairs))
		return sum / float64(len(pairs))
	}
	strongest := slices.Clone(out.Parts)
	slices.SortStableFunc(strongest, func(a, b PartEffect) int {
		return cmp.Compare(max(b.Effect.Mean, -b.Effect.Mean), max(a.Effect.Mean, -a.Effect.Mean))
	})
	var candidates, set []part
	for _, p := range strongest[:min(w.candidates, len(strongest))] {
		candidates = append(candidates, p.Part)
	}
	out.Set = []SetStep{{"none", score(nil)}}
	for range min(w.steps, len(candidates)) {
		top, at := 0.0, -1
		for i, p := range candidates {
			if err := ctx.Err(); err != nil {
				return err
			}
			if slices.Contains(set, p) {
				continue
			}
			if v := score(append(slices.Clone(set), p)); at < 0 || v > top {
				top, at = v, i
			}
		}
		set = append(set, candidates[at])
		out.Set = append(out.Set, SetStep{candidates[at].String(), top})
		if top >= setEnough {
			break
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var null []float64
	for range setDrawings {
		if err := ctx.Err(); err != nil {
			return err
		}
		var drawn []part
		for _, i := range rng.Perm(len(all))[:len(set)] {
			drawn = append(drawn, all[i])
		}
		null = append(null, score(drawn))
	}
	out.SetNull, out.SetMax = estimate(null), slices.Max(null)
	return nil
}

// AgreementPairs are prompts whose subject is plural or singular, before a verb.
func (l *Lab) AgreementPairs() (out []Pair) {
	for _, words := range subjects {
		one, many, _ := strings.Cut(words, " ")
		for _, detour := range []string{"", " in the house"} {
			for _, v := range verbs[:2] {
				is, are, _ := strings.Cut(v, " ")
				a, b := l.Tok.Encode(" "+are, false), l.Tok.Encode(" "+is, false)
				p := Pair{Clean: l.Encode("The "+many+detour, false), Corrupt: l.Encode("The "+one+detour, false)}
				if len(a) == 1 && len(b) == 1 && len(p.Clean) == len(p.Corrupt) {
					p.Answer, p.Other = a[0], b[0]
					out = append(out, p)
				}
			}
		}
	}
	return out
}
