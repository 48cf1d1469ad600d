package interp

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Chain is the path of a text through the model's expectations, token by token.
type Chain struct {
	Tokens       []ChainToken `json:"tokens"`       // the first has no expectation: only its text
	Temperatures []float64    `json:"temperatures"` // those of ChainToken.At
	Surprise     Estimate     `json:"surprise"`     // bits per token
	Shuffled     []float64    `json:"shuffled"`     // mean bits of the same tokens in random order, a value for each order
	Torn         int          `json:"torn"`         // tokens with Torn set
}

// ChainToken is one token and what the model expected in its place at temperature 1.
type ChainToken struct {
	ID       int32         `json:"id"`
	Text     string        `json:"text"`
	Prob     float64       `json:"prob"`
	Rank     int           `json:"rank"`     // 0 for the likeliest
	Surprise float64       `json:"surprise"` // -log2 Prob, bits
	Entropy  float64       `json:"entropy"`  // of the whole distribution, bits
	Likely   []Alternative `json:"likely"`   // likeliest first
	At       []ChainAt     `json:"at"`       // for each of the temperatures
	Torn     bool          `json:"torn"`     // the two likeliest have 30 % together and are as good as equal
}

// Alternative is a token that might have come.
type Alternative struct {
	ID   int32   `json:"id"`
	Text string  `json:"text"`
	Prob float64 `json:"prob"`
}

// ChainAt is a token's place at another temperature.
type ChainAt struct {
	Prob    float64 `json:"prob"`
	Entropy float64 `json:"entropy"` // bits
}

// torn is whether two likeliest tokens leave the model undecided: together they have
// 30 % of the probability, and the choice between them is worth 0.9 of a bit.
func torn(p, q float64) bool {
	return p+q >= 0.3 && entropyBits([]float64{p / (p + q), q / (p + q)}) >= 0.9
}

// Chain follows ids, which are one sequence of 2 tokens at least. It names as many
// alternatives as asked for. As a null model, the same tokens are read in shuffles
// random orders (seed 1), the first token staying where it is.
func (l *Lab) Chain(ctx context.Context, ids []int32, temperatures []float64, alternatives, shuffles int) (*Chain, error) {
	if err := inRange("number of tokens", len(ids), 2, l.length); err != nil {
		return nil, err
	}
	if err := inRange("number of alternatives", alternatives, 1, l.Model.Config.Vocab); err != nil {
		return nil, err
	}
	for _, t := range temperatures {
		if !(t > 0 && t <= 100) {
			return nil, fmt.Errorf("temperature is %v, want above 0 and 100 at most", t)
		}
	}
	c := &Chain{Temperatures: temperatures, Tokens: []ChainToken{{ID: ids[0], Text: l.Show(ids[0])}}}
	l.pass(ids, true, nil)
	var bits []float64
	for i, id := range ids[1:] {
		t := l.expectation(l.logits(i), id, max(alternatives, 2))
		for _, temperature := range temperatures {
			p := distribution(l.logits(i), temperature)
			t.At = append(t.At, ChainAt{p[id], entropyBits(p)})
		}
		if t.Torn {
			c.Torn++
		}
		t.Likely = t.Likely[:min(alternatives, len(t.Likely))]
		bits = append(bits, t.Surprise)
		c.Tokens = append(c.Tokens, t)
	}
	c.Surprise = estimate(bits)
	c.Surprise.Low = max(c.Surprise.Low, 0) // no token costs less
	rng := rand.New(rand.NewPCG(1, 0))
	mixed := slices.Clone(ids)
	for n := range shuffles {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rng.Shuffle(len(mixed)-1, func(i, j int) { mixed[i+1], mixed[j+1] = mixed[j+1], mixed[i+1] })
		l.pass(mixed, true, nil)
		c.Shuffled = append(c.Shuffled, mean(l.losses(mixed))/math.Ln2)
		l.step(n+1, shuffles)
	}
	return c, nil
}

