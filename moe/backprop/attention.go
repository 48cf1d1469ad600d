package backprop

import (
	"math"

	"moebot/moe/dataset"
	"moebot/moe/kernel"
)

// attentionTile is the number of queries whose scores exist at a time. The T×T
// matrix of a head is never stored: the backward pass computes each tile again
// from the saved log-sum-exp (Dao et al. 2022, FlashAttention, arXiv 2205.14135,
// section 3.1, without its blocking over keys).
const attentionTile = 64

// attentionScratch is the number of float32 that one (row, KV head) needs: two tiles.
func attentionScratch(length int) int { return 2 * attentionTile * length }

// attentionBlockForward computes x2 = x + Wo·attention(norm(x)).
func (n *Network) attentionBlockForward(layer int, o layerOffsets, l *layerActivations, b *dataset.Batch, train bool) {
	c, t := n.Config, n.act.tokens
	d, qd, kvd := c.Dim, c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	n.normForward(l.xn, l.rstd1, l.x, n.w(o.attnNorm, d), t)
	n.linear(l.q, l.xn, n.w(o.q, qd*d), t, qd, d)
	n.linear(l.k, l.xn, n.w(o.k, kvd*d), t, kvd, d)
	n.linear(l.v, l.xn, n.w(o.v, kvd*d), t, kvd, d)
	n.rotate(l.q, c.Heads, b.Len, false)
	n.rotate(l.k, c.KVHeads, b.Len, false)
	n.attentionForward(l, b)
	if n.dropped(train) {
		n.linear(l.x2, l.o, n.w(o.o, d*qd), t, d, qd)
		n.addBranch(2*layer, l.x2, l.x)
		return
	}
	copy(l.x2, l.x)
	n.gemm(n.pool, false, true, t, d, qd, 1, l.o, qd, n.w(o.o, d*qd), qd, 1, l.x2, d)
}

// attentionBlockBackward turns act.dx from the gradient of x2 into that of x.
func (n *Network) attentionBlockBackward(layer int, o layerOffsets, l *layerActivations, b *dataset.Batch) {
	c, a := n.Config, n.act
	t, d, qd, kvd := a.tokens, c.Dim, c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	n.linearBackward(a.do, 0, n.g(o.o, d*qd), n.branchGradient(2*layer), l.o, n.w(o.o, d*qd), t, d, qd)
	n.attentionBackward(l, b)
	n.rotate(a.dq, c.Heads, b.Len, true)
	n.rotate(a.dk, c.KVHeads, b.Len, true)
	n.linearBackward(a.dnorm, 0, n.g(o.q, qd*d), a.dq, l.xn, n.w(o.q, qd*d), t, qd, d)
	n.linearBackward(a.dnorm, 1, n.g(o.k, kvd*d), a.dk, l.xn, n.w(o.k, kvd*d), t, kvd, d)
	n.linearBackward(a.dnorm, 1, n.g(o.v, kvd*d), a.dv, l.xn, n.w(o.v, kvd*d), t, kvd, d)
	n.normBackward(a.dx, n.g(o.attnNorm, d), a.dnorm, l.x, l.rstd1, n.w(o.attnNorm, d), t)
}

// tile is a run of queries [q0, q1) of one document which sees the keys [k0, q1).
type tile struct{ q0, q1, k0 int }

// tiles cuts a row into query tiles that do not cross a document border.
func tiles(starts []int32, yield func(tile)) {
	for q0 := 0; q0 < len(starts); {
		k0 := int(starts[q0])
		q1 := q0 + 1
		for q1 < len(starts) && q1-q0 < attentionTile && int(starts[q1]) == k0 {
			q1++
		}
		yield(tile{q0, q1, k0})
		q0 = q1
	}
}

