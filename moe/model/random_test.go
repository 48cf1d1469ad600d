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

// shape is that of a model with random weights. What is zero is left out.
type shape struct {
	arch                                                  string // llama if empty
	vocab, dim, layers, heads, kvHeads, headDim, ropeDims int
	hidden, experts, topK                                 int // experts 0 is a dense FFN
	tied                                                  bool
	ropeBase, ropeScale                                   float64

	qkNorm                                            QKNorm
	qkvBias, outBias, normBias, expertBias, vocabBias bool
	sinks, halves, clamped                            bool
	window, period                                    int // every period-th layer sees all
	noNorm, sigmoid, correction                       bool
	routerGain                                        float64
	groups, groupsUsed                                int
	shared                                            int
	sharedGate                                        bool
	embedGain, residGain, logitScale, attnScale       float64
	yarn                                              bool
	original                                          int // context window before scaling
	factors                                           string
	ropeGain, logMultiplier                           float64
	denseLayers, denseHidden                          int
	rank, queryRank, content, value                   int // latent attention
	merged                                            bool
	temperature                                       float64
	temperatureTokens                                 int
	fusedQKV, fusedGateUp, noRope                     bool
	expertKey                                         bool      // the experts' width has a key of its own
	extra                                             []gguf.KV // keys that change nothing
	secondNorm                                        string
}

// mixtral is the shape of a small model with experts, or of a dense one.
func mixtral(experts int) *file {
	return shape{vocab: 24, dim: 32, layers: 2, heads: 4, kvHeads: 2, headDim: 8, hidden: 32, experts: experts, topK: 2, tied: true}.file(tensor.F32, uint64(experts))
}

// filled is the shape with defaults put in.
func (s shape) filled() shape {
	def := func(x *float64, v float64) {
		if *x == 0 {
			*x = v
		}
	}
	if s.arch == "" {
		s.arch = "llama"
	}
	if s.ropeDims == 0 {
		s.ropeDims = s.headDim
	}
	if s.secondNorm == "" {
		s.secondNorm = "ffn_norm"
	}
	def(&s.ropeBase, 10000)
	def(&s.ropeScale, 1)
	def(&s.routerGain, 1)
	def(&s.embedGain, 1)
	def(&s.residGain, 1)
	def(&s.logitScale, 1)
	def(&s.ropeGain, 1)
	def(&s.attnScale, 1/sqrt(s.headDim))
	if s.original == 0 {
		s.original = 64
	}
	return s
}

