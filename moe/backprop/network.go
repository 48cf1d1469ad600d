package backprop

import (
	"fmt"
	"math"

	"moebot/moe/dataset"
	"moebot/moe/kernel"
)

// Losses are the weights of the terms added to the cross-entropy.
type Losses struct {
	LoadBalance float64 `json:"load_balance"` // α of Fedus et al. 2021 (Switch, arXiv 2101.03961), eq. 4; 0 is off
	RouterZ     float64 `json:"router_z"`     // of Zoph et al. 2022 (ST-MoE, arXiv 2202.08906), eq. 5; 0 is off
}

// Routing is how experts are chosen in training beside their logits. The zero value
// changes nothing.
type Routing struct {
	Noise    float64 `json:"noise,omitempty"`     // standard deviation of the normal noise added to router logits (Shazeer et al. 2017, arXiv 1701.06538, eq. 4, with a fixed deviation); not in Loss
	BiasRate float64 `json:"bias_rate,omitempty"` // step of the loss-free balancing, see Network.Rebalance; 0 is off
}

// Network holds the weights and the working memory of one model in training.
type Network struct {
	Config  Config
	Weights []float32 // all parameters, see Params
	Grads   []float32 // gradient of the loss, the same layout; added to by Backward

	// RouterBias [layers·E] is added to the router logits for choosing experts, not for
	// weighing them; nil is none. Rebalance moves it.
	RouterBias []float32
	// Noise is the deviation of the router noise in Backward, and NoiseSeed what
	// determines it: the same seed gives the same noise.
	Noise     float64
	NoiseSeed uint64
	Dropout   float64 // share of what a branch adds that is dropped in Backward, 0 to 1; by NoiseSeed too

	// BF16 has Backward multiply numbers rounded to bfloat16 (kernel.GemmBF16), all but the
	// router's. Sums, weights and gradients stay float32.
	BF16 bool

	gemm   kernel.GemmFunc // of this pass
	pool   *kernel.Pool
	layout *layout
	rope   ropeTable
	act    *activations
}

// New returns a network of shape c over weights, which it keeps and does not copy;
// nil weights are allocated, all zero.
func New(c Config, weights []float32, pool *kernel.Pool) (*Network, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	l := newLayout(c)
	if weights == nil {
		weights = make([]float32, l.size)
	}
	if len(weights) != l.size {
		return nil, fmt.Errorf("backprop: %d weights for a model of %d", len(weights), l.size)
	}
	return &Network{Config: c, Weights: weights, pool: pool, layout: l,
		rope: newRopeTable(c.Context, c.HeadDim, c.RopeBase), act: &activations{}}, nil
}

// Alone returns n without the workers of its pool: gradient and working memory are n's, so
// that only one of the two may be at work. Its settings are those that n has now.
func (n *Network) Alone() *Network {
	m := *n
	m.pool = nil
	return &m
}

// Beside is Alone with a gradient, to be allocated by the first Backward, and a working memory
// of its own: it may be at work at the same time as n, while nothing changes the weights and
// the router's bias, which are n's.
func (n *Network) Beside() *Network {
	m := n.Alone()
	m.Grads, m.act = nil, &activations{}
	return m
}

// Stats is what one pass over a micro-batch measured.
type Stats struct {
	Loss        float64     // sum over targets of weight × cross-entropy, nats
	Weight      float64     // sum of the target weights
	Correct     float64     // weight of the targets that the largest logit named
	LoadBalance float64     // load-balancing loss, mean over layers, before its weight; 1 is even
	RouterZ     float64     // router z-loss, mean over layers, before its weight
	ExpertLoad  [][]float64 // [layer][expert] share of the routed tokens, sums to 1
	Sources     []Sum       // Loss, Weight and Correct of each source, if the batch keeps them apart
}

// Sum is a sum of weighted losses, and of the weights of right guesses.
type Sum struct{ Loss, Weight, Correct float64 }

// AddSources adds the losses of the sources of another pass.
func (s *Stats) AddSources(of []Sum) {
	for i, v := range of {
		if i == len(s.Sources) {
			s.Sources = append(s.Sources, Sum{})
		}
		t := &s.Sources[i]
		t.Loss, t.Weight, t.Correct = t.Loss+v.Loss, t.Weight+v.Weight, t.Correct+v.Correct
	}
}

