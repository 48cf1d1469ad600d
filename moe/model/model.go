package model

import (
	"fmt"

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
// call.
//
// What comes out for a token depends on the tokens before it in its sequence and on
// nothing else, to the last bit: not on how the sequence was cut into batches, on
// the other sequences of a batch, or on the number of workers.
//
// It panics on an id outside the vocabulary, a batch larger than the Scratch was
// made for and a full cache.
func (m *Model) Forward(s *Scratch, batch []Input) {
	c := &m.Config
	n := len(batch)
	if n == 0 {
		return
	}
	if n > s.size {
		panic(fmt.Sprintf("model: batch of %d tokens, scratch for %d", n, s.size))
	}
	s.batch = batch
	s.watch()
	longest := 0
	for i, in := range batch {
		if in.ID < 0 || int(in.ID) >= c.Vocab {
			panic(fmt.Sprintf("model: token %d, vocabulary of %d", in.ID, c.Vocab))
		}
		s.pos[i] = in.Cache.Append(in.ID)
		longest = max(longest, s.pos[i]+1)
		cos, sin := s.angles(i)
		m.ropeAngles(cos, sin, s.pos[i], in.Cache.Limit())
		row, x := m.embed.Type.Bytes(c.Dim), s.x[i*c.Dim:(i+1)*c.Dim]
		tensor.Dequantize(x, m.embed.Type, m.embed.Data[int(in.ID)*row:(int(in.ID)+1)*row])
		if c.EmbedGain != 1 {
			kernel.Scale(float32(c.EmbedGain), x)
		}
	}
	s.scores.reserve(longest)
	s.reservePatterns(longest)
	s.see(AtEmbedding, 0, s.x, c.Dim)
	for i := range m.layers {
		m.attention(s, i)
		m.ffn(s, i)
		s.see(AtLayer, i, s.x, c.Dim)
	}
	m.head(s)
	s.batch = nil
}

// head computes the logits of the positions that want them.
func (m *Model) head(s *Scratch) {
	c, k := &m.Config, 0
	d := c.Dim
	for i, in := range s.batch {
		if in.Logits {
			m.norm.apply(s.norm[k*d:(k+1)*d], s.x[i*d:(i+1)*d], c.NormEps)
			k++
		}
	}
	if k == 0 {
		return
	}
	if need := k * c.Vocab; cap(s.logits) < need {
		s.logits = make([]float32, need)
	}
	s.logits = s.logits[:k*c.Vocab]
	m.unembed(s, s.logits, k)
}

// unembed turns the first n normalised states to logits [n, V].
func (m *Model) unembed(s *Scratch, logits []float32, n int) {
	c := &m.Config
	s.add(logits, c.Vocab, m.output.Matrix, s.norm, c.Dim, n)
	s.run()
	for i := range n {
		addBias(logits[i*c.Vocab:(i+1)*c.Vocab], m.output.bias)
	}
	if c.LogitGain != 1 {
		kernel.Scale(float32(c.LogitGain), logits)
	}
}
