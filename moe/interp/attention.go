package interp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"moebot/moe/model"
	"moebot/moe/model/steer"
)

// Attention is what the heads attend to.
type Attention struct {
	Tokens   int           `json:"tokens"`
	Heads    [][]HeadScore `json:"heads"` // [layer][head]
	Distance []Distance    `json:"distance"`
	Agrees   []Agreement   `json:"agreement"`
	Pattern  *Pattern      `json:"pattern,omitempty"`
}

// HeadScore is how much of a head's attention goes where, 0 to 1. Null is what a head
// has that attends evenly to all it sees.
type HeadScore struct {
	Previous  Estimate `json:"previous"`  // to the position before
	First     Estimate `json:"first"`     // to the first position
	Same      Estimate `json:"same"`      // to earlier places of the same token, where there are any
	Induction Estimate `json:"induction"` // in a repeated random sequence, to what came behind the same token last time
	Null      struct {
		Previous  float64 `json:"previous"`
		First     float64 `json:"first"`
		Same      float64 `json:"same"`
		Induction float64 `json:"induction"`
	} `json:"null"`
	Kind string `json:"kind"` // what it does mostly, "" if none of these
}

// Pattern is one head's attention over a text: Weights[i][j] from position i to j.
type Pattern struct {
	Layer   int         `json:"layer"`
	Head    int         `json:"head"`
	Tokens  []string    `json:"tokens"`
	Weights [][]float64 `json:"weights"`
}

// tally sums up one head over a corpus.
type tally struct {
	previous, first, same, induction   running
	nullFirst, nullSame, nullInduction float64
}

// repeats are how induction is measured: sequences, and tokens that are repeated in each.
const (
	repeats   = 16
	repeatLen = 24
)