// metadata is what a file of the shape says of it.
func (s shape) metadata() *file {
	f := s.filled()
	out := &file{meta: []gguf.KV{{Key: "general.architecture", Value: f.arch}}}
	set := func(key string, v any) { out.set(f.arch+"."+key, v) }
	count := func(key string, n int) {
		if n != 0 {
			set(key, uint32(n))
		}
	}
	number := func(key string, x float64) {
		if x != 0 {
			set(key, float32(x))
		}
	}
	for _, kv := range s.extra {
		set(kv.Key, kv.Value)
	}
	count("context_length", 64)
	count("vocab_size", s.vocab)
	count("embedding_length", s.dim)
	count("block_count", s.layers)
	count("attention.head_count", s.heads)
	number("attention.layer_norm_rms_epsilon", 1e-5)
	if s.rank == 0 {
		count("attention.head_count_kv", s.kvHeads)
		count("attention.key_length", s.headDim)
		count("attention.value_length", s.headDim)
		count("rope.dimension_count", f.ropeDims)
	} else {
		count("rope.dimension_count", s.ropeDims)
		count("attention.kv_lora_rank", s.rank)
		count("attention.q_lora_rank", s.queryRank)
		if s.merged {
			count("attention.head_count_kv", s.heads)
			count("attention.key_length", s.content+s.ropeDims)
			count("attention.value_length", s.value)
		} else {
			count("attention.head_count_kv", 1)
			count("attention.key_length", s.rank+s.ropeDims)
			count("attention.value_length", s.rank)
			count("attention.key_length_mla", s.content+s.ropeDims)
			count("attention.value_length_mla", s.value)
		}
		set("leading_dense_block_count", uint32(s.denseLayers))
		if !s.noNorm {
			set("expert_weights_norm", true)
		}
		number("expert_weights_scale", s.routerGain)
		set("expert_shared_count", uint32(s.shared/max(1, s.hidden)))
		number("rope.scaling.yarn_log_multiplier", s.logMultiplier)
		number("attention.temperature_scale", s.temperature)
		count("attention.temperature_length", s.temperatureTokens)
	}
	if s.sigmoid {
		count("expert_gating_func", 2)
	}
	count("feed_forward_length", max(s.hidden, s.denseHidden))
	if s.expertKey {
		count("feed_forward_length", s.hidden+max(s.denseHidden, 8))
		count("expert_feed_forward_length", s.hidden)
	}
	if s.denseHidden > 0 {
		count("feed_forward_length", s.denseHidden)
	}
	count("expert_count", s.experts)
	if s.experts > 0 {
		count("expert_used_count", s.topK)
	}
	count("expert_group_count", s.groups)
	count("expert_group_used_count", s.groupsUsed)
	if s.rank == 0 {
		count("expert_shared_feed_forward_length", s.shared)
	}
	number("rope.freq_base", s.ropeBase)
	switch {
	case s.yarn:
		set("rope.scaling.type", "yarn")
	case s.factors == "long" || s.factors == "short":
		set("rope.scaling.type", "longrope")
	case s.ropeScale != 0:
		set("rope.scaling.type", "linear")
	}
	number("rope.scaling.factor", s.ropeScale)
	count("rope.scaling.original_context_length", s.original)
	number("rope.scaling.attn_factor", s.ropeGain)
	number("embedding_scale", s.embedGain)
	number("residual_scale", s.residGain)
	number("logit_scale", s.logitScale)
	number("attention.scale", s.attnScale)
	count("attention.sliding_window", s.window)
	if s.noRope {
		set("rope.scaling.finetuned", false)
	}
	return out
}

