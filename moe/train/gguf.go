package train

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"moebot/moe/backprop"
	"moebot/moe/gguf"
	"moebot/moe/model"
	"moebot/moe/quant"
	"moebot/moe/tensor"
	"moebot/moe/tokenizer"
)

// About is what a model file says of itself.
type About struct {
	Name, Description, License, Version string
}

// chatTemplate is the training format as other programs read it (Jinja).
const chatTemplate = `{{ '<|bos|>' }}{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}`

// Export writes a model as GGUF, architecture llama. Matrices get the type matrix, or
// the nearest that fits their rows; the router and the norms stay float32 (quant.Plan).
func Export(w io.Writer, c backprop.Config, weights []float32, vocab tokenizer.Spec, about About, matrix tensor.Type) error {
	if len(vocab.Tokens) != c.Vocab {
		return fmt.Errorf("export: the vocabulary has %d tokens, the model %d", len(vocab.Tokens), c.Vocab)
	}
	if !c.Gated() {
		return fmt.Errorf("export: experts of kind %q, model files of architecture llama hold %q alone", c.FFN, backprop.SwiGLU)
	}
	if !matrix.Writable() {
		return fmt.Errorf("export: type %v cannot be written", matrix)
	}
	var tensors []tensor.Tensor
	for _, p := range backprop.Params(c) {
		t := tensor.Tensor{Name: p.Name, Type: tensor.F32, Shape: p.Shape}
		t.Type = quant.Plan{Type: matrix}.TypeOf(t)
		t.Data = make([]byte, t.Type.Bytes(p.Len))
		tensor.Quantize(t.Data, t.Type, weights[p.Offset:p.Offset+p.Len])
		tensors = append(tensors, t)
	}
	return gguf.Write(w, append(metadata(c, about, matrix), VocabularyMetadata(vocab)...), tensors)
}

func metadata(c backprop.Config, about About, matrix tensor.Type) []gguf.KV {
	u := func(key string, v int) gguf.KV { return gguf.KV{Key: "llama." + key, Value: uint32(v)} }
	kv := []gguf.KV{{Key: "general.architecture", Value: "llama"}, {Key: "general.type", Value: "model"}}
	for _, s := range []struct{ key, value string }{{"name", about.Name}, {"description", about.Description}, {"license", about.License}, {"version", about.Version}} {
		if s.value != "" {
			kv = append(kv, gguf.KV{Key: "general." + s.key, Value: s.value})
		}
	}
	kv = append(kv, gguf.KV{Key: "general.file_type", Value: gguf.FileType(matrix)}, gguf.KV{Key: "general.quantization_version", Value: uint32(2)},
		u("vocab_size", c.Vocab), u("context_length", c.Context), u("embedding_length", c.Dim), u("block_count", c.Layers), u("feed_forward_length", c.Hidden),
		u("attention.head_count", c.Heads), u("attention.head_count_kv", c.KVHeads), u("attention.key_length", c.HeadDim), u("attention.value_length", c.HeadDim),
		u("rope.dimension_count", c.HeadDim))
	if !c.Dense() {
		kv = append(kv, u("expert_count", c.Experts), u("expert_used_count", c.TopK))
	}
	return append(kv, gguf.KV{Key: "llama.rope.freq_base", Value: float32(c.RopeBase)},
		gguf.KV{Key: "llama.attention.layer_norm_rms_epsilon", Value: float32(c.NormEps)})
}