func (n *Network) attentionForward(l *layerActivations, b *dataset.Batch) {
	c := n.Config
	group, hd := c.Heads/c.KVHeads, c.HeadDim
	qd, kvd := c.Heads*hd, c.KVHeads*hd
	scale := float32(1 / math.Sqrt(float64(hd)))
	n.pool.Run(b.Rows*c.KVHeads, func(task int) {
		row, kv := task/c.KVHeads, task%c.KVHeads
		base := row * b.Len
		scores := n.act.tiles[task*attentionScratch(b.Len):][:attentionTile*b.Len]
		tiles(b.DocStart[base:base+b.Len], func(s tile) {
			rows, keys := s.q1-s.q0, s.q1-s.k0
			k, v := l.k[(base+s.k0)*kvd+kv*hd:], l.v[(base+s.k0)*kvd+kv*hd:]
			for h := kv * group; h < (kv+1)*group; h++ {
				q, o := l.q[(base+s.q0)*qd+h*hd:], l.o[(base+s.q0)*qd+h*hd:]
				n.gemm(nil, false, true, rows, keys, hd, scale, q, qd, k, kvd, 0, scores, keys)
				for i := range rows {
					p := scores[i*keys : (i+1)*keys]
					seen := s.q0 + i - s.k0 + 1
					l.lse[(base+s.q0+i)*c.Heads+h] = softmaxCausal(p, seen)
				}
				n.gemm(nil, false, false, rows, hd, keys, 1, scores, keys, v, kvd, 0, o, qd)
			}
		})
	})
}

// softmaxCausal turns the first seen scores into probabilities, the rest into
// zeros, and returns the log of the sum of their exponentials.
func softmaxCausal(p []float32, seen int) float32 {
	x := p[:seen]
	top := kernel.Max(x)
	sum := kernel.ExpSum(x, top)
	kernel.Scale(1/sum, x)
	clear(p[seen:])
	return top + float32(math.Log(float64(sum)))
}

// attentionBackward computes act.dq, dk, dv (of the rotated q and k) from act.do:
//
//	P = exp(scores − lse), dV = Pᵀ·dO, dP = dO·Vᵀ,
//	dS = P∘(dP − rowsum(dO∘O))·scale, dQ = dS·K, dK = dSᵀ·Q
func (n *Network) attentionBackward(l *layerActivations, b *dataset.Batch) {
	c, a := n.Config, n.act
	group, hd := c.Heads/c.KVHeads, c.HeadDim
	qd, kvd := c.Heads*hd, c.KVHeads*hd
	scale := float32(1 / math.Sqrt(float64(hd)))
	clear(a.dk)
	clear(a.dv)
	n.pool.Run(b.Rows*c.KVHeads, func(task int) {
		row, kv := task/c.KVHeads, task%c.KVHeads
		base := row * b.Len
		scratch := a.tiles[task*attentionScratch(b.Len):][:attentionScratch(b.Len)]
		p, dp := scratch[:attentionTile*b.Len], scratch[attentionTile*b.Len:]
		tiles(b.DocStart[base:base+b.Len], func(s tile) {
			rows, keys := s.q1-s.q0, s.q1-s.k0
			at := (base+s.k0)*kvd + kv*hd
			k, v, dk, dv := l.k[at:], l.v[at:], a.dk[at:], a.dv[at:]
			for h := kv * group; h < (kv+1)*group; h++ {
				qat := (base+s.q0)*qd + h*hd
				q, o, do, dq := l.q[qat:], l.o[qat:], a.do[qat:], a.dq[qat:]
				n.gemm(nil, false, true, rows, keys, hd, scale, q, qd, k, kvd, 0, p, keys)
				n.gemm(nil, false, true, rows, keys, hd, 1, do, qd, v, kvd, 0, dp, keys)
				for i := range rows {
					seen := s.q0 + i - s.k0 + 1
					pr, dr := p[i*keys:(i+1)*keys], dp[i*keys:(i+1)*keys]
					lse := l.lse[(base+s.q0+i)*c.Heads+h]
					kernel.ExpSum(pr[:seen], lse)
					delta := kernel.Dot(do[i*qd:i*qd+hd], o[i*qd:i*qd+hd])
					kernel.AddScalar(-delta, dr[:seen])
					kernel.ScaleMul(dr[:seen], dr[:seen], pr[:seen], scale)
					clear(pr[seen:])
					clear(dr[seen:])
				}
				n.gemm(nil, true, false, keys, hd, rows, 1, p, keys, do, qd, 1, dv, kvd)
				n.gemm(nil, false, false, rows, hd, keys, 1, dp, keys, k, kvd, 0, dq, qd)
				n.gemm(nil, true, false, keys, hd, rows, 1, dp, keys, q, qd, 1, dk, kvd)
			}
		})
	})
}
