package backprop

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"moebot/moe/dataset"
)

// num is a number in float64 with the derivative of the loss by it.
type num struct{ v, d float64 }

// tape remembers how each number came about, and carries derivatives back that way:
// reverse-mode differentiation of one number after the other.
type tape struct{ back []func() }

func (t *tape) node(v float64, back func(d float64)) *num {
	y := &num{v: v}
	t.back = append(t.back, func() { back(y.d) })
	return y
}

// from is the derivative of y by everything before it.
func (t *tape) from(y *num) {
	y.d = 1
	for i := len(t.back) - 1; i >= 0; i-- {
		t.back[i]()
	}
}

func (t *tape) dot(a, b []*num) *num {
	sum := 0.0
	for i := range a {
		sum += a[i].v * b[i].v
	}
	return t.node(sum, func(d float64) {
		for i := range a {
			x, y := a[i].v, b[i].v
			a[i].d += d * y
			b[i].d += d * x
		}
	})
}

// combine is Σ k·x.
func (t *tape) combine(k []float64, x ...*num) *num {
	sum := 0.0
	for i := range x {
		sum += k[i] * x[i].v
	}
	return t.node(sum, func(d float64) {
		for i := range x {
			x[i].d += d * k[i]
		}
	})
}

func (t *tape) mul(a, b *num) *num { return t.dot([]*num{a}, []*num{b}) }

// apply is a function of x, given its value and its derivative there.
func (t *tape) apply(x *num, value, derivative float64) *num {
	return t.node(value, func(d float64) { x.d += d * derivative })
}

// logSumExp is the log of the sum of exponentials, and softmax their shares of it.
func (t *tape) logSumExp(x []*num) *num {
	sum := 0.0
	for _, n := range x {
		sum += math.Exp(n.v)
	}
	return t.node(math.Log(sum), func(d float64) {
		for _, n := range x {
			n.d += d * math.Exp(n.v) / sum
		}
	})
}

func (t *tape) softmax(x []*num) []*num {
	lse := t.logSumExp(x)
	y := make([]*num, len(x))
	for i, n := range x {
		v := math.Exp(n.v - lse.v)
		y[i] = t.node(v, func(d float64) {
			n.d += d * v
			lse.d -= d * v
		})
	}
	return y
}

// twinLoss is what Backward differentiates, by twin.
func twinLoss(c Config, w []float64, b *dataset.Batch, loss Losses, scale, share float64, with ...disturbance) float64 {
	_, _, total := twin(c, w, b, loss, scale, share, with...)
	return total.v
}

// twinGradient is its derivative by each weight.
func twinGradient(c Config, w []float64, b *dataset.Batch, loss Losses, scale, share float64, with ...disturbance) []float64 {
	t, nums, total := twin(c, w, b, loss, scale, share, with...)
	t.from(total)
	g := make([]float64, len(w))
	for i, n := range nums {
		g[i] = n.d
	}
	return g
}

