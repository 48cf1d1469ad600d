package model

import (
	"fmt"
	"math"
	"math/rand/v2"

	"moebot/moe/gguf"
	"moebot/moe/kvcache"
	"moebot/moe/tensor"
)

// file is a model file in the making, to be spoilt by tests.
type file struct {
	meta    []gguf.KV
	tensors []tensor.Tensor
}

// shape is that of a model with random weights.
type shape struct {
	vocab, dim, layers, heads, kvHeads, headDim, ropeDims int
	hidden, experts, topK                                 int // experts 0 is a dense FFN
	tied                                                  bool
	ropeBase, ropeScale                                   float64 // 0 leaves the key out
}

// mixtral is the shape of a small model with experts, or of a dense one.
func mixtral(experts int) *file {
	return shape{vocab: 24, dim: 32, layers: 2, heads: 4, kvHeads: 2, headDim: 8, hidden: 32, experts: experts, topK: 2, tied: true}.file(tensor.F32, uint64(experts))
}

// file makes a model: matrices of the type given, router and norms F32. The weights
// are such that activations stay of order one and experts and positions matter.
func (s shape) file(typ tensor.Type, seed uint64) *file {
	rng := rand.New(rand.NewPCG(1, seed))
	if s.ropeDims == 0 {
		s.ropeDims = s.headDim
	}
	out := &file{meta: []gguf.KV{{Key: "general.architecture", Value: "llama"}, {Key: "llama.context_length", Value: uint32(64)},
		{Key: "llama.embedding_length", Value: uint32(s.dim)}, {Key: "llama.block_count", Value: uint32(s.layers)}, {Key: "llama.feed_forward_length", Value: uint32(s.hidden)},
		{Key: "llama.attention.head_count", Value: uint32(s.heads)}, {Key: "llama.attention.head_count_kv", Value: uint32(s.kvHeads)},
		{Key: "llama.attention.key_length", Value: uint32(s.headDim)}, {Key: "llama.attention.value_length", Value: uint32(s.headDim)},
		{Key: "llama.rope.dimension_count", Value: uint32(s.ropeDims)}, {Key: "llama.attention.layer_norm_rms_epsilon", Value: float32(1e-5)}}}
	if s.experts > 0 {
		out.set("llama.expert_count", uint32(s.experts))
		out.set("llama.expert_used_count", uint32(s.topK))
	}
	if s.ropeBase != 0 {
		out.set("llama.rope.freq_base", float32(s.ropeBase))
	}
	if s.ropeScale != 0 {
		out.set("llama.rope.scaling.type", "linear")
		out.set("llama.rope.scaling.factor", float32(s.ropeScale))
	}
	add := func(name string, typ tensor.Type, mean, dev float64, dims ...int) {
		t := tensor.Tensor{Name: name + ".weight", Type: typ, Shape: dims}
		x := make([]float32, t.Len())
		for i := range x {
			x[i] = float32(mean + dev*rng.NormFloat64())
		}
		t.Data = make([]byte, typ.Bytes(len(x)))
		tensor.Quantize(t.Data, typ, x)
		out.tensors = append(out.tensors, t)
	}
	matrix := func(name string, dims ...int) { add(name, typ, 0, 1/sqrt(dims[len(dims)-1]), dims...) }
	vector := func(name string) { add(name, tensor.F32, 1, 0.2, s.dim) }
	add("token_embd", typ, 0, 1, s.vocab, s.dim)
	if !s.tied {
		matrix("output", s.vocab, s.dim)
	}
	vector("output_norm")
	for l := range s.layers {
		n := func(p string) string { return fmt.Sprintf("blk.%d.%s", l, p) }
		vector(n("attn_norm"))
		vector(n("ffn_norm"))
		matrix(n("attn_q"), s.heads*s.headDim, s.dim)
		matrix(n("attn_k"), s.kvHeads*s.headDim, s.dim)
		matrix(n("attn_v"), s.kvHeads*s.headDim, s.dim)
		matrix(n("attn_output"), s.dim, s.heads*s.headDim)
		if s.experts == 0 {
			matrix(n("ffn_gate"), s.hidden, s.dim)
			matrix(n("ffn_up"), s.hidden, s.dim)
			matrix(n("ffn_down"), s.dim, s.hidden)
			continue
		}
		add(n("ffn_gate_inp"), tensor.F32, 0, 2/sqrt(s.dim), s.experts, s.dim)
		matrix(n("ffn_gate_exps"), s.experts, s.hidden, s.dim)
		matrix(n("ffn_up_exps"), s.experts, s.hidden, s.dim)
		matrix(n("ffn_down_exps"), s.experts, s.dim, s.hidden)
	}
	return out
}

func newCache(m *Model, limit int) *kvcache.Cache {
	return kvcache.New(m.Config.Layers, m.Config.KVHeads*m.Config.HeadDim, limit)
}

// randomBatch is n tokens of one sequence, no logits wanted.
func randomBatch(m *Model, cache *kvcache.Cache, n int) []Input {
	rng := rand.New(rand.NewPCG(7, uint64(n)))
	batch := make([]Input, n)
	for i := range batch {
		batch[i] = Input{ID: int32(rng.IntN(m.Config.Vocab)), Cache: cache}
	}
	return batch
}

func sqrt(n int) float64 { return math.Sqrt(float64(n)) }
