package model

import (
	"math"

	"moebot/moe/kernel"
)

// attention adds to the residual stream what the layer's heads find in the tokens
// up to each one: grouped-query causal attention.
func (m *Model) attention(s *Scratch, li int) {
	c, l, n := m.Config, &m.layers[li], len(s.batch)
	d, hd := c.Dim, c.HeadDim
	qd, kvd := c.Heads*hd, c.KVHeads*hd
	s.rows(opAttnNorm, li)
	s.add(s.q, qd, l.q, s.norm, d, n)
	s.add(s.k, kvd, l.k, s.norm, d, n)
	s.add(s.v, kvd, l.v, s.norm, d, n)
	s.run()
	s.rows(opRope, li)
	s.heads(li)
	if s.Patterns {
		s.see(AtPattern, li, s.patterns, c.Heads*s.longest)
	}
	s.see(AtHeads, li, s.o, qd)
	s.add(s.proj, d, l.o, s.o, qd, n)
	s.run()
	s.rows(opResidual, li)
	s.see(AtMiddle, li, s.x, d)
}

// ropeToken turns the queries and keys of token i and puts keys and values in its cache.
func (m *Model) ropeToken(s *Scratch, li, i int) {
	c := m.Config
	hd := c.HeadDim
	qd, kvd, half := c.Heads*hd, c.KVHeads*hd, c.RopeDims/2
	cos, sin := s.cos[i*half:(i+1)*half], s.sin[i*half:(i+1)*half]
	q, k := s.q[i*qd:(i+1)*qd], s.k[i*kvd:(i+1)*kvd]
	if c.RopeDims == hd {
		kernel.RoPE(q, cos, sin)
		kernel.RoPE(k, cos, sin)
	} else {
		for h := 0; h < qd; h += hd {
			kernel.RoPE(q[h:h+c.RopeDims], cos, sin)
		}
		for h := 0; h < kvd; h += hd {
			kernel.RoPE(k[h:h+c.RopeDims], cos, sin)
		}
	}
	cache := s.batch[i].Cache
	copy(cache.Keys(li)[s.pos[i]*kvd:], k)
	copy(cache.Values(li)[s.pos[i]*kvd:], s.v[i*kvd:(i+1)*kvd])
}

// attend computes the query heads of token i that share KV head kv.
func (m *Model) attend(s *Scratch, li, i, kv int) {
	c := m.Config
	hd, kvd := c.HeadDim, c.KVHeads*c.HeadDim
	cache := s.batch[i].Cache
	seen := s.pos[i] + 1
	keys, values := cache.Keys(li)[kv*hd:], cache.Values(li)[kv*hd:]
	scale := float32(1 / math.Sqrt(float64(hd)))
	group := c.Heads / c.KVHeads
	buffer := s.scores.take()
	p := s.scores.buffers[buffer][:seen]
	for h := kv * group; h < (kv+1)*group; h++ {
		at := i*c.Heads*hd + h*hd
		kernel.Scores(p, s.q[at:at+hd], keys, kvd, scale)
		kernel.Softmax(p)
		if s.Patterns && s.Hook != nil {
			s.keepPattern(i, h, p)
		}
		kernel.WeightedSum(s.o[at:at+hd], p, values, kvd)
	}
	s.scores.give(buffer)
}

// scoreBuffers are the attention scores of one head over a sequence, a buffer for
// each worker.
type scoreBuffers struct {
	buffers [][]float32
	free    chan int // indexes of the buffers that nobody uses; never empty for a worker
}

func newScoreBuffers(workers int) scoreBuffers {
	b := scoreBuffers{buffers: make([][]float32, workers), free: make(chan int, workers)}
	for i := range workers {
		b.free <- i
	}
	return b
}

// reserve makes room for sequences of n tokens. Between parallel regions only.
func (b *scoreBuffers) reserve(n int) {
	if n <= len(b.buffers[0]) {
		return
	}
	for i := range b.buffers {
		b.buffers[i] = make([]float32, max(256, n+n/2))
	}
}

func (b *scoreBuffers) take() int  { return <-b.free }
func (b *scoreBuffers) give(i int) { b.free <- i }
