package backprop

import (
	"math"
	"math/rand/v2"
	"sort"

	"moebot/moe/dataset"
)

// twinLoss is the network once more, literally and in float64: one token at a
// time, no batching, no tiles, no sorting. It returns what Backward differentiates.
func twinLoss(c Config, w []float64, b *dataset.Batch, loss Losses, scale, share float64, with ...disturbance) float64 {
	var extra disturbance
	if len(with) > 0 {
		extra = with[0]
	}
	l := newLayout(c)
	mat := func(off, row, cols int) []float64 { return w[off+row*cols : off+(row+1)*cols] }
	mul := func(off, rows int, x []float64) []float64 {
		y := make([]float64, rows)
		for r := range y {
			for i, v := range mat(off, r, len(x)) {
				y[r] += v * x[i]
			}
		}
		return y
	}
	norm := func(off int, x []float64) []float64 {
		ms := 0.0
		for _, v := range x {
			ms += v * v / float64(len(x))
		}
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = v / math.Sqrt(ms+c.NormEps) * w[off+i]
		}
		return y
	}
	rope := func(x []float64, pos int) {
		for h := 0; h < len(x); h += c.HeadDim {
			for i := 0; i < c.HeadDim; i += 2 {
				s, co := math.Sincos(float64(pos) * math.Pow(c.RopeBase, -float64(i)/float64(c.HeadDim)))
				x[h+i], x[h+i+1] = x[h+i]*co-x[h+i+1]*s, x[h+i]*s+x[h+i+1]*co
			}
		}
	}
	n := b.Rows * b.Len
	x := make([][]float64, n)
	for t := range x {
		x[t] = append([]float64(nil), mat(l.embed, int(b.Tokens[t]), c.Dim)...)
	}
	total := 0.0
	for layer, o := range l.layers {
		q, k, v := make([][]float64, n), make([][]float64, n), make([][]float64, n)
		for t := range n {
			h := norm(o.attnNorm, x[t])
			q[t], k[t], v[t] = mul(o.q, c.Heads*c.HeadDim, h), mul(o.k, c.KVHeads*c.HeadDim, h), mul(o.v, c.KVHeads*c.HeadDim, h)
			rope(q[t], t%b.Len)
			rope(k[t], t%b.Len)
		}
		prob := make([]float64, c.Experts)
		count := make([]float64, c.Experts)
		z := 0.0
		for t := range n {
			out := make([]float64, c.Heads*c.HeadDim)
			first := t/b.Len*b.Len + int(b.DocStart[t])
			for h := range c.Heads {
				kv := h / (c.Heads / c.KVHeads) * c.HeadDim
				qh := q[t][h*c.HeadDim : (h+1)*c.HeadDim]
				var e []float64
				sum := 0.0
				for j := first; j <= t; j++ {
					s := 0.0
					for i, v := range qh {
						s += v * k[j][kv+i]
					}
					e = append(e, math.Exp(s/math.Sqrt(float64(c.HeadDim))))
					sum += e[len(e)-1]
				}
				for j := first; j <= t; j++ {
					for i := range c.HeadDim {
						out[h*c.HeadDim+i] += e[j-first] / sum * v[j][kv+i]
					}
				}
			}
			for i, d := range mul(o.o, c.Dim, out) {
				x[t][i] += d * extra.keep(2*layer, t*c.Dim+i)
			}
		}
		for t := range n {
			h := norm(o.ffnNorm, x[t])
			gates := map[int]float64{0: 1}
			if !c.Dense() {
				r := mul(o.router, c.Experts, h)
				bias := make([]float64, c.Experts)
				for e := range r {
					if extra.noise > 0 {
						r[e] += extra.table[layer][t*c.Experts+e]
					}
					if extra.bias != nil {
						bias[e] = float64(extra.bias[layer*c.Experts+e])
					}
				}
				order := make([]int, c.Experts)
				sum := 0.0
				for e := range order {
					order[e] = e
					sum += math.Exp(r[e])
				}
				sort.SliceStable(order, func(i, j int) bool { return r[order[i]]+bias[order[i]] > r[order[j]]+bias[order[j]] })
				chosen := 0.0
				for _, e := range order[:c.TopK] {
					chosen += math.Exp(r[e])
				}
				gates = map[int]float64{}
				for _, e := range order[:c.TopK] {
					gates[e] = math.Exp(r[e]) / chosen
					count[e] += 1 / float64(n*c.TopK)
				}
				for e := range prob {
					prob[e] += math.Exp(r[e]) / sum / float64(n)
				}
				z += math.Log(sum) * math.Log(sum) / float64(n)
			}
			for e := range c.Experts {
				gate, ok := gates[e]
				if !ok {
					continue
				}
				u := mul(o.up+e*c.Hidden*c.Dim, c.Hidden, h)
				switch c.FFN {
				case "", SwiGLU:
					for i, g := range mul(o.gate+e*c.Hidden*c.Dim, c.Hidden, h) {
						u[i] *= g / (1 + math.Exp(-g))
					}
				case ReLU:
					for i := range u {
						u[i] = math.Max(u[i], 0)
					}
				case GELU:
					for i := range u {
						u[i] *= math.Erfc(-u[i]/math.Sqrt2) / 2
					}
				}
				for i, d := range mul(o.down+e*c.Dim*c.Hidden, c.Dim, u) {
					x[t][i] += gate * d * extra.keep(2*layer+1, t*c.Dim+i)
				}
			}
		}
		if !c.Dense() {
			balance := 0.0
			for e := range prob {
				balance += float64(c.Experts) * count[e] * prob[e]
			}
			total += share * (loss.LoadBalance*balance + loss.RouterZ*z)
		}
	}
	for t := range n {
		logits := mul(l.output, c.Vocab, norm(l.norm, x[t]))
		sum := 0.0
		for _, v := range logits {
			sum += math.Exp(v)
		}
		total += scale * float64(b.Weights[t]) * (math.Log(sum) - logits[b.Targets[t]])
	}
	return total
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
