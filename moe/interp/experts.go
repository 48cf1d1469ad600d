package interp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
)

// Experts is which expert takes which token, over a corpus.
type Experts struct {
	Tokens int           `json:"tokens"`
	K      int           `json:"experts_per_token"`
	Topics []string      `json:"topics"`
	Layers []ExpertLayer `json:"layers"`
	Loss   *ExpertLoss   `json:"loss,omitempty"`
}

// ExpertLayer is one layer's routing. The measures are those of Muennighoff et al.
// 2024 (OLMoE, arXiv 2409.02060, section 5).
type ExpertLayer struct {
	Layer      int         `json:"layer"`      // layers with a dense FFN are left out
	Load       []float64   `json:"load"`       // [E] share of all choices
	Entropy    float64     `json:"entropy"`    // of Load in bits, log2 E at most
	Sureness   Estimate    `json:"sureness"`   // gate weight of the best expert, per token
	Together   [][]float64 `json:"together"`   // [E][E] of the tokens of the row's expert, the share that the column's took too
	Domain     [][]float64 `json:"domain"`     // [topic][E] share of the topic's tokens that the expert took
	Vocabulary float64     `json:"vocabulary"` // of the places of a token, the share that went to the same first expert as a place drawn of it; tokens seen 5 times or more
	VocabNull  float64     `json:"vocabulary_null"`
	Favourites [][]Taste   `json:"favourites"` // [E] the tokens that go to the expert most surely
	Shared     []Shared    `json:"shared"`     // what the first expert has in common with properties of the token
}

// Taste is how often an expert is the first choice for a token.
type Taste struct {
	Token string   `json:"token"`
	Share Estimate `json:"share"`
}

// Shared is the normalised mutual information of first expert and a property.
type Shared struct {
	Property string  `json:"property"`
	NMI      float64 `json:"nmi"`
	Null     float64 `json:"null"`     // mean over routings shuffled among the layer's tokens
	NullHigh float64 `json:"null_max"` // the largest of them
	P        float64 `json:"p"`        // share of shuffled routings that reach NMI, the seen one counted in
}

var errDense = errors.New("the model has no experts: its FFN is dense")

// favouriteCount is the number of favourite tokens listed for an expert, seenOften
// how often a token must be seen to count.
const (
	favouriteCount = 8
	seenOften      = 5
)

// routing is what is kept of each token of the corpus.
type routing struct {
	first  [][]int // [layer][token] the best expert
	traits [5][]int
	topics labels
}

var traitNames = [5]string{"token", "token class", "part of speech", "position", "topic"}