// file makes a model: matrices of the type given, the rest F32. The weights are such
// that activations stay of order one and experts and positions matter.
func (s shape) file(typ tensor.Type, seed uint64) *file {
	rng := rand.New(rand.NewPCG(1, seed))
	out := s.metadata()
	s = s.filled()
	add := func(name string, typ tensor.Type, mean, dev float64, dims ...int) {
		t := tensor.Tensor{Name: name, Type: typ, Shape: dims}
		x := make([]float32, t.Len())
		for i := range x {
			x[i] = float32(mean + dev*rng.NormFloat64())
		}
		t.Data = make([]byte, typ.Bytes(len(x)))
		tensor.Quantize(t.Data, typ, x)
		out.tensors = append(out.tensors, t)
	}
	matrix := func(name string, dims ...int) { add(name+".weight", typ, 0, 1/sqrt(dims[len(dims)-1]), dims...) }
	bias := func(present bool, name string, dims ...int) {
		if present {
			add(name+".bias", tensor.F32, 0, 0.3, dims...)
		}
	}
	vector := func(name string, n int) { add(name+".weight", tensor.F32, 1, 0.2, n) }
	add("token_embd.weight", typ, 0, 1, s.vocab, s.dim)
	if !s.tied {
		matrix("output", s.vocab, s.dim)
	}
	bias(s.vocabBias, "output", s.vocab)
	vector("output_norm", s.dim)
	bias(s.normBias, "output_norm", s.dim)
	switch s.factors {
	case "all":
		add("rope_freqs.weight", tensor.F32, 3, 0.5, s.ropeDims/2)
	case "long", "short":
		add("rope_factors_long.weight", tensor.F32, 3, 0.5, s.ropeDims/2)
		add("rope_factors_short.weight", tensor.F32, 1.5, 0.2, s.ropeDims/2)
	}
	for l := range s.layers {
		n := func(p string) string { return fmt.Sprintf("blk.%d.%s", l, p) }
		vector(n("attn_norm"), s.dim)
		bias(s.normBias, n("attn_norm"), s.dim)
		vector(n(s.secondNorm), s.dim)
		bias(s.normBias, n(s.secondNorm), s.dim)
		qd, kd := s.heads*s.headDim, s.kvHeads*s.headDim
		switch {
		case s.rank > 0:
			head := s.content + s.ropeDims
			if s.queryRank > 0 {
				matrix(n("attn_q_a"), s.queryRank, s.dim)
				vector(n("attn_q_a_norm"), s.queryRank)
				matrix(n("attn_q_b"), s.heads*head, s.queryRank)
			} else {
				matrix(n("attn_q"), s.heads*head, s.dim)
			}
			matrix(n("attn_kv_a_mqa"), s.rank+s.ropeDims, s.dim)
			vector(n("attn_kv_a_norm"), s.rank)
			if s.merged {
				matrix(n("attn_kv_b"), s.heads*(s.content+s.value), s.rank)
			} else {
				add(n("attn_k_b.weight"), typ, 0, 1/sqrt(s.rank), s.heads, s.rank, s.content)
				matrix(n("attn_v_b"), s.heads, s.value, s.rank)
			}
			matrix(n("attn_output"), s.dim, s.heads*s.value)
		case s.fusedQKV:
			matrix(n("attn_qkv"), qd+2*kd, s.dim)
			bias(s.qkvBias, n("attn_qkv"), qd+2*kd)
			matrix(n("attn_output"), s.dim, qd)
		default:
			matrix(n("attn_q"), qd, s.dim)
			matrix(n("attn_k"), kd, s.dim)
			matrix(n("attn_v"), kd, s.dim)
			bias(s.qkvBias, n("attn_q"), qd)
			bias(s.qkvBias, n("attn_k"), kd)
			bias(s.qkvBias, n("attn_v"), kd)
			matrix(n("attn_output"), s.dim, qd)
		}
		bias(s.outBias, n("attn_output"), s.dim)
		switch s.qkNorm {
		case HeadQKNorm:
			vector(n("attn_q_norm"), s.headDim)
			vector(n("attn_k_norm"), s.headDim)
		case WholeQKNorm:
			vector(n("attn_q_norm"), qd)
			vector(n("attn_k_norm"), kd)
		}
		if s.sinks {
			add(n("attn_sinks.weight"), tensor.F32, 1, 1, s.heads)
		}
		if s.experts == 0 || l < s.denseLayers {
			width := max(s.hidden, s.denseHidden)
			if s.denseHidden > 0 {
				width = s.denseHidden
			}
			matrix(n("ffn_gate"), width, s.dim)
			matrix(n("ffn_up"), width, s.dim)
			matrix(n("ffn_down"), s.dim, width)
			continue
		}
		add(n("ffn_gate_inp.weight"), tensor.F32, 0, 2/sqrt(s.dim), s.experts, s.dim)
		bias(s.expertBias, n("ffn_gate_inp"), s.experts)
		bias(s.correction, n("exp_probs_b"), s.experts)
		if s.fusedGateUp {
			matrix(n("ffn_gate_up_exps"), s.experts, 2*s.hidden, s.dim)
		} else {
			matrix(n("ffn_gate_exps"), s.experts, s.hidden, s.dim)
			matrix(n("ffn_up_exps"), s.experts, s.hidden, s.dim)
		}
		matrix(n("ffn_down_exps"), s.experts, s.dim, s.hidden)
		bias(s.expertBias, n("ffn_gate_exps"), s.experts, s.hidden)
		bias(s.expertBias, n("ffn_up_exps"), s.experts, s.hidden)
		bias(s.expertBias, n("ffn_down_exps"), s.experts, s.dim)
		if s.shared > 0 {
			matrix(n("ffn_gate_shexp"), s.shared, s.dim)
			matrix(n("ffn_up_shexp"), s.shared, s.dim)
			matrix(n("ffn_down_shexp"), s.dim, s.shared)
			if s.sharedGate {
				add(n("ffn_gate_inp_shexp.weight"), tensor.F32, 0, 2/sqrt(s.dim), s.dim)
			}
		}
	}
	return out
}

func newCache(m *Model, limit int) *kvcache.Cache { return m.Config.NewCache(tensor.F32, limit) }

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
