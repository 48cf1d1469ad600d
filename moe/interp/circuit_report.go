package interp

import "fmt"

// Report says which parts carry the behaviour.
func (c *Circuit) Report() Report {
	t := Table{Name: "parts", Header: []string{"part", "effect", "low", "high", "direct_logit", "direct_low", "direct_high"}}
	layers := len(c.Stream) - 1
	heads, experts := make([][]float64, layers), make([][]float64, layers)
	grow := func(row []float64, n int) []float64 {
		for len(row) <= n {
			row = append(row, 0)
		}
		return row
	}
	above := 0
	for _, p := range c.Parts {
		t.add(p.Name, p.Effect.Mean, p.Effect.Low, p.Effect.High, p.Direct.Mean, p.Direct.Low, p.Direct.High)
		to := heads
		if p.Part.Expert {
			to = experts
		}
		n := p.Part.Layer
		to[n] = grow(to[n], p.Part.Index)
		to[n][p.Part.Index] = p.Effect.Mean
		if p.Effect.Mean > c.Null {
			above++
		}
	}
	stream := Table{Name: "stream", Header: []string{"behind", "position", "clean_token", "corrupt_token", "effect"}}
	names, rows := []string{"embedding"}, []string{}
	for n := range layers {
		names, rows = append(names, layerName(n)), append(rows, fmt.Sprint(n))
	}
	for i, row := range c.Stream {
		for j, v := range row {
			stream.add(names[i], j, c.Tokens[j], c.Other[j], v)
		}
	}
	set := Table{Name: "set", Header: []string{"parts", "added", "score"}}
	curve, null := line{name: "best parts"}, line{name: "as many at random, mean", dashed: true}
	for i, s := range c.Set {
		set.add(i, s.Name, s.Score)
		curve.x, curve.y = append(curve.x, float64(i)), append(curve.y, s.Score)
		null.x, null.y = append(null.x, float64(i)), append(null.y, c.SetNull.Mean)
	}
	var tokens []string
	for i, a := range c.Tokens {
		if a != c.Other[i] {
			a += "/" + c.Other[i]
		}
		tokens = append(tokens, a)
	}
	top, end := c.Parts[0], c.Set[len(c.Set)-1]
	return Report{
		Finding: fmt.Sprintf("In %d pairs the clean prompt favours the answer by %+.2f of a logit, the corrupt one by %+.2f. Strongest is %s, which alone restores %.0f %% (95 %% interval %.0f to %.0f %%); of %d parts %d have more effect than any part taken from random tokens (%.0f %%). %d parts keep %.0f %% of the behaviour, as many drawn at random %.0f %% (at most %.0f %%).",
			c.Pairs, c.Clean.Mean, c.Corrupt.Mean, top.Name, 100*top.Effect.Mean, 100*top.Effect.Low, 100*top.Effect.High, len(c.Parts), above, 100*c.Null, len(c.Set)-1, 100*end.Score, 100*c.SetNull.Mean, 100*c.SetMax),
		Tables: []Table{t, set, stream},
		Figures: []Figure{heat("Effect of the clean stream in one place of the corrupt pass", "position", "behind", c.Stream, tokens, names),
			heat("Effect of a head's clean output", "head", "layer", heads, count(len(heads[0])), rows),
			heat("Effect of an expert's clean output", "expert", "layer", experts, count(len(experts[0])), rows),
			lines("How much of the behaviour a few parts keep", "parts", "score", curve, null)},
	}
}