// w and g are the slice of a parameter in the weight and the gradient vector.
func (n *Network) w(off, size int) []float32 { return n.Weights[off : off+size] }
func (n *Network) g(off, size int) []float32 { return n.Grads[off : off+size] }

// Loss runs the forward pass only.
func (n *Network) Loss(b *dataset.Batch, loss Losses) Stats {
	n.forward(b, false)
	s := n.stats(loss)
	n.head(b, &s, 0, false)
	return s
}

// Backward runs forward and backward and adds to Grads the gradient of
//
//	scale · Σ weight·cross-entropy + share · Σ over layers (α·balance + β·z)
//
// so that micro-batches of one step sum to the step's gradient: scale is one over
// the target weight of the whole step, share one over its micro-batches.
func (n *Network) Backward(b *dataset.Batch, loss Losses, scale, share float64) Stats {
	if n.Grads == nil {
		n.Grads = make([]float32, len(n.Weights))
	}
	n.forward(b, true)
	s := n.stats(loss)
	n.head(b, &s, scale, true)
	a := n.act
	for i := n.Config.Layers - 1; i >= 0; i-- {
		l := &a.layers[i]
		o := n.layout.layers[i]
		n.ffnBackward(i, o, l, loss, share)
		n.attentionBlockBackward(i, o, l, b)
	}
	n.embeddingBackward(b)
	return s
}

func (n *Network) forward(b *dataset.Batch, train bool) {
	if b.Len > n.Config.Context {
		panic(fmt.Sprintf("backprop: rows of %d tokens, context is %d", b.Len, n.Config.Context))
	}
	if n.gemm = kernel.Gemm; train && n.BF16 {
		n.gemm = kernel.GemmBF16
	}
	a := n.act
	a.fit(n.Config, b.Rows, b.Len)
	n.embeddingForward(b, a.layers[0].x)
	for i := range n.layout.layers {
		l := &a.layers[i]
		o := n.layout.layers[i]
		n.attentionBlockForward(i, o, l, b, train)
		next := a.last
		if i+1 < n.Config.Layers {
			next = a.layers[i+1].x
		}
		n.ffnForward(i, o, l, next, train)
	}
}

// stats collects the routing figures of the forward pass just run.
func (n *Network) stats(loss Losses) Stats {
	var s Stats
	if n.Config.Dense() {
		return s
	}
	tokens := float64(n.act.tokens)
	for i := range n.act.layers {
		r := &n.act.layers[i].route
		load := make([]float64, n.Config.Experts)
		for e := range load {
			load[e] = float64(r.offset[e+1]-r.offset[e]) / (tokens * float64(n.Config.TopK))
		}
		s.ExpertLoad = append(s.ExpertLoad, load)
		balance, z := r.losses(n.Config, n.act.tokens)
		s.LoadBalance += balance / float64(n.Config.Layers)
		s.RouterZ += z / float64(n.Config.Layers)
	}
	return s
}

// rowsBlock is how many rows a worker is given at a time.
const rowsBlock = 64

// rows runs f over [0,n) in blocks, on all workers.
func (n *Network) rows(count int, f func(lo, hi int)) {
	n.pool.Run((count+rowsBlock-1)/rowsBlock, func(i int) { f(i*rowsBlock, min(count, (i+1)*rowsBlock)) })
}

// linear computes y = x·Wᵀ for W [out, in] and x [tokens, in].
func (n *Network) linear(y, x, w []float32, tokens, out, in int) {
	n.gemm(n.pool, false, true, tokens, out, in, 1, x, in, w, in, 0, y, out)
}

// linearBackward adds dyᵀ·x to dw and computes dx = dy·W + beta·dx.
func (n *Network) linearBackward(dx []float32, beta float32, dw, dy, x, w []float32, tokens, out, in int) {
	n.gemm(n.pool, true, false, out, in, tokens, 1, dy, out, x, in, 1, dw, in)
	n.gemm(n.pool, false, false, tokens, in, out, 1, dy, out, w, in, beta, dx, in)
}

// Entropy is the entropy of an expert load relative to an even one, 0 to 1.
func Entropy(load []float64) float64 {
	if len(load) < 2 {
		return 1
	}
	h := 0.0
	for _, p := range load {
		if p > 0 {
			h -= p * math.Log(p)
		}
	}
	return h / math.Log(float64(len(load)))
}
