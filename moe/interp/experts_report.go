package interp

import (
	"fmt"
	"math"
	"strings"
)

// Report says what routing shows.
func (x *Experts) Report() Report {
	experts := len(x.Layers[0].Load)
	load := Table{Name: "load", Header: []string{"layer", "expert", "share", "silenced_nats", "silenced_low", "silenced_high", "favourites"}}
	shared := Table{Name: "shared", Header: []string{"layer", "property", "nmi", "null", "null_max", "p"}}
	layers := Table{Name: "layers", Header: []string{"layer", "load_entropy_bits", "best_gate", "vocabulary", "vocabulary_null"}}
	together := Table{Name: "together", Header: []string{"layer", "expert", "other", "share"}}
	domain := Table{Name: "domain", Header: []string{"layer", "topic", "expert", "share"}}
	var loads [][]float64
	var names []string
	series := make([]line, len(traitNames))
	null := line{name: "largest of shuffled, all but token", dashed: true}
	found, tests, top := 0, 0, Shared{}
	topLayer := 0
	for i, y := range x.Layers {
		n := y.Layer
		layers.add(n, y.Entropy, y.Sureness.Mean, y.Vocabulary, y.VocabNull)
		loads, names = append(loads, y.Load), append(names, fmt.Sprint(n))
		for e := range experts {
			var likes []string
			for _, f := range y.Favourites[e] {
				likes = append(likes, fmt.Sprintf("%s %.0f%%", f.Token, 100*f.Share.Mean))
			}
			row := []any{n, e, y.Load[e], "", "", "", strings.Join(likes, "  ")}
			if x.Loss != nil && x.Loss.Silenced != nil {
				s := x.Loss.Silenced[i][e]
				row[3], row[4], row[5] = s.Mean, s.Low, s.High
			}
			load.add(row...)
			for o := range experts {
				if o != e {
					together.add(n, e, o, y.Together[e][o])
				}
			}
		}
		for t, row := range y.Domain {
			for e, v := range row {
				domain.add(n, x.Topics[t], e, v)
			}
		}
		worst := 0.0
		for j, s := range y.Shared {
			shared.add(n, s.Property, s.NMI, s.Null, s.NullHigh, s.P)
			series[j].name = s.Property
			series[j].x, series[j].y = append(series[j].x, float64(n)), append(series[j].y, s.NMI)
			tests++
			if s.NMI > s.NullHigh {
				found++
			}
			if j > 0 {
				worst = max(worst, s.NullHigh)
			}
			if j > 0 && s.NMI-s.Null > top.NMI-top.Null {
				top, topLayer = s, n
			}
		}
		null.x, null.y = append(null.x, float64(n)), append(null.y, worst)
	}
	r := Report{
		Finding: fmt.Sprintf("Over %d tokens the experts take %.0f to %.0f %% of a layer's choices (even: %.1f %%). Of %d pairs of layer and property %d have more in common with routing than any shuffled routing; most has %s in layer %d, NMI %.3f against %.3f shuffled.",
			x.Tokens, 100*least(loads), 100*most(loads), 100/float64(experts), tests, found, orNone(top.Property), topLayer, top.NMI, top.Null),
		Tables: []Table{load, shared, layers, together, domain},
		Figures: []Figure{heat("Share of each layer's choices by expert", "expert", "layer", loads, count(experts), names),
			lines("What routing has in common with properties of the token", "layer", "NMI of first expert and property", append(series, null)...),
			heat("Tokens of a topic that an expert of the last layer takes", "expert", "", x.Layers[len(x.Layers)-1].Domain, count(experts), x.Topics)},
	}
	if x.Loss != nil {
		x.Loss.report(&r, names)
	}
	return r
}

func (v *ExpertLoss) report(r *Report, layers []string) {
	t := Table{Name: "loss", Header: []string{"routing", "more_nats", "low", "high", "tokens"}}
	t.add("as it is (nats per token)", v.Base.Mean, v.Base.Low, v.Base.High, v.Base.N)
	t.add("at random", v.Random.Mean, v.Random.Low, v.Random.High, v.Random.N)
	var names []string
	choices := line{name: "nats more"}
	var said []string
	for _, k := range v.Choices {
		t.add(fmt.Sprintf("k = %d", k.K), k.More.Mean, k.More.Low, k.More.High, k.More.N)
		names, choices.y = append(names, fmt.Sprintf("k = %d", k.K)), append(choices.y, k.More.Mean)
		said = append(said, fmt.Sprintf("k = %d costs %+.3f (%+.3f to %+.3f)", k.K, k.More.Mean, k.More.Low, k.More.High))
	}
	names, choices.y = append(names, "at random"), append(choices.y, v.Random.Mean)
	r.Finding += fmt.Sprintf(" The loss is %.3f nats over %d tokens; routing at random costs %+.3f (95 %% interval %+.3f to %+.3f); %s.", v.Base.Mean, v.Base.N, v.Random.Mean, v.Random.Low, v.Random.High, strings.Join(said, ", "))
	r.Figures = append(r.Figures, bars("Loss when routing changes", "nats more per token", names, choices))
	if v.Silenced != nil {
		var z [][]float64
		sure, all := 0, 0
		for _, row := range v.Silenced {
			var values []float64
			for _, e := range row {
				values = append(values, e.Mean)
				all++
				if e.Low > 0 {
					sure++
				}
			}
			z = append(z, values)
		}
		r.Finding += fmt.Sprintf(" Silencing a single expert costs %.3f to %.3f nats; for %d of %d the interval is above zero.", least(z), most(z), sure, all)
		r.Figures = append(r.Figures, heat("Nats more per token with one expert silenced", "expert", "layer", z, count(len(z[0])), layers))
	}
	r.Tables = append(r.Tables, t)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// count names 0 to n-1.
func count(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}

func least(z [][]float64) float64 {
	v := math.Inf(1)
	for _, row := range z {
		for _, x := range row {
			v = min(v, x)
		}
	}
	return v
}

func most(z [][]float64) float64 {
	v := math.Inf(-1)
	for _, row := range z {
		for _, x := range row {
			v = max(v, x)
		}
	}
	return v
}