// twin is the network once more, literally and in float64: one token at a time, no
// batching, no tiles, no sorting. It returns the weights and the loss as numbers on a tape.
func twin(c Config, weights []float64, b *dataset.Batch, loss Losses, scale, share float64, with ...disturbance) (t *tape, w []*num, total *num) {
	var extra disturbance
	if len(with) > 0 {
		extra = with[0]
	}
	t = new(tape)
	for _, v := range weights {
		w = append(w, &num{v: v})
	}
	l := newLayout(c)
	mat := func(off, row, cols int) []*num { return w[off+row*cols : off+(row+1)*cols] }
	mul := func(off, rows int, x []*num) []*num {
		y := make([]*num, rows)
		for r := range y {
			y[r] = t.dot(mat(off, r, len(x)), x)
		}
		return y
	}
	norm := func(off int, x []*num) []*num {
		x = slices.Clone(x) // the tape keeps it
		ms := t.dot(x, x)
		m := ms.v/float64(len(x)) + c.NormEps
		r := t.apply(ms, 1/math.Sqrt(m), -0.5/(m*math.Sqrt(m)*float64(len(x))))
		y := make([]*num, len(x))
		for i := range x {
			y[i] = t.mul(t.mul(x[i], r), w[off+i])
		}
		return y
	}
	rope := func(x []*num, pos int) {
		for h := 0; h < len(x); h += c.HeadDim {
			for i := 0; i < c.HeadDim; i += 2 {
				s, co := math.Sincos(float64(pos) * math.Pow(c.RopeBase, -float64(i)/float64(c.HeadDim)))
				p, q := x[h+i], x[h+i+1]
				x[h+i], x[h+i+1] = t.combine([]float64{co, -s}, p, q), t.combine([]float64{s, co}, p, q)
			}
		}
	}
	var terms []*num // of the loss
	var shares []float64
	add := func(k float64, x *num) { terms, shares = append(terms, x), append(shares, k) }
	n := b.Rows * b.Len
	x := make([][]*num, n)
	for i := range x {
		x[i] = append([]*num(nil), mat(l.embed, int(b.Tokens[i]), c.Dim)...)
	}
	for layer, o := range l.layers {
		q, k, v := make([][]*num, n), make([][]*num, n), make([][]*num, n)
		for i := range n {
			h := norm(o.attnNorm, x[i])
			q[i], k[i], v[i] = mul(o.q, c.Heads*c.HeadDim, h), mul(o.k, c.KVHeads*c.HeadDim, h), mul(o.v, c.KVHeads*c.HeadDim, h)
			rope(q[i], i%b.Len)
			rope(k[i], i%b.Len)
		}
		count := make([]float64, c.Experts)
		probs := make([][]*num, n)
		for i := range n {
			var out []*num
			first := i/b.Len*b.Len + int(b.DocStart[i])
			for h := range c.Heads {
				kv := h / (c.Heads / c.KVHeads) * c.HeadDim
				var scores []*num
				for j := first; j <= i; j++ {
					s := t.dot(q[i][h*c.HeadDim:(h+1)*c.HeadDim], k[j][kv:kv+c.HeadDim])
					scores = append(scores, t.combine([]float64{1 / math.Sqrt(float64(c.HeadDim))}, s))
				}
				p := t.softmax(scores)
				for e := range c.HeadDim {
					var column []*num
					for j := first; j <= i; j++ {
						column = append(column, v[j][kv+e])
					}
					out = append(out, t.dot(p, column))
				}
			}
			for e, d := range mul(o.o, c.Dim, out) {
				x[i][e] = t.combine([]float64{1, extra.keep(2*layer, i*c.Dim+e)}, x[i][e], d)
			}
		}
		for i := range n {
			h := norm(o.ffnNorm, x[i])
			experts, gates := []int{0}, []*num{{v: 1}}
			if !c.Dense() {
				r := mul(o.router, c.Experts, h)
				bias := make([]float64, c.Experts)
				for e := range r {
					if extra.noise > 0 {
						r[e] = t.apply(r[e], r[e].v+extra.table[layer][i*c.Experts+e], 1)
					}
					if extra.bias != nil {
						bias[e] = float64(extra.bias[layer*c.Experts+e])
					}
				}
				order := make([]int, c.Experts)
				for e := range order {
					order[e] = e
				}
				sort.SliceStable(order, func(i, j int) bool { return r[order[i]].v+bias[order[i]] > r[order[j]].v+bias[order[j]] })
				experts = order[:c.TopK]
				var chosen []*num
				for _, e := range experts {
					chosen = append(chosen, r[e])
					count[e] += 1 / float64(n*c.TopK)
				}
				gates, probs[i] = t.softmax(chosen), t.softmax(r)
				lse := t.logSumExp(r)
				add(share*loss.RouterZ/float64(n), t.mul(lse, lse))
			}
			for j, e := range experts {
				u := mul(o.up+e*c.Hidden*c.Dim, c.Hidden, h)
				switch c.FFN {
				case "", SwiGLU:
					for i, g := range mul(o.gate+e*c.Hidden*c.Dim, c.Hidden, h) {
						s := 1 / (1 + math.Exp(-g.v))
						u[i] = t.mul(u[i], t.apply(g, g.v*s, s*(1+g.v*(1-s))))
					}
				case ReLU:
					for i, v := range u {
						if u[i] = t.apply(v, v.v, 1); v.v < 0 {
							u[i] = t.apply(v, 0, 0)
						}
					}
				case GELU:
					for i, v := range u {
						below := math.Erfc(-v.v/math.Sqrt2) / 2
						u[i] = t.apply(v, v.v*below, below+v.v*math.Exp(-v.v*v.v/2)/math.Sqrt(2*math.Pi))
					}
				}
				for at, d := range mul(o.down+e*c.Dim*c.Hidden, c.Dim, u) {
					x[i][at] = t.combine([]float64{1, extra.keep(2*layer+1, i*c.Dim+at)}, x[i][at], t.mul(gates[j], d))
				}
			}
		}
		for _, p := range probs {
			for e := range p {
				add(share*loss.LoadBalance*float64(c.Experts)*count[e]/float64(n), p[e])
			}
		}
	}
	for i := range n {
		logits := mul(l.output, c.Vocab, norm(l.norm, x[i]))
		weight := scale * float64(b.Weights[i])
		add(weight, t.logSumExp(logits))
		add(-weight, logits[b.Targets[i]])
	}
	return t, w, t.combine(shares, terms...)
}

// disturbance is what training may disturb: the choice of experts, and the branches.
type disturbance struct {
	noise float64
	seed  uint64
	table [][]float64 // [layer][token·E] the noise, see withTable
	bias  []float32   // [layers·E]
	drop  float64
	masks [][]float32 // [branch][token·D] what an element is multiplied by, see withTable
}

func (x disturbance) keep(branch, i int) float64 {
	if x.masks == nil {
		return 1
	}
	return float64(x.masks[branch][i])
}

// withTable draws the noise of a batch as Network does: per layer and block of 64 tokens.
func (x disturbance) withTable(c Config, tokens int) disturbance {
	for layer := range c.Layers {
		var row []float64
		for first := 0; first < tokens; first += 64 {
			rng := rand.New(rand.NewPCG(x.seed, uint64(layer)<<32|uint64(first)))
			for range (min(tokens, first+64) - first) * c.Experts {
				row = append(row, float64(float32(x.noise*rng.NormFloat64())))
			}
		}
		x.table = append(x.table, row)
	}
	for branch := 0; branch < 2*c.Layers && x.drop > 0; branch++ {
		n := &Network{Config: c, NoiseSeed: x.seed, Dropout: x.drop}
		var mask []float32
		for first := 0; first < tokens; first += 64 {
			block := make([]float32, (min(tokens, first+64)-first)*c.Dim)
			for i := range block {
				block[i] = 1
			}
			n.drop(branch, first, block)
			mask = append(mask, block...)
		}
		x.masks = append(x.masks, mask)
	}
	return x
}
