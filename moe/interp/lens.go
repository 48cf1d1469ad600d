package interp

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"moebot/moe/model"
)

// Lens is what each layer would say next if it were the last.
type Lens struct {
	Tokens []string    `json:"tokens"` // of the text, by position
	Layers []LensLayer `json:"layers"` // the embedding first, the model's own answer last
}

// LensLayer is the view behind one layer.
type LensLayer struct {
	Name      string      `json:"name"`
	Positions []LensPoint `json:"positions"`
	Agree     Estimate    `json:"agree"`    // share of positions whose likeliest token is the model's own
	Null      Estimate    `json:"null"`     // the same if each position is read at another position of the layer, drawn at random (seed 1)
	Surprise  Estimate    `json:"surprise"` // bits for the token that came, at all positions but the last
	Distance  Estimate    `json:"distance"` // KL divergence of the view from the model's answer, bits
}

// LensPoint is the view at one position.
type LensPoint struct {
	Top   string  `json:"top"`   // likeliest token
	Prob  float64 `json:"prob"`  // its probability
	Final float64 `json:"final"` // probability of the token that the model itself names
	Rank  int     `json:"rank"`  // rank of that token, 0 for the likeliest
}

// Lens reads the residual stream behind every layer with the model's own output
// matrix (nostalgebraist 2020, "interpreting GPT: the logit lens").
func (l *Lab) Lens(ctx context.Context, ids []int32) (*Lens, error) {
	if err := inRange("number of tokens", len(ids), 2, l.length); err != nil {
		return nil, err
	}
	var streams [][]float32
	l.pass(ids, true, func(at model.Point, _ int, rows []float32, _ int) {
		if at == model.AtEmbedding || at == model.AtLayer {
			streams = append(streams, append([]float32(nil), rows...))
		}
	})
	out := &Lens{Tokens: l.shows(ids)}
	final := make([]int, len(ids))
	answers := make([][]float32, len(ids)) // log probs of the model's own answer
	for i := range ids {
		logits := l.logits(i)
		final[i] = best(float64s(logits), 1)[0]
		answers[i] = logProbs(logits)
	}
	rng := rand.New(rand.NewPCG(1, 0))
	for n, stream := range streams {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		name := "embedding"
		if n > 0 {
			name = fmt.Sprintf("layer %d", n-1)
		}
		layer := LensLayer{Name: name}
		var bits, far []float64
		tops := make([]int, len(ids))
		agree := 0
		l.read(stream, func(i int, logits []float32) {
			p := distribution(logits, 1)
			tops[i] = best(p, 1)[0]
			point := LensPoint{Top: l.Show(int32(tops[i])), Prob: p[tops[i]], Final: p[final[i]]}
			kl := 0.0
			for id, q := range p {
				if q > p[final[i]] {
					point.Rank++
				}
				if a := math.Exp(float64(answers[i][id])); a > 0 {
					kl += a * (float64(answers[i][id]) - math.Log(max(q, 1e-300)))
				}
			}
			if tops[i] == final[i] {
				agree++
			}
			far = append(far, max(0, kl)/math.Ln2)
			if i+1 < len(ids) {
				bits = append(bits, -logProb(logits, ids[i+1])/math.Ln2)
			}
			layer.Positions = append(layer.Positions, point)
		})
		layer.Agree, layer.Surprise, layer.Distance = share(agree, len(ids)), estimate(bits), estimate(far)
		layer.Null = elsewhere(rng, tops, final)
		out.Layers = append(out.Layers, layer)
		l.step(n+1, len(streams))
	}
	return out, nil
}

// elsewhere is how often tops agree with final when each is taken from another
// position, over 20 drawings.
func elsewhere(rng *rand.Rand, tops, final []int) Estimate {
	agree, n := 0, 0
	for range 20 {
		for i := range final {
			j := rng.IntN(len(final) - 1)
			if j >= i {
				j++
			}
			if tops[j] == final[i] {
				agree++
			}
			n++
		}
	}
	return share(agree, n)
}

// logProbs are the logarithms of all probabilities, nats.
func logProbs(logits []float32) []float32 {
	top, sum := logits[0], 0.0
	for _, v := range logits {
		top = max(top, v)
	}
	for _, v := range logits {
		sum += math.Exp(float64(v - top))
	}
	out := make([]float32, len(logits))
	for i, v := range logits {
		out[i] = float32(float64(v-top) - math.Log(sum))
	}
	return out
}

// Report says what the lens shows.
func (v *Lens) Report() Report {
	t := Table{Name: "layers", Header: []string{"layer", "agree", "agree_low", "agree_high", "null_agree", "surprise_bits", "distance_bits"}}
	p := Table{Name: "positions", Header: []string{"layer", "position", "token", "top", "prob", "final_prob", "final_rank"}}
	var z [][]float64
	var names []string
	agree, null := line{name: "agrees with the model's answer"}, line{name: "read at another position", dashed: true}
	early := -1
	for i, y := range v.Layers {
		t.add(y.Name, y.Agree.Mean, y.Agree.Low, y.Agree.High, y.Null.Mean, y.Surprise.Mean, y.Distance.Mean)
		var row []float64
		for j, q := range y.Positions {
			p.add(y.Name, j, v.Tokens[j], q.Top, q.Prob, q.Final, q.Rank)
			row = append(row, q.Final)
		}
		z, names = append(z, row), append(names, y.Name)
		agree.x, agree.y, agree.low, agree.high = append(agree.x, float64(i)), append(agree.y, y.Agree.Mean), append(agree.low, y.Agree.Low), append(agree.high, y.Agree.High)
		null.x, null.y = append(null.x, float64(i)), append(null.y, y.Null.Mean)
		if early < 0 && y.Agree.Mean >= 0.5 {
			early = i
		}
	}
	e := v.Layers[early]
	return Report{
		Finding: fmt.Sprintf("Half of the answers stand from %s on: there the likeliest token is the model's own at %.0f %% of %d positions (95 %% interval %.0f to %.0f %%), against %.0f %% read at another position; the view is %.2f bits from the answer, at the embedding %.2f.",
			e.Name, 100*e.Agree.Mean, e.Agree.N, 100*e.Agree.Low, 100*e.Agree.High, 100*e.Null.Mean, e.Distance.Mean, v.Layers[0].Distance.Mean),
		Tables: []Table{t, p},
		Figures: []Figure{heat("Probability of the model's own answer behind each layer", "position", "", z, v.Tokens, names),
			lines("Positions where a layer already says what the model will say", "layers computed", "share", agree, null)},
	}
}
