package model

import (
	"math"

	"moebot/moe/kernel"
)

// attention adds to the residual stream what the layer's heads find in the tokens
// up to each one: grouped-query causal attention.
func (m *Model) attention(s *Scratch, li int) {
	c, l, n := &m.Config, &m.layers[li], len(s.batch)
	d := c.Dim
	s.rows(opAttnNorm, li)
	if l.latent != nil {
		m.latentAttention(s, li)
	} else {
		qd, kd, vd := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim, c.KVHeads*c.ValueDim
		s.add(s.q, qd, l.q.Matrix, s.norm, d, n)
		s.add(s.k, kd, l.k.Matrix, s.norm, d, n)
		s.add(s.v, vd, l.v.Matrix, s.norm, d, n)
		s.run()
		s.rows(opHeads, li)
		s.heads(li)
		s.see(AtHeads, li, s.o, c.Heads*c.ValueDim)
		s.add(s.proj, d, l.o.Matrix, s.o, c.Heads*c.ValueDim, n)
	}
	s.run()
	s.rows(opResidual, li)
	s.see(AtMiddle, li, s.x, d)
}

// prepare finishes the queries, keys and values of token i (bias, norm, RoPE) and
// puts keys and values in its cache.
func (m *Model) prepare(s *Scratch, li, i int) {
	c, l := &m.Config, &m.layers[li]
	hd := c.HeadDim
	qd, kd, vd := c.Heads*hd, c.KVHeads*hd, c.KVHeads*c.ValueDim
	q, k, v := s.q[i*qd:(i+1)*qd], s.k[i*kd:(i+1)*kd], s.v[i*vd:(i+1)*vd]
	addBias(q, l.q.bias)
	addBias(k, l.k.bias)
	addBias(v, l.v.bias)
	if l.qNorm != nil {
		normEach(q, l.qNorm, float32(c.NormEps))
		normEach(k, l.kNorm, float32(c.NormEps))
	}
	cos, sin := s.angles(i)
	c.turn(q, hd, cos, sin)
	c.turn(k, hd, cos, sin)
	cache := s.batch[i].Cache
	kernel.Narrow(cache.Type(), cache.Keys(li)[cache.Type().Bytes(s.pos[i]*kd):], k)
	kernel.Narrow(cache.Type(), cache.Values(li)[cache.Type().Bytes(s.pos[i]*vd):], v)
}

// normEach normalises each run of len(weight) elements of x by itself.
func normEach(x, weight []float32, eps float32) {
	for n := len(weight); len(x) > 0; x = x[n:] {
		kernel.RMSNorm(x[:n], x[:n], weight, eps)
	}
}

// together is the number of heads whose scores are computed at once, as many as any
// kernel reads the keys for at a time.
const together = 4

// latentUnits is the number of shares of heads that all look at the same keys: small
// enough that a key is read once for several heads, large enough for all workers.
func latentUnits(heads, workers int) int {
	for n := together; n > 1; n /= 2 {
		if heads%n == 0 && heads/n >= workers {
			return heads / n
		}
	}
	return heads
}

// attend computes the unit-th share of token i's query heads: those of one KV head,
// or some of latent attention's, which all look at the same keys.
func (m *Model) attend(s *Scratch, li, i, unit int) {
	c, l := &m.Config, &m.layers[li]
	hd, vd := c.HeadDim, c.ValueDim
	cache, group := s.batch[i].Cache, c.Heads/s.units
	t := cache.Type()
	keys := kernel.Rows{Type: t, Data: cache.Keys(li), Stride: t.Bytes(c.KVHeads * hd)}
	values := keys // of latent attention: the first elements of the keys
	if l.latent == nil {
		keys.Data = keys.Data[t.Bytes(unit*hd):]
		values = kernel.Rows{Type: t, Data: cache.Values(li)[t.Bytes(unit*vd):], Stride: t.Bytes(c.KVHeads * vd)}
	}
	first, seen := 0, s.pos[i]+1
	if c.windowed(li) && seen > c.Window {
		first, seen = seen-c.Window, c.Window
		keys.Data, values.Data = keys.Data[first*keys.Stride:], values.Data[first*values.Stride:]
	}
	scale := float32(c.AttentionScale)
	if t := c.Temperature; t.Scale != 0 {
		scale *= float32(1 + t.Scale*math.Log(1+float64(s.pos[i]/t.Tokens)))
	}
	buffer := s.scores.take()
	ld := seen + 1 // there is room for one more
	for h := unit * group; h < (unit+1)*group; h += together {
		n := min(together, (unit+1)*group-h)
		p := s.scores.buffers[buffer][:n*ld]
		kernel.Scores(p, ld, s.q[(i*c.Heads+h)*hd:], hd, n, hd, keys, seen, scale)
		for k := range n {
			row := p[k*ld : k*ld+seen]
			if l.sinks != nil {
				row = append(row, l.sinks[h+k])
			}
			kernel.Softmax(row)
			if hooks && s.Patterns && s.Hook != nil {
				s.keepPattern(i, h+k, first, row[:seen])
			}
		}
		kernel.WeightedSum(s.o[(i*c.Heads+h)*vd:], vd, n, vd, p, ld, values, seen)
	}
	s.scores.give(buffer)
}

// scoreBuffers are the attention scores of the heads computed together over a
// sequence, a buffer for each worker.
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

// reserve makes room for sequences of n tokens and one more score. Between parallel
// regions only.
func (b *scoreBuffers) reserve(n int) {
	if together*(n+1) <= len(b.buffers[0]) {
		return
	}
	for i := range b.buffers {
		b.buffers[i] = make([]float32, together*max(256, n+1+n/2))
	}
}

func (b *scoreBuffers) take() int  { return <-b.free }
func (b *scoreBuffers) give(i int) { b.free <- i }
