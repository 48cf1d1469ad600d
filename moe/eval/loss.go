// Package eval measures a model on text that it was not trained on.
package eval

import (
	"math"

	"moebot/moe/backprop"
	"moebot/moe/dataset"
)

// Loss is a model's cross-entropy on one source.
type Loss struct {
	All      float64 `json:"all"`                     // nats per token, every token a target
	Reply    float64 `json:"reply"`                   // nats per token the assistant said (in text: every token)
	Accuracy float64 `json:"accuracy"`                // share of reply tokens that the largest logit named
	Bits     float64 `json:"bits_per_byte,omitempty"` // of the text, over all tokens, special ones included; needs token lengths
	Tokens   int     `json:"tokens"`                  // targets measured in All
	Replies  int     `json:"replies"`                 // targets measured in Reply
}

// Options bound a measurement.
type Options struct {
	Length     int   // tokens of context at most; longer sequences are measured in parts
	MaxTokens  int   // stop after about so many tokens of a source; 0 measures all
	TokenBytes []int // [vocabulary] bytes of text a token stands for, 0 for special tokens; nil leaves Bits out

	// Only has, by source, a mark beside each token: those without one are context and no
	// targets. A source that is not there is measured whole.
	Only map[string][]bool
}

// Sources measures each shard on its sequences in order.
func Sources(net *backprop.Network, shards []*dataset.Shard, o Options) map[string]Loss {
	out := map[string]Loss{}
	for _, s := range shards {
		out[s.Source] = Shard(net, s, o)
	}
	return out
}

// Shard measures one source.
func Shard(net *backprop.Network, s *dataset.Shard, o Options) Loss {
	m := measure{net: net, o: o}
	for i := 0; i < s.Sequences() && (m.tokens < o.MaxTokens || o.MaxTokens <= 0); i++ {
		lo, hi := s.Start[i], s.Start[i+1]
		for at := lo; at+1 < hi; at += o.Length {
			end := min(hi, at+o.Length+1)
			m.add(s.Tokens[at:end], s.Reply[at:end], o.marks(s, at, end))
		}
	}
	m.flush()
	l := Loss{All: m.all.Loss / max(m.all.Weight, 1), Reply: m.reply.Loss / max(m.reply.Weight, 1),
		Accuracy: m.reply.Correct / max(m.reply.Weight, 1), Tokens: int(m.all.Weight), Replies: int(m.reply.Weight)}
	if m.bytes > 0 {
		l.Bits = m.all.Loss / math.Ln2 / float64(m.bytes)
	}
	return l
}

// marks are those of Only beside the tokens at to end of a source; nil if all are targets.
func (o Options) marks(s *dataset.Shard, at, end int) []bool {
	if only, ok := o.Only[s.Source]; ok {
		return only[at:end]
	}
	return nil
}

// evalRows is the number of sequences measured in one pass.
const evalRows = 8

type measure struct {
	net           *backprop.Network
	o             Options
	batch         dataset.Batch
	marks         []bool
	all, reply    backprop.Stats
	tokens, bytes int
}

// add takes the tokens of one sequence, at most Length+1, the first of which is no
// target, nor are those that only leaves out.
func (m *measure) add(ids []uint16, reply, only []bool) {
	b := &m.batch
	b.Len = m.o.Length
	for j := range b.Len {
		token, target, weight, mark := int32(0), int32(0), float32(0), false
		if j+1 < len(ids) {
			token, target = int32(ids[j]), int32(ids[j+1])
			if only == nil || only[j+1] {
				weight, mark = 1, reply[j+1]
				m.tokens++
				if m.o.TokenBytes != nil {
					m.bytes += m.o.TokenBytes[target]
				}
			}
		}
		b.Tokens, b.Targets = append(b.Tokens, token), append(b.Targets, target)
		b.Weights, b.DocStart = append(b.Weights, weight), append(b.DocStart, 0)
		m.marks = append(m.marks, mark)
	}
	if b.Rows++; b.Rows == evalRows {
		m.flush()
	}
}

func (m *measure) flush() {
	b := &m.batch
	if b.Rows == 0 {
		return
	}
	a := m.net.Loss(b, backprop.Losses{})
	m.all.Loss, m.all.Weight = m.all.Loss+a.Loss, m.all.Weight+a.Weight
	for i := range b.Weights {
		if !m.marks[i] {
			b.Weights[i] = 0
		}
	}
	r := m.net.Loss(b, backprop.Losses{})
	m.reply.Loss, m.reply.Weight, m.reply.Correct = m.reply.Loss+r.Loss, m.reply.Weight+r.Weight, m.reply.Correct+r.Correct
	*b, m.marks = dataset.Batch{}, nil
}
