package interp

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"moebot/moe/model"
)

// Similarity is how alike two models, or the layers of one, represent the same
// places of a corpus.
type Similarity struct {
	Places  int         `json:"places"` // drawn from the corpus; first positions are left out, whose states are of another size
	Rows    []string    `json:"rows"`   // layers of the first model
	Columns []string    `json:"columns"`
	CKA     [][]float64 `json:"cka"`      // linear centred kernel alignment, 0 to 1
	RSA     [][]float64 `json:"rsa"`      // Spearman's correlation of the dissimilarities of pairs of places, -1 to 1
	CKANull [][]float64 `json:"cka_null"` // mean with the second model's places shuffled (seed 1)
	RSANull [][]float64 `json:"rsa_null"`
	Inputs  []Inputs    `json:"inputs"` // of the first model, by layer
	two     bool
}

// Inputs is how far a layer tells topics apart: the mean cosine of two sequences'
// mean states (the mean of all taken off), of one topic less of two.
type Inputs struct {
	Layer string  `json:"layer"`
	Apart float64 `json:"apart"`
	Null  float64 `json:"null"` // largest of the same with topics shuffled among the sequences
	P     float64 `json:"p"`
}

// states are the residual streams of drawn places, by layer [layers+1][place][D].
type states struct {
	names []string
	at    [][][]float64
}

