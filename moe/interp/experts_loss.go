package interp

import (
	"context"
	"math"
	"math/rand/v2"

	"moebot/moe/model"
)

// ExpertLoss is what changes in the loss when routing is tampered with.
type ExpertLoss struct {
	Base     Estimate        `json:"base"`     // nats per token, untouched
	Silenced [][]Estimate    `json:"silenced"` // [layer with a router][E] nats more per token with the expert's output set to zero
	Random   Estimate        `json:"random"`   // nats more with each token's router logits shuffled among the experts, in all layers
	Choices  []ExpertChoices `json:"choices"`
}

// ExpertChoices is the loss with k experts a token instead of the model's own number.
type ExpertChoices struct {
	K    int      `json:"k"`
	More Estimate `json:"more"` // nats more per token, negative for less
}

// ExpertLoss measures, on the first tokens of the corpus, each difference token by
// token against the untouched model. Numbers of experts that the model does not have
// are left out of ks; silence says whether each expert is silenced in turn.
func (l *Lab) ExpertLoss(ctx context.Context, corpus *Corpus, tokens int, ks []int, silence bool) (*ExpertLoss, error) {
	c := l.Model.Config
	if c.Experts == 0 {
		return nil, errDense
	}
	if err := inRange("number of tokens", tokens, 2, math.MaxInt32); err != nil {
		return nil, err
	}
	few := Corpus{Files: corpus.Files, Tokens: tokens}
	var texts [][]int32
	progress := l.Progress
	l.Progress = nil
	err := few.Each(ctx, l, func(s Sequence) error { texts = append(texts, s.IDs); return nil })
	l.Progress = progress
	if err != nil {
		return nil, err
	}
	steps, total := 0, 2+len(ks)
	if silence {
		total += len(l.routed()) * c.Experts
	}
	measure := func(lab *Lab, hook model.Hook) (out []float64, err error) {
		for _, ids := range texts {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			lab.pass(ids, true, hook)
			out = append(out, lab.losses(ids)...)
		}
		steps++
		l.step(steps, total)
		return out, nil
	}
	base, err := measure(l, nil)
	if err != nil {
		return nil, err
	}
	more := func(lab *Lab, hook model.Hook) (Estimate, error) {
		x, err := measure(lab, hook)
		for i := range x {
			x[i] -= base[i]
		}
		return estimate(x), err
	}
	out := &ExpertLoss{Base: estimate(base)}
	if out.Random, err = more(l, l.randomRouting(1)); err != nil {
		return nil, err
	}
	for _, k := range ks {
		if k < 1 || k > c.Experts {
			continue
		}
		x := ExpertChoices{K: k}
		if x.More, err = more(l.withTopK(k), nil); err != nil {
			return nil, err
		}
		out.Choices = append(out.Choices, x)
	}
	if !silence {
		return out, nil
	}
	for _, n := range l.routed() {
		row := make([]Estimate, c.Experts)
		for e := range row {
			if row[e], err = more(l, l.silence(n, int32(e))); err != nil {
				return nil, err
			}
		}
		out.Silenced = append(out.Silenced, row)
	}
	return out, nil
}

// randomRouting shuffles each token's router logits: as many experts as before, with
// the same gate weights, but any of them.
func (l *Lab) randomRouting(seed uint64) model.Hook {
	rng := rand.New(rand.NewPCG(seed, 0))
	return func(at model.Point, _ int, rows []float32, width int) {
		if at != model.AtRouter {
			return
		}
		for ; len(rows) > 0; rows = rows[width:] {
			rng.Shuffle(width, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		}
	}
}

// silence sets an expert's output to zero wherever it is chosen.
func (l *Lab) silence(layer int, expert int32) model.Hook {
	return func(at model.Point, n int, rows []float32, width int) {
		if at == model.AtExperts && n == layer {
			l.slotsOf(n, expert, len(rows)/width, func(_, slot int, _ float32) { clear(rows[slot*width : (slot+1)*width]) })
		}
	}
}

// slotsOf calls use for each token of the pass that an expert of the layer being
// computed takes: its index, its row and its gate weight. slots is the number of rows.
func (l *Lab) slotsOf(layer int, expert int32, slots int, use func(i, slot int, gate float32)) {
	for i := range slots / len(l.scratch.Experts(layer, 0)) {
		for j, e := range l.scratch.Experts(layer, i) {
			if e == expert {
				use(i, l.scratch.Slot(i, j), l.scratch.Gates(layer, i)[j])
			}
		}
	}
}
