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
	Rows       int   // sequences measured in one pass at most, which with Length bounds the memory; 0 is 8
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
	if m.o.Rows == 0 {
		m.o.Rows = 8
	}
	for i := 0; i < s.Sequences() && (m.tokens < o.MaxTokens || o.MaxTokens <= 0); i++ {
		lo, hi := s.Start[i], s.Start[i+1]
		for at := lo; at+1 < hi; at += o.Length {
			end := min(hi, at+o.Length+1)
			m.add(row{s.Tokens[at:end], s.Reply[at:end], o.marks(s, at, end)})
		}
	}
	m.flush()
	prompt, reply := m.sums[0], m.sums[1]
	tokens := prompt.Weight + reply.Weight
	l := Loss{All: (prompt.Loss + reply.Loss) / max(tokens, 1), Reply: reply.Loss / max(reply.Weight, 1),
		Accuracy: reply.Correct / max(reply.Weight, 1), Tokens: int(tokens), Replies: int(reply.Weight)}
	if m.bytes > 0 {
		l.Bits = (prompt.Loss + reply.Loss) / math.Ln2 / float64(m.bytes)
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

type measure struct {
	net           *backprop.Network
	o             Options
	rows          []row
	batch         dataset.Batch
	sums          [2]backprop.Sum // of what the assistant did not say and of what it said
	tokens, bytes int
}

// row is one sequence of at most Length+1 tokens with marks beside them. The first token
// is no target, nor are those that only leaves out.
type row struct {
	ids         []uint16
	reply, only []bool // only may be nil
}

func (r row) target(i int) bool { return i < len(r.ids) && (r.only == nil || r.only[i]) }

func (m *measure) add(r row) {
	for i := 1; i < len(r.ids); i++ {
		if r.target(i) {
			m.tokens++
			if m.o.TokenBytes != nil {
				m.bytes += m.o.TokenBytes[r.ids[i]]
			}
		}
	}
	if m.rows = append(m.rows, r); len(m.rows) == m.o.Rows {
		m.flush()
	}
}

func (m *measure) flush() {
	if len(m.rows) == 0 {
		return
	}
	b := &m.batch
	b.Rows, b.Len = len(m.rows), 0
	for _, r := range m.rows {
		b.Len = max(b.Len, len(r.ids)-1)
	}
	b.Tokens, b.Targets, b.Weights, b.DocStart, b.Sources = b.Tokens[:0], b.Targets[:0], b.Weights[:0], b.DocStart[:0], b.Sources[:0]
	for _, r := range m.rows {
		for i := range b.Len {
			var token, target, said int32
			var weight float32
			if i+1 < len(r.ids) {
				token, target = int32(r.ids[i]), int32(r.ids[i+1])
			}
			if r.target(i + 1) {
				weight = 1
				if r.reply[i+1] {
					said = 1
				}
			}
			b.Tokens, b.Targets, b.Weights = append(b.Tokens, token), append(b.Targets, target), append(b.Weights, weight)
			b.DocStart, b.Sources = append(b.DocStart, 0), append(b.Sources, said)
		}
	}
	for i, s := range m.net.Loss(b, backprop.Losses{}).Sources {
		t := &m.sums[i]
		t.Loss, t.Weight, t.Correct = t.Loss+s.Loss, t.Weight+s.Weight, t.Correct+s.Correct
	}
	m.rows = m.rows[:0]
}
