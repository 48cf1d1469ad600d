package model

import (
	"fmt"
	"math"

	"moebot/moe/kernel"
	"moebot/moe/kvcache"
	"moebot/moe/tensor"
)

// Input is one token of a batch: the next of the sequence that Cache holds. Tokens
// of one sequence follow one another in the batch.
type Input struct {
	ID     int32
	Cache  *kvcache.Cache
	Logits bool // the logits at this position are wanted
}

// Forward computes a batch. Each token is appended to its cache, its keys and
// values with it. The logits [V] of the inputs that ask for them are in
// s.Logits(0), s.Logits(1), ... in the order of the batch, valid until the next
// call. It panics on an id outside the vocabulary, a batch larger than the Scratch
// was made for and a full cache.
func (m *Model) Forward(s *Scratch, batch []Input) {
	c := m.Config
	n := len(batch)
	if n == 0 {
		return
	}
	if n > s.size {
		panic(fmt.Sprintf("model: batch of %d tokens, scratch for %d", n, s.size))
	}
	s.begin(batch)
	half := c.RopeDims / 2
	for i, in := range batch {
		if in.ID < 0 || int(in.ID) >= c.Vocab {
			panic(fmt.Sprintf("model: token %d, vocabulary of %d", in.ID, c.Vocab))
		}
		s.pos[i] = in.Cache.Append(in.ID)
		m.ropeAngles(s.cos[i*half:(i+1)*half], s.sin[i*half:(i+1)*half], s.pos[i])
		row := m.embed.Type.Bytes(c.Dim)
		tensor.Dequantize(s.x[i*c.Dim:(i+1)*c.Dim], m.embed.Type, m.embed.Data[int(in.ID)*row:(int(in.ID)+1)*row])
	}
	for i := range m.layers {
		m.attention(s, i)
		m.ffn(s, i)
	}
	m.head(s)
}

// head computes the logits of the positions that want them.
func (m *Model) head(s *Scratch) {
	d, k := m.Config.Dim, 0
	for i, in := range s.batch {
		if in.Logits {
			kernel.RMSNorm(s.norm[k*d:(k+1)*d], s.x[i*d:(i+1)*d], m.norm, float32(m.Config.NormEps))
			k++
		}
	}
	if k == 0 {
		return
	}
	if need := k * m.Config.Vocab; cap(s.logits) < need {
		s.logits = make([]float32, need)
	}
	s.logits = s.logits[:k*m.Config.Vocab]
	s.add(s.logits, m.Config.Vocab, m.output, s.norm, d, k)
	s.run()
}

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
	s.add(s.proj, d, l.o, s.o, qd, n)
	s.run()
	s.rows(opResidual, li)
}

// rope turns the queries and keys of token i and puts keys and values in its cache.
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
	for h := kv * group; h < (kv+1)*group; h++ {
		at := i*c.Heads*hd + h*hd
		p := s.scores[i*c.Heads+h]
		if cap(p) < seen {
			p = make([]float32, max(64, seen*3/2))
			s.scores[i*c.Heads+h] = p
		}
		p = p[:seen]
		kernel.Scores(p, s.q[at:at+hd], keys, kvd, scale)
		kernel.Softmax(p)
		kernel.WeightedSum(s.o[at:at+hd], p, values, kvd)
	}
}