// Attention scores every head on the corpus, and on random sequences that are
// repeated (Olsson et al. 2022, "In-context learning and induction heads").
func (l *Lab) Attention(ctx context.Context, corpus *Corpus) (*Attention, error) {
	c := l.Model.Config
	sums := make([]tally, c.Layers*c.Heads)
	out := &Attention{}
	err := corpus.Each(ctx, l, func(s Sequence) error {
		n := len(s.IDs)
		out.Tokens += n
		l.patterns(s.IDs, false, func(at model.Point, layer int, rows []float32, width int) {
			if at != model.AtPattern {
				return
			}
			for h := range c.Heads {
				sums[layer*c.Heads+h].natural(s.IDs, rows, width, h*n)
			}
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	period := min(repeatLen, (l.length-1)/2, l.ordinary())
	rng := rand.New(rand.NewPCG(1, 0))
	for range repeats {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ids := l.start()
		lead := len(ids)
		once := l.randomTokens(rng, period)
		ids = append(append(ids, once...), once...)
		ids = ids[:min(len(ids), l.length)]
		n := len(ids)
		l.patterns(ids, false, func(at model.Point, layer int, rows []float32, width int) {
			if at != model.AtPattern {
				return
			}
			for h := range c.Heads {
				t := &sums[layer*c.Heads+h]
				for i := lead + period; i < n; i++ {
					t.induction.add(float64(rows[i*width+h*n+i-period+1]))
					t.nullInduction += 1 / float64(i+1)
				}
			}
		})
	}
	out.Heads = make([][]HeadScore, c.Layers)
	for i := range sums {
		out.Heads[i/c.Heads] = append(out.Heads[i/c.Heads], sums[i].score())
	}
	return out, nil
}

// start is what every sequence of the model begins with.
func (l *Lab) start() []int32 { return l.Encode("", false) }

// ordinary is the number of tokens that are no special ones.
func (l *Lab) ordinary() int {
	n := 0
	for id := range int32(l.Model.Config.Vocab) {
		if !l.Tok.IsControl(id) {
			n++
		}
	}
	return n
}

// randomTokens draws n different tokens that are no special ones, as far as there are as many.
func (l *Lab) randomTokens(rng *rand.Rand, n int) []int32 {
	var out []int32
	used := map[int32]bool{}
	for tries := 0; len(out) < n; tries++ {
		id := int32(rng.IntN(l.Model.Config.Vocab))
		if (l.Tok.IsControl(id) || used[id]) && tries < 100*n {
			continue
		}
		used[id] = true
		out = append(out, id)
	}
	return out
}

// natural adds a head's pattern over a sequence; it starts at offset in each row.
func (t *tally) natural(ids []int32, rows []float32, width, offset int) {
	for i := 1; i < len(ids); i++ {
		p := rows[i*width+offset : i*width+offset+len(ids)]
		t.previous.add(float64(p[i-1]))
		t.first.add(float64(p[0]))
		t.nullFirst += 1 / float64(i+1)
		same, k := 0.0, 0
		for j := range i {
			if ids[j] == ids[i] {
				same += float64(p[j])
				k++
			}
		}
		if k > 0 {
			t.same.add(same)
			t.nullSame += float64(k) / float64(i+1)
		}
	}
}

func (t *tally) score() HeadScore {
	s := HeadScore{Previous: t.previous.estimate(), First: t.first.estimate(), Same: t.same.estimate(), Induction: t.induction.estimate()}
	even := func(sum float64, of running) float64 { return sum / float64(max(of.n, 1)) }
	s.Null.Previous, s.Null.First = even(t.nullFirst, t.first), even(t.nullFirst, t.first)
	s.Null.Same, s.Null.Induction = even(t.nullSame, t.same), even(t.nullInduction, t.induction)
	most := 0.3 // below that a head does something else
	for _, k := range []struct {
		name string
		e    Estimate
		null float64
	}{{"induction", s.Induction, s.Null.Induction}, {"previous token", s.Previous, s.Null.Previous}, {"same token", s.Same, s.Null.Same}, {"first token", s.First, s.Null.First}} {
		if k.e.Mean >= most && k.e.Low > 2*k.null {
			s.Kind, most = k.name, k.e.Mean
		}
	}
	return s
}

// PatternOf is the attention of one head over a text.
func (l *Lab) PatternOf(ids []int32, layer, head int) (*Pattern, error) {
	c := l.Model.Config
	if err := errors.Join(steer.CheckLayer(c, layer), steer.CheckHead(c, head), inRange("number of tokens", len(ids), 2, l.length)); err != nil {
		return nil, err
	}
	n := len(ids)
	p := &Pattern{Layer: layer, Head: head, Tokens: l.shows(ids)}
	l.patterns(ids, false, func(at model.Point, li int, rows []float32, width int) {
		if at == model.AtPattern && li == layer {
			for i := range n {
				p.Weights = append(p.Weights, float64s(rows[i*width+head*n:i*width+(head+1)*n]))
			}
		}
	})
	return p, nil
}

// strongest is the head with the highest value of a score.
func (a *Attention) strongest(of func(HeadScore) float64) (layer, head int, value float64) {
	value = -1
	for i, row := range a.Heads {
		for j, s := range row {
			if v := of(s); v > value {
				layer, head, value = i, j, v
			}
		}
	}
	return layer, head, value
}

// Induction is the strongest induction head.
func (a *Attention) Induction() (layer, head int, score float64) {
	return a.strongest(func(s HeadScore) float64 { return s.Induction.Mean })
}

// Report says what the heads do.
func (a *Attention) Report() Report {
	t := Table{Name: "heads", Header: []string{"layer", "head", "kind", "previous", "first", "same", "induction", "induction_low", "induction_high", "null_previous", "null_first", "null_same", "null_induction"}}
	kinds := map[string]int{}
	scores := map[string][][]float64{}
	names := []string{"previous token", "first token", "same token", "induction"}
	var layers []string
	for i, row := range a.Heads {
		layers = append(layers, fmt.Sprint(i))
		values := make([][]float64, len(names))
		for j, s := range row {
			t.add(i, j, s.Kind, s.Previous.Mean, s.First.Mean, s.Same.Mean, s.Induction.Mean, s.Induction.Low, s.Induction.High, s.Null.Previous, s.Null.First, s.Null.Same, s.Null.Induction)
			kinds[s.Kind]++
			for k, v := range []float64{s.Previous.Mean, s.First.Mean, s.Same.Mean, s.Induction.Mean} {
				values[k] = append(values[k], v)
			}
		}
		for k, name := range names {
			scores[name] = append(scores[name], values[k])
		}
	}
	li, hi, ind := a.Induction()
	lp, hp, prev := a.strongest(func(s HeadScore) float64 { return s.Previous.Mean })
	null := a.Heads[li][hi].Null.Induction
	r := Report{
		Finding: fmt.Sprintf("Of %d heads over %d tokens, %d attend mostly to the token before, %d to the first, %d to the same token earlier, %d are induction heads. Strongest: layer %d head %d gives %.2f to the token before (even attention: %.2f), layer %d head %d %.2f to what followed last time (95 %% interval %.2f to %.2f, even: %.2f).",
			len(a.Heads)*len(a.Heads[0]), a.Tokens, kinds["previous token"], kinds["first token"], kinds["same token"], kinds["induction"], lp, hp, prev, a.Heads[lp][hp].Null.Previous,
			li, hi, ind, a.Heads[li][hi].Induction.Low, a.Heads[li][hi].Induction.High, null),
		Tables: []Table{t},
	}
	for _, name := range names {
		r.Figures = append(r.Figures, heat("Attention to: "+name, "head", "layer", scores[name], count(len(a.Heads[0])), layers))
	}
	a.reportDistance(&r)
	if p := a.Pattern; p != nil {
		t := Table{Name: "pattern", Header: []string{"from", "to", "from_token", "to_token", "weight"}}
		for i, row := range p.Weights {
			for j, w := range row[:i+1] {
				t.add(i, j, p.Tokens[i], p.Tokens[j], w)
			}
		}
		r.Tables = append(r.Tables, t)
		r.Figures = append(r.Figures, heat(fmt.Sprintf("Layer %d, head %d: attention from the row's token to the column's", p.Layer, p.Head), "to", "from", p.Weights, p.Tokens, p.Tokens))
	}
	return r
}
