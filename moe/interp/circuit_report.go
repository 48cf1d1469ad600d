package interp

import (
	"fmt"
	"math"
)

// Report says which parts carry the behaviour.
func (c *Circuit) Report() Report {
	t := Table{Name: "parts", Header: []string{"part", "effect", "low", "high", "direct_logit", "direct_low", "direct_high"}}
	layers := len(c.Stream) - 1
	heads, experts := c.effects(layers, false), c.effects(layers, true)
	above := 0
	for _, p := range c.Parts {
		t.add(p.Name, p.Effect.Mean, p.Effect.Low, p.Effect.High, p.Direct.Mean, p.Direct.Low, p.Direct.High)
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
	groups := Table{Name: "groups", Header: []string{"group", "parts", "joint_effect", "low", "high", "looked_at_one_by_one"}}
	for _, g := range c.Groups {
		groups.add(g.Name, g.Parts, g.Effect.Mean, g.Effect.Low, g.Effect.High, g.Looked)
	}
	tables, sampled := []Table{t, set, stream}, ""
	if skipped, most := c.skipped(); skipped > 0 {
		tables = append(tables, groups)
		sampled = fmt.Sprintf(" To stay within %d passes, %d of the model's %d parts were not looked at one by one (grey in the pictures): of these, the heads or experts of one layer have together %.0f %% at most.", c.Passes, skipped, c.All, 100*most)
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
			c.Pairs, c.Clean.Mean, c.Corrupt.Mean, top.Name, 100*top.Effect.Mean, 100*top.Effect.Low, 100*top.Effect.High, len(c.Parts), above, 100*c.Null, len(c.Set)-1, 100*end.Score, 100*c.SetNull.Mean, 100*c.SetMax) + sampled,
		Tables: tables,
		Figures: []Figure{heat("Effect of the clean stream in one place of the corrupt pass", "position", "behind", c.Stream, tokens, names),
			heat("Effect of a head's clean output", "head", "layer", heads, count(len(heads[0])), rows),
			heat("Effect of an expert's clean output", "expert", "layer", experts, count(len(experts[0])), rows),
			lines("How much of the behaviour a few parts keep", "parts", "score", curve, null)},
	}
}

// effects are those of the heads or the experts, [layer][index], NaN where none was
// looked at; without any, empty rows.
func (c *Circuit) effects(layers int, experts bool) [][]float64 {
	width := 0
	for _, p := range c.Parts {
		if p.Part.Expert == experts {
			width = max(width, p.Part.Index+1)
		}
	}
	out := make([][]float64, layers)
	for n := range out {
		out[n] = make([]float64, width)
		for i := range out[n] {
			out[n][i] = math.NaN()
		}
	}
	for _, p := range c.Parts {
		if p.Part.Expert == experts {
			out[p.Part.Layer][p.Part.Index] = p.Effect.Mean
		}
	}
	return out
}
