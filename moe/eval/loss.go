// Package eval measures a model on text that it was not trained on.
package eval

import (
	"moebot/moe/backprop"
	"moebot/moe/dataset"
)

// Loss is a model's cross-entropy on one source.
type Loss struct {
	All      float64 `json:"all"`      // nats per token, every token a target
	Reply    float64 `json:"reply"`    // nats per token the assistant said (in text: every token)
	Accuracy float64 `json:"accuracy"` // share of reply tokens that the largest logit named
	Tokens   int     `json:"tokens"`   // targets measured in All
	Replies  int     `json:"replies"`  // targets measured in Reply
}

// Sources measures each shard, on its first sequences up to maxTokens tokens, in
// rows of at most length tokens; longer sequences are cut.
func Sources(net *backprop.Network, shards []*dataset.Shard, length, maxTokens int) map[string]Loss {
	out := map[string]Loss{}
	for _, s := range shards {
		out[s.Source] = source(net, s, length, maxTokens)
	}
	return out
}

func source(net *backprop.Network, s *dataset.Shard, length, maxTokens int) Loss {
	var all, reply backprop.Stats
	const rows = 8
	flush := func(b *dataset.Batch, marks []bool) {
		if b.Rows == 0 {
			return
		}
		a := net.Loss(b, backprop.Losses{})
		all.Loss, all.Weight = all.Loss+a.Loss, all.Weight+a.Weight
		for i := range b.Weights {
			if !marks[i] {
				b.Weights[i] = 0
			}
		}
		r := net.Loss(b, backprop.Losses{})
		reply.Loss, reply.Weight, reply.Correct = reply.Loss+r.Loss, reply.Weight+r.Weight, reply.Correct+r.Correct
	}
	b, marks := newBatch(length), []bool(nil)
	tokens := 0
	for i := 0; i < s.Sequences() && (tokens < maxTokens || maxTokens <= 0); i++ {
		ids, mark := s.Tokens[s.Start[i]:s.Start[i+1]], s.Reply[s.Start[i]:s.Start[i+1]]
		n := min(len(ids)-1, length)
		if n < 1 {
			continue
		}
		for j := range length {
			if j < n {
				b.Tokens = append(b.Tokens, int32(ids[j]))
				b.Targets = append(b.Targets, int32(ids[j+1]))
				b.Weights = append(b.Weights, 1)
				marks = append(marks, mark[j+1])
			} else {
				b.Tokens, b.Targets, b.Weights = append(b.Tokens, 0), append(b.Targets, 0), append(b.Weights, 0)
				marks = append(marks, false)
			}
			b.DocStart = append(b.DocStart, 0)
		}
		tokens += n
		if b.Rows++; b.Rows == rows {
			flush(b, marks)
			b, marks = newBatch(length), nil
		}
	}
	flush(b, marks)
	return Loss{All: all.Loss / max(all.Weight, 1), Reply: reply.Loss / max(reply.Weight, 1), Accuracy: reply.Correct / max(reply.Weight, 1),
		Tokens: int(all.Weight), Replies: int(reply.Weight)}
}

func newBatch(length int) *dataset.Batch { return &dataset.Batch{Len: length} }
