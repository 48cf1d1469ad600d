package interp

import "fmt"

// Report says what the token table looks like.
func (x *Embed) Report() Report {
	points := Table{Name: "map", Header: []string{"token", "pca_1", "pca_2", "map_x", "map_y"}}
	for i, t := range x.Tokens {
		points.add(t, x.PCA[i][0], x.PCA[i][1], x.Map[i][0], x.Map[i][1])
	}
	near := Table{Name: "neighbours", Header: []string{"token", "rank", "neighbour", "cosine", "null"}}
	for _, n := range x.Neighbours {
		for i, a := range n.Near {
			near.add(n.Token, i, a.Text, a.Prob, n.Null)
		}
	}
	variance := Table{Name: "variance", Header: []string{"component", "share", "null"}}
	v, null := line{name: "table"}, line{name: "elements shuffled", dashed: true}
	var two, twoNull float64
	for i := range min(len(x.Variance), len(x.Null)) {
		variance.add(i, x.Variance[i], x.Null[i])
		v.x, v.y = append(v.x, float64(i+1)), append(v.y, x.Variance[i])
		null.x, null.y = append(null.x, float64(i+1)), append(null.y, x.Null[i])
		if i < 2 {
			two, twoNull = two+x.Variance[i], twoNull+x.Null[i]
		}
	}
	layers := Table{Name: "layers", Header: []string{"layer", "same_neighbours", "low", "high", "null"}}
	same, random := line{name: "neighbours kept"}, line{name: "drawn at random", dashed: true}
	for i, k := range x.Layers {
		layers.add(k.Name, k.Same.Mean, k.Same.Low, k.Same.High, k.Null)
		same.x, same.y, same.low, same.high = append(same.x, float64(i)), append(same.y, k.Same.Mean), append(same.low, k.Same.Low), append(same.high, k.Same.High)
		random.x, random.y = append(random.x, float64(i)), append(random.y, k.Null)
	}
	analogies := Table{Name: "analogies", Header: []string{"a", "b", "c", "d", "rank", "nearest"}}
	for _, a := range x.Analogies.Items {
		analogies.add(a.A, a.B, a.C, a.D, a.Rank, a.Nearest)
	}
	last := x.Layers[len(x.Layers)-1]
	r := Report{
		Finding: fmt.Sprintf("Two components hold %.1f %% of the variance of %d frequent tokens (elements shuffled: %.1f %%); the map keeps %.0f %% of their 10 nearest (random: %.0f %%), the last layer %.0f %% (95 %% interval %.0f to %.0f %%, random %.0f %%).",
			100*two, len(x.Tokens), 100*twoNull, 100*x.Kept, 100*x.KeptNull, 100*last.Same.Mean, 100*last.Same.Low, 100*last.Same.High, 100*last.Null),
		Tables:  []Table{near, variance, layers, analogies, points},
		Figures: []Figure{scatter("Map of frequent tokens (t-SNE); colours are kinds of tokens", "", "", x.Map, x.Tokens, x.classes), scatter("The first two principal components", "first", "second", x.PCA, x.Tokens, x.classes), lines("Variance along the principal components", "component", "share", v, null), lines("Of the 10 nearest tokens in the table, how many a layer keeps", "layers computed", "share", same, random)},
	}
	if n := x.Analogies.Ten.N; n > 0 {
		r.Finding += fmt.Sprintf(" Of %d analogies %.0f %% have the right word nearest and %.0f %% among ten (95 %% interval %.0f to %.0f %%), %.0f %% by the third word alone.",
			n, 100*x.Analogies.First.Mean, 100*x.Analogies.Ten.Mean, 100*x.Analogies.Ten.Low, 100*x.Analogies.Ten.High, 100*x.Analogies.NullTen.Mean)
	}
	return r
}
