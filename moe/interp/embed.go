package interp

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"moebot/moe/model"
)

// Embed is the geometry of the token table.
type Embed struct {
	Tokens     []string     `json:"tokens"`        // those mapped: the most frequent of the corpus
	Variance   []float64    `json:"variance"`      // share of their variance along each principal component, the first 10
	Null       []float64    `json:"variance_null"` // the same with each element shuffled among the tokens (seed 1)
	PCA        [][2]float64 `json:"pca"`
	Map        [][2]float64 `json:"map"`       // t-SNE
	Kept       float64      `json:"kept"`      // share of a token's 10 nearest in the table that are among its 10 nearest in Map
	KeptNull   float64      `json:"kept_null"` // of a random map
	Neighbours []Neighbours `json:"neighbours"`
	Analogies  *Analogies   `json:"analogies"`
	Layers     []Kinship    `json:"layers"`

	classes []int
}

// Neighbours are the tokens whose rows point most nearly the same way as one's own.
type Neighbours struct {
	Token string        `json:"token"`
	Near  []Alternative `json:"near"` // Prob holds the cosine
	Null  float64       `json:"null"` // highest cosine to as many rows whose elements are drawn from the whole table (seed 1)
}

// Kinship is how much of the neighbourhoods in the table a layer keeps: the share of
// a token's 10 nearest, by the mean of what stands behind the layer where the token
// is read.
type Kinship struct {
	Name string   `json:"name"`
	Same Estimate `json:"same"`
	Null float64  `json:"null"` // of neighbours drawn at random
}

// nearest is the number of neighbours that maps and layers are compared by.
const nearest = 10

// table is the token table in float64, rows of length 1 beside their own length.
func (l *Lab) table() [][]float64 {
	c := l.Model.Config
	row := make([]float32, c.Dim)
	out := make([][]float64, c.Vocab)
	for id := range out {
		l.Model.EmbeddingRow(row, int32(id))
		out[id] = float64s(row)
	}
	return out
}

// Neighbours finds the n nearest of a token, special ones left out.
func (l *Lab) Neighbours(id int32, n int) (*Neighbours, error) {
	c := l.Model.Config
	if err := inRange("token", int(id), 0, c.Vocab-1); err != nil {
		return nil, err
	}
	if err := inRange("number of neighbours", n, 1, c.Vocab-1); err != nil {
		return nil, err
	}
	return l.neighbours(l.table(), id, n), nil
}

func (l *Lab) neighbours(table [][]float64, id int32, n int) *Neighbours {
	near := make([]float64, len(table))
	for i, row := range table {
		near[i] = cosine(table[id], row)
		if int32(i) == id || l.Tok.IsControl(int32(i)) {
			near[i] = math.Inf(-1)
		}
	}
	out := &Neighbours{Token: l.Show(id), Null: -1}
	for _, i := range best(near, n) {
		if !math.IsInf(near[i], -1) {
			out.Near = append(out.Near, Alternative{int32(i), l.Show(int32(i)), near[i]})
		}
	}
	rng := rand.New(rand.NewPCG(1, 0))
	drawn := make([]float64, len(table[0]))
	for range table {
		for j := range drawn {
			drawn[j] = table[rng.IntN(len(table))][j]
		}
		out.Null = max(out.Null, cosine(table[id], drawn))
	}
	return out
}

// Embed maps the mapped most frequent tokens of the corpus, and follows their
// neighbourhoods through the layers. Tokens named in show get their nearest listed.
func (l *Lab) Embed(ctx context.Context, corpus *Corpus, mapped int, show []int32) (*Embed, error) {
	c := l.Model.Config
	if err := inRange("number of tokens mapped", mapped, nearest+2, min(c.Vocab, 2000)); err != nil {
		return nil, err
	}
	ids, layers, err := l.meanStates(ctx, corpus, mapped)
	if err != nil {
		return nil, err
	}
	table := l.table()
	out := &Embed{Tokens: l.shows(ids)}
	var rows [][]float64
	for _, id := range ids {
		rows = append(rows, table[id])
		out.classes = append(out.classes, l.tokenClass(id))
	}
	scores, variance := principal(rows, 30)
	out.Variance = variance[:min(10, len(variance))]
	_, null := principal(shuffleColumns(rows), 10)
	out.Null = null
	for _, s := range scores {
		out.PCA = append(out.PCA, [2]float64{s[0], s[1]})
	}
	if out.Map, err = tsne(ctx, scores, 500); err != nil {
		return nil, err
	}
	near := nearestOf(rows, cosine)
	var flat, random [][]float64
	rng := rand.New(rand.NewPCG(1, 0))
	for _, p := range out.Map {
		flat, random = append(flat, p[:]), append(random, []float64{rng.NormFloat64(), rng.NormFloat64()})
	}
	closeness := func(a, b []float64) float64 { return -math.Hypot(a[0]-b[0], a[1]-b[1]) }
	out.Kept, out.KeptNull = mean(overlap(near, nearestOf(flat, closeness))), mean(overlap(near, nearestOf(random, closeness)))
	for n, states := range layers {
		name := "embedding"
		if n > 0 {
			name = layerName(n - 1)
		}
		out.Layers = append(out.Layers, Kinship{name, estimate(overlap(near, nearestOf(states, cosine))), float64(nearest) / float64(len(ids)-1)})
	}
	for _, id := range show {
		if err := inRange("token", int(id), 0, c.Vocab-1); err != nil {
			return nil, err
		}
		out.Neighbours = append(out.Neighbours, *l.neighbours(table, id, nearest))
	}
	out.Analogies = l.analogies(table)
	return out, nil
}

