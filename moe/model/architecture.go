package model

import "math"

// architectures are the values of general.architecture that family knows.
var architectures = []string{"llama", "qwen2", "qwen2moe", "qwen3", "qwen3moe", "olmoe", "granite", "granitemoe", "phimoe", "gpt-oss", "deepseek2"}

// family reads the metadata of an architecture: what files say, and what the name
// alone says. It returns false for a name it does not know. Keys, defaults and the
// differences between families are those of llama.cpp (src/models/*.cpp and
// src/llama-model.cpp).
func (r *metaReader) family(c *Config) bool {
	r.common(c)
	experts := c.Experts > 0
	switch c.Architecture {
	case "llama": // Llama, Mistral and Mixtral
		r.expertWidth(c, c.Hidden)
	case "qwen2", "qwen3":
		experts = false
	case "qwen2moe", "qwen3moe":
		experts = true
		r.expertWidth(c, c.Hidden/max(1, c.TopK))
	case "olmoe", "phimoe", "gpt-oss":
		experts = true
	case "granite", "granitemoe", "deepseek2":
	default:
		return false
	}
	if experts != (c.Experts > 0) {
		r.fail("%s.expert_count is %d", r.arch, c.Experts)
	}
	switch c.Architecture {
	case "qwen2":
		c.RopeHalves = true
	case "qwen2moe":
		c.RopeHalves = true
		c.Router.Normalise = false
		c.SharedGate = true
		c.SharedHidden = r.size("expert_shared_feed_forward_length", r.count("feed_forward_length", maxHidden), maxHidden)
	case "qwen3", "qwen3moe":
		c.RopeHalves = true
		c.QKNorm = HeadQKNorm
	case "olmoe":
		c.RopeHalves = true
		c.QKNorm = WholeQKNorm
		c.Router.Normalise = false
	case "granite", "granitemoe":
		c.EmbedGain = r.gain("embedding_scale")
		c.ResidGain = r.gain("residual_scale")
		c.LogitGain = 1 / r.real("logit_scale", math.NaN(), 0, 1e9)
		if s := r.number("attention.scale"); s != 0 {
			c.AttentionScale = s
		}
		c.SharedHidden = r.count("expert_shared_feed_forward_length", maxHidden)
		if c.Architecture == "granite" && !r.flag("rope.scaling.finetuned", true) {
			c.RopeDims = 0 // the family's way of saying that there is no RoPE
		}
	case "phimoe":
		c.RopeHalves = true
		c.biases = biases{norms: true, heads: true, output: true}
	case "gpt-oss":
		c.RopeHalves = true
		c.Clamped = true
		c.biases = biases{heads: true, experts: true, sinks: true}
		c.Hidden = r.size("expert_feed_forward_length", 0, maxHidden)
		c.Window = r.size("attention.sliding_window", 0, 1<<24)
		c.WindowPeriod = r.size("attention.sliding_window_pattern", 2, maxLayers)
		if b := r.real("rope.freq_base_swa", c.RopeBase, 1, 1e12); b != c.RopeBase {
			r.fail("%s.rope.freq_base_swa is %g: another base for windowed layers is not supported", r.arch, b)
		}
	case "deepseek2":
		r.deepseek(c)
	}
	return true
}

// common reads what all architectures have.
func (r *metaReader) common(c *Config) {
	r.ignore("vocab_size", "embedding_length_out", "tensor_data_layout", "rope.scaling.finetuned",
		// written by converters for YaRN, and read by llama.cpp for other architectures than these
		"rope.scaling.yarn_ext_factor", "rope.scaling.yarn_attn_factor", "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow")
	c.Dim = r.size("embedding_length", 0, maxDim)
	c.Layers = r.size("block_count", 0, maxLayers)
	c.Heads = r.size("attention.head_count", 0, maxDim)
	c.KVHeads = r.size("attention.head_count_kv", c.Heads, maxDim)
	c.Context = r.size("context_length", 0, 1<<24)
	c.Hidden = r.count("feed_forward_length", maxHidden)
	c.NormEps = r.real("attention.layer_norm_rms_epsilon", math.NaN(), 0, 1)
	if c.Experts = r.count("expert_count", 1<<12); c.Experts > 0 {
		c.TopK = r.size("expert_used_count", 0, 1<<12)
		c.Router.Groups = r.count("expert_group_count", 1<<12)
		c.Router.GroupsUsed = r.count("expert_group_used_count", 1<<12)
	} else {
		r.ignore("expert_used_count", "expert_group_count", "expert_group_used_count")
	}
	if c.Architecture != "deepseek2" {
		if g := r.count("expert_gating_func", 1<<8); g != gatingNone && g != gatingSoftmax {
			r.fail("%s.expert_gating_func is %d, only softmax (%d) is supported here", r.arch, g, gatingSoftmax)
		}
	}
	if !r.flag("attention.causal", true) {
		r.fail("%s.attention.causal is false: this is no language model", r.arch)
	}
	if c.Heads > 0 && c.Dim > 0 {
		c.HeadDim = r.size("attention.key_length", max(1, c.Dim/c.Heads), maxDim)
		c.ValueDim = r.size("attention.value_length", max(1, c.Dim/c.Heads), maxDim)
		c.RopeDims = r.size("rope.dimension_count", c.HeadDim, maxDim)
	}
	c.AttentionScale = 1 / math.Sqrt(float64(max(1, c.HeadDim)))
	r.rope(c)
}