// Experts routes the corpus and counts. Null models are shuffles random
// permutations (seed 1) of each layer's choices over its tokens.
func (l *Lab) Experts(ctx context.Context, corpus *Corpus, shuffles int) (*Experts, error) {
	c := l.Model.Config
	if c.Experts == 0 {
		return nil, errDense
	}
	if err := inRange("number of shuffles", shuffles, 1, 10000); err != nil {
		return nil, err
	}
	routed := l.routed()
	out := &Experts{K: c.TopK, Layers: make([]ExpertLayer, len(routed))}
	r := routing{first: make([][]int, len(routed))}
	together := make([][]int, len(routed)) // [layer][E·E], the diagonal counts all tokens of an expert
	domain := make([][][]int, len(routed)) // [layer][topic][E]
	sure := make([]running, len(routed))
	for i := range together {
		together[i] = make([]int, c.Experts*c.Experts)
	}
	err := corpus.Each(ctx, l, func(s Sequence) error {
		l.pass(s.IDs, false, nil)
		topic := r.topics.id(s.Topic)
		for i, id := range s.IDs {
			for j, v := range []int{int(id), l.tokenClass(id), l.wordKind(id), positionClass(i), topic} {
				r.traits[j] = append(r.traits[j], v)
			}
			for n, layer := range routed {
				chosen := l.scratch.Experts(layer, i)
				r.first[n] = append(r.first[n], int(chosen[0]))
				sure[n].add(float64(l.scratch.Gates(layer, i)[0]))
				if len(domain[n]) <= topic {
					domain[n] = append(domain[n], make([]int, c.Experts))
				}
				for _, a := range chosen {
					domain[n][topic][a]++
					for _, b := range chosen {
						together[n][int(a)*c.Experts+int(b)]++
					}
				}
			}
		}
		out.Tokens += len(s.IDs)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.Topics = r.topics.names
	perTopic := make([]int, len(out.Topics))
	for _, t := range r.traits[4] {
		perTopic[t]++
	}
	for n := range out.Layers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		y := &out.Layers[n]
		y.Layer = routed[n]
		load := make([]int, c.Experts)
		for e := range load {
			load[e] = together[n][e*c.Experts+e]
		}
		y.Load, y.Sureness = shares(load), sure[n].estimate()
		y.Entropy = entropyBits(y.Load)
		for a := range load {
			row := make([]float64, c.Experts)
			for b := range row {
				row[b] = float64(together[n][a*c.Experts+b]) / float64(max(load[a], 1))
			}
			y.Together = append(y.Together, row)
		}
		for t, counts := range domain[n] {
			row := make([]float64, c.Experts)
			for e, k := range counts {
				row[e] = float64(k) / float64(perTopic[t])
			}
			y.Domain = append(y.Domain, row)
		}
		l.specialise(y, r, n, shuffles)
		l.step(n+1, len(out.Layers))
	}
	return out, nil
}

// routed are the layers with a router.
func (l *Lab) routed() (out []int) {
	for n := range l.Model.Config.Layers {
		if l.Model.Routed(n) {
			out = append(out, n)
		}
	}
	return out
}

// specialise fills in what depends on which token went where, and its null models.
func (l *Lab) specialise(y *ExpertLayer, r routing, layer, shuffles int) {
	c := l.Model.Config
	first := append([]int(nil), r.first[layer]...)
	y.Vocabulary = sameExpert(r.traits[0], first, c.Vocab, c.Experts)
	y.Favourites = l.favourites(r.traits[0], first)
	sizes := [5]int{c.Vocab, len(tokenClasses), len(wordKinds), len(positionClasses), len(r.topics.names)}
	for i, name := range traitNames {
		y.Shared = append(y.Shared, Shared{Property: name, NMI: nmi(first, r.traits[i], c.Experts, sizes[i])})
	}
	null := [5][]float64{}
	var vocabulary []float64
	rng := rand.New(rand.NewPCG(1, uint64(layer)))
	for range shuffles {
		rng.Shuffle(len(first), func(i, j int) { first[i], first[j] = first[j], first[i] })
		vocabulary = append(vocabulary, sameExpert(r.traits[0], first, c.Vocab, c.Experts))
		for i := range null {
			null[i] = append(null[i], nmi(first, r.traits[i], c.Experts, sizes[i]))
		}
	}
	y.VocabNull = mean(vocabulary)
	for i := range null {
		s := &y.Shared[i]
		s.Null, s.NullHigh, s.P = mean(null[i]), quantile(null[i], 1), pValue(s.NMI, null[i])
	}
}

// sameExpert is the vocabulary specialisation: Σ N(e,x)²/N(x) over tokens x seen often
// and experts e, by the number of those tokens.
func sameExpert(ids, first []int, vocab, experts int) float64 {
	counts := make([]int, vocab*experts)
	for i, id := range ids {
		counts[id*experts+first[i]]++
	}
	same, all := 0.0, 0
	for x := range vocab {
		row, n := counts[x*experts:(x+1)*experts], 0
		for _, k := range row {
			n += k
		}
		if n < seenOften {
			continue
		}
		all += n
		for _, k := range row {
			same += float64(k*k) / float64(n)
		}
	}
	return same / float64(max(all, 1))
}

// favourites ranks each expert's tokens by the lower end of the interval of their share.
func (l *Lab) favourites(ids, first []int) [][]Taste {
	c := l.Model.Config
	seen := make([]int, c.Vocab)
	taken := make([][]int, c.Experts)
	for e := range taken {
		taken[e] = make([]int, c.Vocab)
	}
	for i, id := range ids {
		seen[id]++
		taken[first[i]][id]++
	}
	out := make([][]Taste, c.Experts)
	for e := range out {
		low := make([]float64, c.Vocab)
		for x, n := range seen {
			if n >= seenOften && taken[e][x] > 0 {
				low[x] = share(taken[e][x], n).Low
			}
		}
		for _, x := range best(low, favouriteCount) {
			if low[x] > 0 {
				out[e] = append(out[e], Taste{l.Show(int32(x)), share(taken[e][x], seen[x])})
			}
		}
	}
	return out
}

// Saturation is, for each layer with a router, the share of a token's experts that two models
// choose in common (OLMoE, section 5.1): of checkpoints of one training, how far the
// routing has come. Each token of the corpus counts once. The null model, experts
// drawn at random, has TopK/Experts.
func Saturation(ctx context.Context, a, b *Lab, corpus *Corpus) ([]Estimate, error) {
	c, d := a.Model.Config, b.Model.Config
	if c.Experts == 0 || d.Experts == 0 {
		return nil, errDense
	}
	if c.Layers != d.Layers || c.Experts != d.Experts || c.TopK != d.TopK || c.Vocab != d.Vocab || c.DenseLayers != d.DenseLayers {
		return nil, fmt.Errorf("models of %d layers, %d of %d experts, %d tokens and of %d, %d of %d, %d cannot be compared by their experts", c.Layers, c.TopK, c.Experts, c.Vocab, d.Layers, d.TopK, d.Experts, d.Vocab)
	}
	routed := a.routed()
	common := make([]running, len(routed))
	err := corpus.Each(ctx, a, func(s Sequence) error {
		ids := s.IDs[:min(len(s.IDs), b.length)]
		a.pass(ids, false, nil)
		b.pass(ids, false, nil)
		for i := range ids {
			for n, layer := range routed {
				k := 0
				for _, e := range a.scratch.Experts(layer, i) {
					for _, f := range b.scratch.Experts(layer, i) {
						if e == f {
							k++
						}
					}
				}
				common[n].add(float64(k) / float64(c.TopK))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]Estimate, len(routed))
	for n := range out {
		out[n] = common[n].estimate()
	}
	return out, nil
}
