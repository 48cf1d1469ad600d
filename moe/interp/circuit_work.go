package interp

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// circuitWork is how much of a circuit is looked at, and how far that is.
type circuitWork struct {
	pairs             int
	parts             int // looked at one by one
	candidates, steps int // of the search for a small set
	done, total       int // passes
}

// circuitWork shares out a number of passes, 0 for as many as it takes. A third goes
// into the search for a small set. However few they are, one part, four candidates
// and four steps are looked at.
func (l *Lab) circuitWork(kept []tracedPair, passes int) *circuitWork {
	all, layers := len(l.parts()), l.Model.Config.Layers
	longest := 0
	for _, q := range kept {
		longest = max(longest, len(q.Clean))
	}
	stream := (layers + 1) * longest
	w := &circuitWork{pairs: len(kept), parts: all, candidates: min(setParts, all), steps: min(setSteps, all)}
	count := func() int {
		n := w.pairs*(1+2*w.parts) + stream + min(w.pairs, setPairs)*(1+setDrawings+w.candidates*w.steps)
		if w.parts < all {
			n += w.pairs * 2 * layers
		}
		return n
	}
	if w.total = count(); passes == 0 || w.total <= passes {
		return w
	}
	w.pairs = min(w.pairs, setPairs)
	if w.total = count(); w.total <= passes { // the pairs alone made it too long
		return w
	}
	set := passes/3/w.pairs - 1 - setDrawings
	w.candidates = min(max(4, set/w.steps), w.candidates)
	w.steps = min(w.steps, max(4, w.candidates))
	rest := passes - stream - w.pairs*(1+2*layers+1+setDrawings+w.candidates*w.steps)
	w.parts = min(max(1, rest/(2*w.pairs)), all)
	w.total = count()
	return w
}

// did tells of n more passes.
func (w *circuitWork) did(l *Lab, n int) {
	w.done += n
	l.step(w.done, max(w.total, w.done))
}

// groupEffects patches the heads of each layer together, and the experts.
func (l *Lab) groupEffects(ctx context.Context, kept []tracedPair, w *circuitWork) ([]PartGroup, error) {
	var out []PartGroup
	for _, p := range l.parts() {
		if n := len(out) - 1; n >= 0 && out[n].parts[0].Layer == p.Layer && out[n].parts[0].Expert == p.Expert {
			out[n].parts = append(out[n].parts, p)
			continue
		}
		kind := "heads"
		if p.Expert {
			kind = "experts"
		}
		out = append(out, PartGroup{Name: fmt.Sprintf("%s %s", layerName(p.Layer), kind), parts: []part{p}})
	}
	for i := range out {
		g := &out[i]
		g.Parts = len(g.parts)
		var effects []float64
		for _, q := range kept {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			effects = append(effects, q.score(l, q.Corrupt, l.replace(q.clean, g.parts)))
			w.did(l, 1)
		}
		g.Effect = estimate(effects)
	}
	slices.SortStableFunc(out, func(a, b PartGroup) int {
		return cmp.Compare(max(b.Effect.Mean, -b.Effect.Mean), max(a.Effect.Mean, -a.Effect.Mean))
	})
	return out, nil
}

// chooseParts takes the strongest groups that together have no more than n parts, the
// strongest in any case.
func chooseParts(groups []PartGroup, n int) (out []part) {
	for i := range groups {
		if g := &groups[i]; i == 0 || len(out)+len(g.parts) <= n {
			out = append(out, g.parts...)
			g.Looked = true
		} else {
			break
		}
	}
	return out
}

// skipped is the number of parts that were not looked at one by one, and the strongest
// joint effect of a group of them.
func (c *Circuit) skipped() (parts int, strongest float64) {
	for _, g := range c.Groups {
		if !g.Looked {
			parts += g.Parts
			strongest = max(strongest, g.Effect.Mean, -g.Effect.Mean)
		}
	}
	return parts, strongest
}