// expertWidth reads the width of an expert, which is def without the key; def 0
// makes it required.
func (r *metaReader) expertWidth(c *Config, def int) {
	if c.Experts > 0 {
		c.Hidden = r.size("expert_feed_forward_length", def, maxHidden)
	} else {
		r.ignore("expert_feed_forward_length")
	}
}

// rope reads how positions become angles.
func (r *metaReader) rope(c *Config) {
	c.RopeBase = r.real("rope.freq_base", 10000, 1, 1e12)
	c.RopeTokens = r.size("rope.scaling.original_context_length", max(1, c.Context), 1<<24)
	c.RopeGain = r.gain("rope.scaling.attn_factor")
	c.RopeScale = 1
	kind := r.text("rope.scaling.type")
	scale := r.gain("rope.scaling.factor")
	if old := r.gain("rope.scale_linear"); scale == 1 {
		scale = old
	}
	if scale < 0 {
		r.fail("%s.rope.scaling.factor is %g", r.arch, scale)
	}
	switch kind {
	case "none":
		return
	case "", "linear", "longrope":
	case "yarn":
		c.Yarn = true
		c.RopeGain *= yarnGain(scale, 1)
	default:
		r.fail("RoPE scaling %q is not supported, only \"none\", \"linear\", \"yarn\" and \"longrope\"", kind)
	}
	c.RopeScale = scale
}

// yarnGain is how much YaRN, stretching positions by scale, enlarges queries and
// keys: 1 + 0.1·log·ln(scale) (arXiv 2309.00071, equation 22).
func yarnGain(scale, log float64) float64 {
	if scale <= 1 {
		return 1
	}
	return 1 + 0.1*log*math.Log(scale)
}

// The numbers of expert_gating_func.
const (
	gatingNone    = 0 // as without the key
	gatingSoftmax = 1
	gatingSigmoid = 2
)

// deepseek reads what DeepSeek-V2, V3 and their kin have.
func (r *metaReader) deepseek(c *Config) {
	blocks, next := c.Layers, r.count("nextn_predict_layers", maxLayers)
	if c.foretold, c.Layers = next, c.Layers-next; next > 0 && c.Layers < 1 {
		r.fail("%s.nextn_predict_layers is %d, which leaves no layer", r.arch, next)
	}
	c.DenseHidden = c.Hidden
	c.DenseLayers = min(c.Layers, r.count("leading_dense_block_count", maxLayers))
	if c.Experts == 0 && c.DenseLayers < c.Layers {
		r.fail("%s.expert_count is missing", r.arch)
	}
	if hidden := r.size("expert_feed_forward_length", 0, maxHidden); c.Experts > 0 {
		c.Hidden = hidden
	}
	c.SharedHidden = c.Hidden * r.count("expert_shared_count", 1<<12)
	c.Router = Router{Normalise: r.flag("expert_weights_norm", false), Gain: r.gain("expert_weights_scale"), Groups: c.Router.Groups, GroupsUsed: c.Router.GroupsUsed, correction: true}
	switch g := r.count("expert_gating_func", 1<<8); g {
	case gatingNone: // files of DeepSeek-V2, and of GLM-4.7-Flash, which llama.cpp knows by its numbers
		c.Router.Sigmoid = (blocks == 47 || blocks == 48) && r.vocab() == 154880
	case gatingSoftmax:
	case gatingSigmoid:
		c.Router.Sigmoid = true
	default:
		r.fail("%s.expert_gating_func is %d, only softmax (%d) and sigmoid (%d) are supported", r.arch, g, gatingSoftmax, gatingSigmoid)
	}

	rank := r.size("attention.kv_lora_rank", 0, maxDim)
	key := r.size("attention.key_length_mla", max(1, c.HeadDim), maxDim)
	c.Latent = Latent{Rank: rank, QueryRank: r.count("attention.q_lora_rank", maxDim), Content: key - c.RopeDims,
		Value: r.size("attention.value_length_mla", max(1, c.ValueDim), maxDim)}
	if c.Latent.Content < 1 {
		r.fail("heads of %d elements with %d for the position leave none for content", key, c.RopeDims)
	}
	c.KVHeads, c.HeadDim, c.ValueDim = 1, rank+c.RopeDims, rank

	// llama.cpp's graph of this architecture scales scores by (gain · (1 + 0.1·log·ln
	// scale))² and undoes YaRN's own enlargement where the file has a multiplier.
	log := r.number("rope.scaling.yarn_log_multiplier") / 0.1
	gain := c.RopeGain
	switch {
	case c.Yarn && log != 0:
		c.RopeGain /= yarnGain(c.RopeScale, 1)
		gain = c.RopeGain
	case !c.Yarn:
		gain *= 1 + 0.1*math.Log(c.RopeScale)
	}
	gain *= 1 + 0.1*log*math.Log(c.RopeScale)
	c.AttentionScale = gain * gain / math.Sqrt(float64(max(1, key)))

	if c.Temperature.Scale = r.number("attention.temperature_scale"); c.Temperature.Scale != 0 {
		c.Temperature.Tokens = r.size("attention.temperature_length", 0, 1<<24)
	} else {
		r.ignore("attention.temperature_length")
	}
}
