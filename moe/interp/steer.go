package interp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"moebot/moe/model"
	"moebot/moe/model/steer"
)

// Steered is a text continued by a model as it is and by the edited one.
type Steered struct {
	Edits    []string    `json:"edits"`
	Prompt   string      `json:"prompt"`
	Replies  [][2]string `json:"replies"`  // as it is, edited; a pair for each seed
	Next     []NextToken `json:"next"`     // likeliest next tokens of either
	Distance float64     `json:"distance"` // KL divergence of the edited next token from the untouched, bits
	Null     []float64   `json:"null"`     // the same for edits of the same kind and strength drawn at random (seed 1)
	P        float64     `json:"p"`        // share of random edits that change as much, the given one counted in
	Changed  Estimate    `json:"changed"`  // share of places in the untouched replies where the edited model finds another token likeliest
}

// NextToken is a token's probability before and after.
type NextToken struct {
	Text   string  `json:"text"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// SteerOptions say how replies are drawn.
type SteerOptions struct {
	Tokens      int     // of a reply at most
	Temperature float64 // 0 takes the likeliest
	Seeds       int     // replies; at temperature 0, where all would be the same, one is made
	Random      int     // random edits of the null model
}

// Steer answers ids as the model is and with edits, side by side.
func (l *Lab) Steer(ctx context.Context, ids []int32, edits []steer.Edit, o SteerOptions) (*Steered, error) {
	if err := errors.Join(inRange("number of prompt tokens", len(ids), 1, l.length-1), inRange("number of reply tokens", o.Tokens, 1, l.length),
		inRange("number of replies", o.Seeds, 1, 1000), inRange("number of random edits", o.Random, 1, 10000)); err != nil {
		return nil, err
	}
	if len(edits) == 0 {
		return nil, errors.New("no edits, want " + steer.Forms)
	}
	if !(o.Temperature >= 0 && o.Temperature <= 10) {
		return nil, fmt.Errorf("temperature is %v, want 0 to 10", o.Temperature)
	}
	if o.Temperature == 0 {
		o.Seeds = 1 // the places of one reply must not be counted as those of many
	}
	hook, err := l.Hook(edits)
	if err != nil {
		return nil, err
	}
	out := &Steered{Prompt: l.Tok.Decode(ids)}
	for _, e := range edits {
		out.Edits = append(out.Edits, e.String())
	}
	last := len(ids) - 1
	l.pass(ids, true, nil)
	before := distribution(l.logits(last), 1)
	l.pass(ids, true, hook)
	after := distribution(l.logits(last), 1)
	out.Distance = divergence(before, after)
	for _, i := range union(best(before, 6), best(after, 6)) {
		out.Next = append(out.Next, NextToken{l.Show(int32(i)), before[i], after[i]})
	}
	rng := rand.New(rand.NewPCG(1, 0))
	for n := range o.Random {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		drawn := make([]steer.Edit, len(edits))
		for i, e := range edits {
			drawn[i] = l.randomlyLike(rng, e)
		}
		random, err := l.Hook(drawn)
		if err != nil {
			continue // two edits that forbid too many experts together
		}
		l.pass(ids, true, random)
		out.Null = append(out.Null, divergence(before, distribution(l.logits(last), 1)))
		l.step(n+1, o.Random+o.Seeds)
	}
	out.P = pValue(out.Distance, out.Null)
	changed, all := 0, 0
	for seed := range o.Seeds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		plain := l.Continue(ids, o.Tokens, o.Temperature, uint64(seed+1), nil)
		edited := l.Continue(ids, o.Tokens, o.Temperature, uint64(seed+1), hook)
		out.Replies = append(out.Replies, [2]string{l.said(plain), l.said(edited)})
		a, b := l.tops(ids, plain, nil), l.tops(ids, plain, hook)
		for i := range a {
			if a[i] != b[i] {
				changed++
			}
			all++
		}
		l.step(o.Random+seed+1, o.Random+o.Seeds)
	}
	out.Changed = share(changed, all)
	return out, nil
}

// tops are the likeliest tokens at each place of a reply.
func (l *Lab) tops(ids, reply []int32, hook model.Hook) (out []int) {
	l.pass(append(slices.Clone(ids), reply...), true, hook)
	for i := range reply {
		out = append(out, best(float64s(l.logits(len(ids)-1+i)), 1)[0])
	}
	return out
}

// said is a reply as text, its end token left out.
func (l *Lab) said(ids []int32) string { return strings.TrimSpace(l.Tok.Decode(ids)) }

// divergence is Σ p·log2(p/q), bits.
func divergence(p, q []float64) float64 {
	sum := 0.0
	for i := range p {
		if p[i] > 0 {
			sum += p[i] * math.Log2(p[i]/max(q[i], 1e-300))
		}
	}
	return max(0, sum)
}

func union(a, b []int) []int {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// Report says what the edits changed.
func (s *Steered) Report() Report {
	replies := Table{Name: "replies", Header: []string{"reply", "as_it_is", "edited"}}
	flat := strings.NewReplacer("\n", `\n`)
	differ := 0
	for i, r := range s.Replies {
		replies.add(i, flat.Replace(r[0]), flat.Replace(r[1]))
		if r[0] != r[1] {
			differ++
		}
	}
	next := Table{Name: "next", Header: []string{"token", "before", "after"}}
	var names []string
	before, after := line{name: "as it is"}, line{name: "edited"}
	for _, n := range s.Next {
		next.add(n.Text, n.Before, n.After)
		names = append(names, n.Text)
		before.y, after.y = append(before.y, n.Before), append(after.y, n.After)
	}
	null := 0.0
	for _, v := range s.Null {
		null = max(null, v)
	}
	return Report{
		Finding: fmt.Sprintf("%s changes the next token by %.3f bits; %d random edits of the same kind change it by %.3f on average and %.3f at most (p = %.3f). %d of %d replies differ; at %.0f %% of %d places of the untouched replies another token is likeliest (95 %% interval %.0f to %.0f %%).",
			strings.Join(s.Edits, ", "), s.Distance, len(s.Null), mean(s.Null), null, s.P, differ, len(s.Replies), 100*s.Changed.Mean, s.Changed.N, 100*s.Changed.Low, 100*s.Changed.High),
		Tables:  []Table{replies, next},
		Figures: []Figure{bars("The next token, as the model is and edited", "probability", names, before, after)},
	}
}
