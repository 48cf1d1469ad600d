package backprop

import (
	"math"
	"math/rand/v2"

	"moebot/moe/kernel"
)

// route is where the tokens of one layer went.
type route struct {
	logits []float32 // [N, E] router logits
	probs  []float32 // [N, E] their softmax
	lse    []float32 // [N] log of the sum of exp(logits)
	gate   []float32 // [N, K] weights of the chosen experts, sum 1
	dgate  []float32 // [N, K]
	expert []int32   // [N, K] the chosen experts, best first
	slot   []int32   // [N, K] row of the pair (token, choice) among the N·K sorted by expert
	token  []int32   // [N·K] token of a slot
	choice []int32   // [N·K] which of its token's K choices a slot is
	offset []int     // [E+1] first slot of an expert
}

func (r *route) fit(c Config, n int) {
	fit(&r.logits, n*c.Experts)
	fit(&r.probs, n*c.Experts)
	fit(&r.lse, n)
	fit(&r.gate, n*c.TopK)
	fit(&r.dgate, n*c.TopK)
	if cap(r.expert) < n*c.TopK {
		r.expert, r.slot = make([]int32, n*c.TopK), make([]int32, n*c.TopK)
		r.token, r.choice = make([]int32, n*c.TopK), make([]int32, n*c.TopK)
		r.offset = make([]int, c.Experts+1)
	}
	r.expert, r.slot = r.expert[:n*c.TopK], r.slot[:n*c.TopK]
	r.token, r.choice = r.token[:n*c.TopK], r.choice[:n*c.TopK]
}

// routeForward chooses the K experts of each token with the largest router
// logits; the gate weights are the softmax over the chosen logits alone, which is
// the softmax over all, renormalised. Of equal logits the lower expert wins. In
// training noise may be added to the logits; a bias may decide the choice alone.
func (n *Network) routeForward(layer int, o layerOffsets, l *layerActivations, train bool) {
	c, t, r := n.Config, n.act.tokens, &l.route
	if c.Dense() {
		for i := range r.expert {
			r.expert[i], r.gate[i] = 0, 1
		}
		r.sort(1, 1)
		return
	}
	w := n.w(o.router, c.Experts*c.Dim)
	kernel.Gemm(n.pool, false, true, t, c.Experts, c.Dim, 1, l.yn, c.Dim, w, c.Dim, 0, r.logits, c.Experts)
	var bias []float32
	if n.RouterBias != nil {
		bias = n.RouterBias[layer*c.Experts : (layer+1)*c.Experts]
	}
	n.rows(t, func(lo, hi int) {
		if train && n.Noise > 0 {
			n.addNoise(layer, lo, r.logits[lo*c.Experts:hi*c.Experts])
		}
		biased := make([]float32, len(bias))
		for i := lo; i < hi; i++ {
			z, p := r.logits[i*c.Experts:(i+1)*c.Experts], r.probs[i*c.Experts:(i+1)*c.Experts]
			r.lse[i] = softmaxRow(p, z)
			chosen, gate := r.expert[i*c.TopK:(i+1)*c.TopK], r.gate[i*c.TopK:(i+1)*c.TopK]
			if bias != nil {
				for e, v := range z {
					biased[e] = v + bias[e]
				}
				topK(chosen, biased)
			} else {
				topK(chosen, z)
			}
			var sum float32
			for j, e := range chosen {
				gate[j] = p[e]
				sum += p[e]
			}
			for j := range gate {
				gate[j] /= sum
			}
		}
	})
	r.sort(c.Experts, c.TopK)
}

// addNoise adds normal noise to the router logits of the tokens from first on. It
// depends on the seed, the layer and the block of tokens, not on the workers.
func (n *Network) addNoise(layer, first int, logits []float32) {
	rng := rand.New(rand.NewPCG(n.NoiseSeed, uint64(layer)<<32|uint64(first)))
	for i := range logits {
		logits[i] += float32(n.Noise * rng.NormFloat64())
	}
}

// Rebalance moves the bias of each expert by rate towards an even load: up if it got
// less than its share of load [layer][expert], down if more (Wang et al. 2024,
// arXiv 2408.15664, algorithm 1; the bias is on logits here, not on probabilities).
func (n *Network) Rebalance(load [][]float64, rate float64) {
	e := n.Config.Experts
	if n.RouterBias == nil {
		n.RouterBias = make([]float32, n.Config.Layers*e)
	}
	for i, l := range load {
		for j, v := range l {
			switch even := 1 / float64(e); {
			case v < even:
				n.RouterBias[i*e+j] += float32(rate)
			case v > even:
				n.RouterBias[i*e+j] -= float32(rate)
			}
		}
	}
}