// Similarity compares the layers of a with those of b, or with each other if b is
// nil, on places drawn evenly from the corpus (Kornblith et al. 2019, arXiv
// 1905.00414, eq. 4; Kriegeskorte et al. 2008 with cosine distance). Both models must
// have the same vocabulary.
func (a *Lab) Similarity(ctx context.Context, b *Lab, corpus *Corpus, places, shuffles int) (*Similarity, error) {
	if err := inRange("number of places", places, 8, 4000); err != nil {
		return nil, err
	}
	if err := inRange("number of shuffles", shuffles, 1, 10000); err != nil {
		return nil, err
	}
	if b != nil && !slices.Equal(a.Tok.Spec().Tokens, b.Tok.Spec().Tokens) {
		return nil, fmt.Errorf("models with different vocabularies (%d and %d tokens) cannot be compared place by place", a.Tok.Size(), b.Tok.Size())
	}
	sa, sb := a.newStates(), states{}
	if b != nil {
		sb = b.newStates()
	}
	means := make([][][]float64, len(sa.names)) // [layer][sequence][D]
	var topics []int
	var names labels
	rng := rand.New(rand.NewPCG(1, 0))
	seen := 0
	err := corpus.Each(ctx, a, func(s Sequence) error {
		if b != nil {
			s.IDs = s.IDs[:min(len(s.IDs), b.length)]
		}
		slots := make([]int, len(s.IDs)) // where each place goes, -1 for nowhere: reservoir sampling
		for i := range slots {
			slots[i] = -1
			if i == 0 {
				continue
			}
			if seen < places {
				slots[i] = seen
			} else if k := rng.IntN(seen + 1); k < places {
				slots[i] = k
			}
			seen++
		}
		for n, m := range a.collect(s.IDs, slots, &sa) {
			if len(means[n]) < 300 {
				means[n] = append(means[n], m)
			}
		}
		if len(topics) < 300 {
			topics = append(topics, names.id(s.Topic))
		}
		if b != nil {
			b.collect(s.IDs, slots, &sb)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	n := len(sa.at[0])
	if n < 8 {
		return nil, &RangeError{What: "number of places in the corpus", Got: n, Lo: 8, Hi: math.MaxInt32}
	}
	other := sa
	if b != nil {
		other = sb
	}
	out := &Similarity{Places: n, Rows: sa.names, Columns: other.names, two: b != nil}
	if err := out.compare(ctx, a, sa, other, shuffles); err != nil {
		return nil, err
	}
	if len(names.names) > 1 {
		for i, name := range sa.names {
			out.Inputs = append(out.Inputs, topicsApart(name, means[i], topics, shuffles))
		}
	}
	return out, nil
}

func (l *Lab) newStates() states {
	s := states{names: []string{"embedding"}}
	for n := range l.Model.Config.Layers {
		s.names = append(s.names, layerName(n))
	}
	s.at = make([][][]float64, len(s.names))
	return s
}

// collect keeps the states of places that have a slot, and returns each layer's mean
// over the sequence, its first position left out.
func (l *Lab) collect(ids []int32, slots []int, s *states) [][]float64 {
	means := make([][]float64, len(s.names))
	l.pass(ids, false, func(at model.Point, layer int, rows []float32, width int) {
		n := layer + 1
		switch at {
		case model.AtEmbedding:
			n = 0
		case model.AtLayer:
		default:
			return
		}
		means[n] = make([]float64, width)
		for i, slot := range slots {
			row := rows[i*width : (i+1)*width]
			if i > 0 {
				for k, v := range row {
					means[n][k] += float64(v) / float64(len(slots)-1)
				}
			}
			if slot < 0 {
				continue
			}
			for slot >= len(s.at[n]) {
				s.at[n] = append(s.at[n], nil)
			}
			s.at[n][slot] = float64s(row)
		}
	})
	return means
}

// compare fills in the matrices.
func (v *Similarity) compare(ctx context.Context, l *Lab, a, b states, shuffles int) error {
	ga, gb := make([]*mat.SymDense, len(a.at)), make([]*mat.SymDense, len(b.at))
	da, db := make([][]float64, len(a.at)), make([][]float64, len(b.at))
	for i, rows := range a.at {
		ga[i], da[i] = gram(rows), ranks(dissimilarities(rows))
	}
	for i, rows := range b.at {
		gb[i], db[i] = gram(rows), ranks(dissimilarities(rows))
	}
	rng := rand.New(rand.NewPCG(1, 1))
	var orders [][]int
	for range shuffles {
		orders = append(orders, rng.Perm(v.Places))
	}
	for i := range ga {
		var cka, ckaNull, rsa, rsaNull []float64
		for j := range gb {
			if err := ctx.Err(); err != nil {
				return err
			}
			cka, rsa = append(cka, alignment(ga[i], gb[j], nil)), append(rsa, correlation(da[i], db[j]))
			x, y := 0.0, 0.0
			for _, o := range orders {
				x += alignment(ga[i], gb[j], o) / float64(shuffles)
				y += correlation(da[i], reorder(db[j], o)) / float64(shuffles)
			}
			ckaNull, rsaNull = append(ckaNull, x), append(rsaNull, y)
		}
		v.CKA, v.CKANull, v.RSA, v.RSANull = append(v.CKA, cka), append(v.CKANull, ckaNull), append(v.RSA, rsa), append(v.RSANull, rsaNull)
		l.step(i+1, len(ga))
	}
	return nil
}

// gram is the Gram matrix of rows from which their mean is taken.
func gram(rows [][]float64) *mat.SymDense {
	m := len(rows)
	x := mat.NewDense(m, len(rows[0]), nil)
	for k := range rows[0] {
		mid := 0.0
		for i := range rows {
			mid += rows[i][k] / float64(m)
		}
		for i := range rows {
			x.Set(i, k, rows[i][k]-mid)
		}
	}
	var g mat.SymDense
	g.SymOuterK(1, x)
	return &g
}

// alignment is <K,L>/(|K|·|L|) of two centred Gram matrices, L's places in another
// order if there is one; 0 if one of them is zero.
func alignment(k, l *mat.SymDense, order []int) float64 {
	n := k.SymmetricDim()
	a, b := k.RawSymmetric(), l.RawSymmetric()
	at := func(i, j int) float64 {
		if order != nil {
			i, j = order[i], order[j]
		}
		if i > j {
			i, j = j, i
		}
		return b.Data[i*b.Stride+j]
	}
	kl, kk, ll := 0.0, 0.0, 0.0
	for i := range n {
		for j := i; j < n; j++ {
			w := 2.0
			if i == j {
				w = 1
			}
			x, y := a.Data[i*a.Stride+j], at(i, j)
			kl, kk, ll = kl+w*x*y, kk+w*x*x, ll+w*y*y
		}
	}
	if kk == 0 || ll == 0 {
		return 0
	}
	return kl / math.Sqrt(kk*ll)
}

// dissimilarities are 1 - cosine of all pairs of rows, (0,1), (0,2), ... (1,2), ...
func dissimilarities(rows [][]float64) (out []float64) {
	for i := range rows {
		for j := i + 1; j < len(rows); j++ {
			out = append(out, 1-cosine(rows[i], rows[j]))
		}
	}
	return out
}

// reorder is a list of pairs as dissimilarities makes them with the rows in another order.
func reorder(pairs []float64, order []int) []float64 {
	n := len(order)
	out := make([]float64, 0, len(pairs))
	for i := range n {
		for j := i + 1; j < n; j++ {
			a, b := min(order[i], order[j]), max(order[i], order[j])
			out = append(out, pairs[a*n-a*(a+1)/2+b-a-1])
		}
	}
	return out
}

// ranks are the places of xs in ascending order, equal ones sharing their mean.
func ranks(xs []float64) []float64 {
	order := make([]int, len(xs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case xs[a] < xs[b]:
			return -1
		case xs[a] > xs[b]:
			return 1
		}
		return 0
	})
	out := make([]float64, len(xs))
	for lo := 0; lo < len(order); {
		hi := lo
		for hi < len(order) && xs[order[hi]] == xs[order[lo]] {
			hi++
		}
		for _, i := range order[lo:hi] {
			out[i] = float64(lo+hi-1) / 2
		}
		lo = hi
	}
	return out
}

// correlation is Pearson's, 0 if one of them does not vary.
func correlation(a, b []float64) float64 {
	ma, mb := mean(a), mean(b)
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		ab, aa, bb = ab+(a[i]-ma)*(b[i]-mb), aa+(a[i]-ma)*(a[i]-ma), bb+(b[i]-mb)*(b[i]-mb)
	}
	if aa <= 1e-300 || bb <= 1e-300 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// topicsApart compares sequences of one topic with those of two.
func topicsApart(name string, rows [][]float64, topics []int, shuffles int) Inputs {
	centred := make([][]float64, len(rows))
	for i := range rows {
		centred[i] = slices.Clone(rows[i])
	}
	for k := range rows[0] {
		mid := 0.0
		for _, r := range rows {
			mid += r[k] / float64(len(rows))
		}
		for _, r := range centred {
			r[k] -= mid
		}
	}
	var same []float64 // cosines of all pairs
	for i := range centred {
		for j := range i {
			same = append(same, cosine(centred[i], centred[j]))
		}
	}
	apart := func(topics []int) float64 {
		var sum, n [2]float64
		k := 0
		for i := range centred {
			for j := range i {
				g := 0
				if topics[i] == topics[j] {
					g = 1
				}
				sum[g] += same[k]
				n[g]++
				k++
			}
		}
		return sum[1]/max(n[1], 1) - sum[0]/max(n[0], 1)
	}
	out := Inputs{Layer: name, Apart: apart(topics)}
	rng := rand.New(rand.NewPCG(1, 0))
	shuffled := slices.Clone(topics)
	var null []float64
	for range shuffles {
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		null = append(null, apart(shuffled))
	}
	out.Null, out.P = quantile(null, 1), pValue(out.Apart, null)
	return out
}