// expectation is what logits say of the token that came.
func (l *Lab) expectation(logits []float32, id int32, alternatives int) ChainToken {
	p := distribution(logits, 1)
	t := ChainToken{ID: id, Text: l.Show(id), Prob: p[id], Surprise: -logProb(logits, id) / math.Ln2, Entropy: entropyBits(p)}
	for _, v := range logits {
		if v > logits[id] {
			t.Rank++
		}
	}
	for _, i := range best(p, alternatives) {
		t.Likely = append(t.Likely, Alternative{int32(i), l.Show(int32(i)), p[i]})
	}
	t.Torn = len(t.Likely) > 1 && torn(t.Likely[0].Prob, t.Likely[1].Prob)
	return t
}

// fewest is how many tokens an interval of their mean surprise takes to be worth telling:
// of fewer the spread is hardly known, and one that surprises moves all.
const fewest = 10

// Report says what the chain shows.
func (c *Chain) Report() Report {
	n := len(c.Tokens) - 1
	null := "no null model was asked for"
	if len(c.Shuffled) > 0 {
		lower := 0
		for _, b := range c.Shuffled {
			if b <= c.Surprise.Mean {
				lower++
			}
		}
		null = fmt.Sprintf("the same tokens in random order cost %.2f (lowest of %d orders %.2f; %d of them as low as the text)", mean(c.Shuffled), len(c.Shuffled), slices.Min(c.Shuffled), lower)
	}
	first := 0
	t := Table{Name: "tokens", Header: []string{"position", "token", "prob", "rank", "surprise_bits", "entropy_bits", "torn", "likely"}}
	for _, x := range c.Temperatures {
		t.Header = append(t.Header, fmt.Sprintf("prob_t%g", x), fmt.Sprintf("entropy_t%g", x))
	}
	var names []string
	var surprise, entropy []float64
	for i, k := range c.Tokens {
		if i == 0 {
			continue
		}
		if k.Rank == 0 {
			first++
		}
		likely := ""
		for _, a := range k.Likely {
			likely += fmt.Sprintf("%s %.1f%%  ", a.Text, 100*a.Prob)
		}
		row := []any{i, k.Text, k.Prob, k.Rank, k.Surprise, k.Entropy, k.Torn, likely}
		for _, at := range k.At {
			row = append(row, at.Prob, at.Entropy)
		}
		t.add(row...)
		names, surprise, entropy = append(names, k.Text), append(surprise, k.Surprise), append(entropy, k.Entropy)
	}
	figures := []Figure{bars("Surprise of each token and what was expected of it", "bits", names, line{name: "surprise", y: surprise}, line{name: "entropy", y: entropy})}
	if len(c.Temperatures) > 1 {
		figures = append(figures, c.temperatures())
	}
	interval := fmt.Sprintf("95 %% interval %.2f to %.2f", c.Surprise.Low, c.Surprise.High)
	if n < fewest {
		interval = fmt.Sprintf("fewer than %d tell no interval", fewest)
	}
	return Report{
		Finding: fmt.Sprintf("%d tokens cost %.2f bits each (%s); %s. %d of %d were the likeliest, at %d the model was torn between two.",
			n, c.Surprise.Mean, interval, null, first, n, c.Torn),
		Tables: []Table{t}, Figures: figures}
}

// temperatures draws the mean surprise and entropy against the temperature.
func (c *Chain) temperatures() Figure {
	s, h := line{name: "surprise"}, line{name: "entropy"}
	for i, t := range c.Temperatures {
		var a, b []float64
		for _, k := range c.Tokens[1:] {
			a, b = append(a, -math.Log2(max(k.At[i].Prob, 1e-300))), append(b, k.At[i].Entropy)
		}
		s.x, s.y = append(s.x, t), append(s.y, mean(a))
		h.x, h.y = append(h.x, t), append(h.y, mean(b))
	}
	return lines("The same text at several temperatures", "temperature", "mean bits per token", s, h)
}