func softmaxRow(p, z []float32) (lse float32) {
	top := z[0]
	for _, v := range z[1:] {
		top = max(top, v)
	}
	sum := 0.0
	for i, v := range z {
		e := math.Exp(float64(v - top))
		p[i] = float32(e)
		sum += e
	}
	inv := float32(1 / sum)
	for i := range p {
		p[i] *= inv
	}
	return top + float32(math.Log(sum))
}

func topK(chosen []int32, z []float32) {
	for j := range chosen {
		best := int32(-1)
	next:
		for e := range z {
			for _, taken := range chosen[:j] {
				if taken == int32(e) {
					continue next
				}
			}
			if best < 0 || z[e] > z[best] {
				best = int32(e)
			}
		}
		chosen[j] = best
	}
}

// sort orders the (token, choice) pairs by expert, tokens ascending in each.
func (r *route) sort(experts, k int) {
	clear(r.offset)
	for _, e := range r.expert {
		r.offset[e+1]++
	}
	for e := range experts {
		r.offset[e+1] += r.offset[e]
	}
	next := make([]int, experts)
	copy(next, r.offset)
	for i, e := range r.expert {
		s := next[e]
		next[e]++
		r.slot[i] = int32(s)
		r.token[s], r.choice[s] = int32(i/k), int32(i%k)
	}
}

// losses returns the load-balancing loss E·Σ f·P, f the share of routed tokens and
// P the mean probability of an expert, and the z-loss, the mean of lse².
func (r *route) losses(c Config, tokens int) (balance, z float64) {
	for e := range c.Experts {
		mean := 0.0
		for t := range tokens {
			mean += float64(r.probs[t*c.Experts+e])
		}
		f := float64(r.offset[e+1]-r.offset[e]) / float64(tokens*c.TopK)
		balance += f * mean / float64(tokens)
	}
	for _, v := range r.lse[:tokens] {
		z += float64(v) * float64(v)
	}
	return balance * float64(c.Experts), z / float64(tokens)
}

// routeBackward adds the router's gradients: those of the gate weights, given in
// route.dgate, and those of the two losses. It adds to act.dnorm, the gradient of yn.
//
// Through the gates, a softmax over the chosen: dz_j = g_j·(dg_j − Σ g·dg). Through
// the balance loss, a softmax over all with dp_e = α·E·f_e/N, f held constant
// (the choice is not differentiable). Through z: 2·lse·p/N.
func (n *Network) routeBackward(o layerOffsets, l *layerActivations, loss Losses, share float64) {
	c, a, t, r := n.Config, n.act, n.act.tokens, &l.route
	if c.Dense() {
		return
	}
	dp := make([]float32, c.Experts)
	for e := range dp {
		f := float64(r.offset[e+1]-r.offset[e]) / float64(t*c.TopK)
		dp[e] = float32(share * loss.LoadBalance * float64(c.Experts) * f / float64(t))
	}
	zf := float32(share * loss.RouterZ * 2 / float64(t))
	n.rows(t, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			p, dz := r.probs[i*c.Experts:(i+1)*c.Experts], r.logits[i*c.Experts:(i+1)*c.Experts]
			var mean float32
			for e, v := range p {
				mean += v * dp[e]
			}
			for e, v := range p {
				dz[e] = v * (dp[e] - mean + zf*r.lse[i])
			}
			gate, dgate := r.gate[i*c.TopK:(i+1)*c.TopK], r.dgate[i*c.TopK:(i+1)*c.TopK]
			var dot float32
			for j, g := range gate {
				dot += g * dgate[j]
			}
			for j, g := range gate {
				dz[r.expert[i*c.TopK+j]] += g * (dgate[j] - dot)
			}
		}
	})
	d, w := c.Dim, n.w(o.router, c.Experts*c.Dim)
	kernel.Gemm(n.pool, true, false, c.Experts, d, t, 1, r.logits, c.Experts, l.yn, d, 1, n.g(o.router, c.Experts*d), d)
	kernel.Gemm(n.pool, false, false, t, d, c.Experts, 1, r.logits, c.Experts, w, d, 1, a.dnorm, d)
}