// meanStates counts the corpus's tokens and returns the most frequent, special ones
// left out, with the mean of the residual stream where each is read: behind the
// embedding and every layer [layers+1][token][D].
func (l *Lab) meanStates(ctx context.Context, corpus *Corpus, n int) ([]int32, [][][]float64, error) {
	c := l.Model.Config
	counts := make([]float64, c.Vocab)
	if err := corpus.Each(ctx, l, func(s Sequence) error {
		for _, id := range s.IDs {
			if !l.Tok.IsControl(id) {
				counts[id]++
			}
		}
		return nil
	}); err != nil {
		return nil, nil, err
	}
	var ids []int32
	at := map[int32]int{}
	for _, i := range best(counts, n) {
		if counts[i] > 0 {
			at[int32(i)] = len(ids)
			ids = append(ids, int32(i))
		}
	}
	if len(ids) < nearest+2 {
		return nil, nil, &RangeError{What: "number of different tokens in the corpus", Got: len(ids), Lo: nearest + 2, Hi: c.Vocab}
	}
	states := make([][][]float64, c.Layers+1)
	for i := range states {
		states[i] = make([][]float64, len(ids))
		for j := range ids {
			states[i][j] = make([]float64, c.Dim)
		}
	}
	err := corpus.Each(ctx, l, func(s Sequence) error {
		l.pass(s.IDs, false, func(p model.Point, layer int, rows []float32, width int) {
			n := layer + 1
			switch p {
			case model.AtEmbedding:
				n = 0
			case model.AtLayer:
			default:
				return
			}
			for i, id := range s.IDs {
				if j, ok := at[id]; ok {
					for k, v := range rows[i*width : (i+1)*width] {
						states[n][j][k] += float64(v) / counts[id]
					}
				}
			}
		})
		return nil
	})
	return ids, states, err
}

func layerName(n int) string { return "layer " + count(n + 1)[n] }

// nearestOf are, for each row, the indexes of the rows nearest to it.
func nearestOf(rows [][]float64, closeness func(a, b []float64) float64) [][]int {
	out := make([][]int, len(rows))
	for i := range rows {
		near := make([]float64, len(rows))
		for j := range rows {
			near[j] = closeness(rows[i], rows[j])
		}
		near[i] = math.Inf(-1)
		out[i] = best(near, nearest)
	}
	return out
}

// overlap is, for each row, the share of neighbours that two lists have in common.
func overlap(a, b [][]int) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		k := 0
		for _, x := range a[i] {
			if slices.Contains(b[i], x) {
				k++
			}
		}
		out[i] = float64(k) / float64(len(a[i]))
	}
	return out
}

// shuffleColumns is rows with each column shuffled among them: the same spread of
// every element, nothing in common between elements.
func shuffleColumns(rows [][]float64) [][]float64 {
	rng := rand.New(rand.NewPCG(1, 0))
	out := make([][]float64, len(rows))
	for i := range rows {
		out[i] = slices.Clone(rows[i])
	}
	for k := range rows[0] {
		rng.Shuffle(len(out), func(i, j int) { out[i][k], out[j][k] = out[j][k], out[i][k] })
	}
	return out
}

// principal is the principal component analysis of rows: the n first scores of each
// [rows][n], and the share of the variance of each component.
func principal(rows [][]float64, n int) (scores [][]float64, variance []float64) {
	m := len(rows)
	// The Gram matrix has the same eigenvalues as the covariance, and its size does not
	// depend on the width of the stream.
	var e mat.EigenSym
	n = min(n, m)
	scores = make([][]float64, m)
	for i := range scores {
		scores[i] = make([]float64, n)
	}
	if !e.Factorize(gram(rows), true) {
		return scores, make([]float64, n)
	}
	values := e.Values(nil) // ascending
	var u mat.Dense
	e.VectorsTo(&u)
	total := 0.0
	for _, v := range values {
		total += max(0, v)
	}
	for k := range n {
		v := max(0, values[m-1-k])
		variance = append(variance, v/max(total, 1e-300))
		for i := range scores {
			scores[i][k] = u.At(i, m-1-k) * math.Sqrt(v)
		}
	}
	return scores, variance
}