// VocabularyMetadata is a vocabulary as GGUF metadata.
func VocabularyMetadata(s tokenizer.Spec) []gguf.KV {
	kinds := make([]int32, len(s.Tokens))
	for i := range kinds {
		kinds[i] = int32(tokenizer.Normal)
		if s.Kinds != nil {
			kinds[i] = int32(s.Kinds[i])
		}
	}
	template := s.ChatTemplate
	if template == "" && slices.Contains(s.Tokens, "<|assistant|>") {
		template = chatTemplate
	}
	kv := []gguf.KV{{Key: "tokenizer.ggml.model", Value: s.Model}, {Key: "tokenizer.ggml.tokens", Value: s.Tokens}, {Key: "tokenizer.ggml.token_type", Value: kinds}}
	if s.Model == "llama" {
		kv = append(kv, gguf.KV{Key: "tokenizer.ggml.scores", Value: s.Scores}, gguf.KV{Key: "tokenizer.ggml.add_space_prefix", Value: !s.NoSpacePrefix})
	} else {
		kv = append(kv, gguf.KV{Key: "tokenizer.ggml.pre", Value: s.Pre}, gguf.KV{Key: "tokenizer.ggml.merges", Value: s.Merges})
	}
	for _, id := range []struct {
		key string
		id  int32
	}{{"bos", s.BOS}, {"eos", s.EOS}, {"eot", s.EOT}, {"padding", s.Pad}} {
		if id.id >= 0 {
			kv = append(kv, gguf.KV{Key: "tokenizer.ggml." + id.key + "_token_id", Value: uint32(id.id)})
		}
	}
	if template != "" {
		kv = append(kv, gguf.KV{Key: "tokenizer.chat_template", Value: template})
	}
	return append(kv, gguf.KV{Key: "tokenizer.ggml.add_bos_token", Value: s.AddBOS}, gguf.KV{Key: "tokenizer.ggml.add_eos_token", Value: s.AddEOS})
}

// Import reads a model file for training or measuring: its shape, its weights as
// float32 and its tokenizer. It must be of the kind that Export writes.
func Import(f *gguf.File) (backprop.Config, []float32, *tokenizer.Tokenizer, error) {
	c, w, err := importWeights(f)
	if err != nil {
		return c, nil, nil, err
	}
	tok, err := model.Tokenizer(f)
	return c, w, tok, err
}

func importWeights(f *gguf.File) (backprop.Config, []float32, error) {
	m, err := model.Load(f)
	if err != nil {
		return backprop.Config{}, nil, err
	}
	mc := m.Config
	if mc.Architecture != "llama" {
		return backprop.Config{}, nil, fmt.Errorf("architecture %q cannot be trained here, only \"llama\"", mc.Architecture)
	}
	if mc.Yarn || mc.RopeGain != 1 || mc.ValueDim != mc.HeadDim || mc.Router.Groups > 1 {
		return backprop.Config{}, nil, errors.New("YaRN, values of another width than keys and groups of experts cannot be trained here")
	}
	if mc.RopeDims != mc.HeadDim || mc.RopeScale != 1 {
		return backprop.Config{}, nil, fmt.Errorf("RoPE over %d of %d elements with scale %g cannot be trained here", mc.RopeDims, mc.HeadDim, mc.RopeScale)
	}
	c := backprop.Config{Vocab: mc.Vocab, Dim: mc.Dim, Layers: mc.Layers, Heads: mc.Heads, KVHeads: mc.KVHeads, HeadDim: mc.HeadDim, Hidden: mc.Hidden,
		Experts: max(mc.Experts, 1), TopK: max(mc.TopK, 1), Context: mc.Context, RopeBase: mc.RopeBase, NormEps: mc.NormEps, Tied: m.Tied()}
	total, _ := c.Parameters()
	w := make([]float32, total)
	for _, p := range backprop.Params(c) {
		t, ok := f.Tensor(p.Name)
		if !ok || t.Len() != p.Len {
			return c, nil, fmt.Errorf("tensor %s is not there in the form that training needs", p.Name)
		}
		tensor.Dequantize(w[p.Offset:p.Offset+p.Len], t.Type, t.Data)
	}
	if n, _ := m.Parameters(); n != total {
		return c, nil, fmt.Errorf("the file has %d weights, training knows %d: biases, RoPE factors or fused projections cannot be trained here", n, total)
	}
	return c, w, nil
}
