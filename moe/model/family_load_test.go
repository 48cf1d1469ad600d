package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"moebot/moe/gguf"
	"moebot/moe/tensor"
)

// What a family must have is missed by name, and what it does not have is foreign.
func TestLoadKnowsTheFamilies(t *testing.T) {
	for name, s := range families {
		for _, x := range s.file(tensor.F32, 1).tensors {
			if strings.HasPrefix(x.Name, "blk.") && !strings.HasPrefix(x.Name, "blk.0.") && !strings.HasPrefix(x.Name, fmt.Sprintf("blk.%d.", s.layers-1)) {
				continue
			}
			f := s.file(tensor.F32, 1)
			f.tensor(x.Name).Name = "stranger"
			_, err := f.load(t)
			optional := strings.HasSuffix(x.Name, "attn_q.bias") || strings.HasSuffix(x.Name, "attn_k.bias") || strings.HasSuffix(x.Name, "attn_v.bias") ||
				strings.HasSuffix(x.Name, "exp_probs_b.bias") || x.Name == "output.weight" || strings.HasPrefix(x.Name, "rope_f") || s.arch == "" && strings.HasSuffix(x.Name, "bias")
			if err == nil {
				t.Errorf("%s without %s: no error", name, x.Name)
			} else if !strings.Contains(err.Error(), `"stranger" is not part`) {
				t.Errorf("%s with a tensor of another name: %v", name, err)
			} else if !optional && !s.merged && !s.fusedGateUp && !strings.Contains(err.Error(), "tensor "+x.Name+" is missing") {
				t.Errorf("%s without %s: %v", name, x.Name, err)
			}
		}
		f := s.file(tensor.F32, 1)
		arch := s.filled().arch
		f.set(arch+".expert_latent_length", uint32(4))
		if _, err := f.load(t); err == nil || !strings.Contains(err.Error(), arch+".expert_latent_length") {
			t.Errorf("%s with a key that it does not have: %v", name, err)
		}
	}
}

// Metadata that lies must be refused or give a model that runs, whatever it lies
// about: numbers that contradict each other and the tensors, of wrong types, none.
func TestMetadataThatLies(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	rng := rand.New(rand.NewPCG(8, 8))
	values := []any{uint32(0), uint32(1), uint32(2), uint32(3), uint32(5), uint32(8), uint32(1 << 16), uint32(math.MaxUint32), float32(0), float32(-1), float32(0.5), float32(1e30),
		float32(math.NaN()), float32(math.Inf(1)), true, false, "yarn", "none", ""}
	loaded := 0
	for name, s := range families {
		if name == "deepseek2-lite" { // as the others of its family, with many layers
			continue
		}
		for range rounds {
			f := s.file(tensor.F32, 1)
			for range 1 + rng.IntN(3) {
				kv := &f.meta[1+rng.IntN(len(f.meta)-1)]
				switch rng.IntN(3) {
				case 0:
					f.drop(kv.Key)
				case 1:
					kv.Value = values[rng.IntN(len(values))]
				default:
					if n, ok := kv.Value.(uint32); ok {
						kv.Value = n + uint32(rng.IntN(5)) - 2
					}
				}
			}
			m, err := f.load(t)
			if err != nil {
				continue
			}
			loaded++
			scratch, cache := m.NewScratch(nil, 3), newCache(m, 40)
			for range 3 {
				m.Forward(scratch, []Input{{1, cache, false}, {2, cache, false}, {3, cache, true}})
			}
		}
	}
	if loaded < rounds {
		t.Errorf("only %d of the models load: most of this test is idle", loaded)
	}
}

// Converters write keys that change nothing, and layers that foretell further tokens.
func TestHarmlessKeysAndLayers(t *testing.T) {
	for name, s := range families {
		want := logits(t, s.file(tensor.F32, 1), nil)
		f, arch := s.file(tensor.F32, 1), s.filled().arch
		for key, v := range map[string]any{"embedding_length_out": uint32(s.dim), "tensor_data_layout": "reference", "attention.causal": true,
			"rope.scaling.yarn_ext_factor": float32(1), "rope.scaling.yarn_attn_factor": float32(1), "rope.scaling.yarn_beta_fast": float32(32), "rope.scaling.yarn_beta_slow": float32(1)} {
			f.set(arch+"."+key, v)
		}
		for key, v := range map[string]any{"attention.head_dim": uint32(128), "attention.layer_norm_epsilon": float32(0.5), "norm_top_k_prob": !s.noNorm, "expert_weights_norm": !s.noNorm} {
			f.set(arch+"."+key, v)
		}
		if arch != "deepseek2" {
			f.set(arch+".rope.scaling.yarn_log_multiplier", float32(1))
			f.set(arch+".expert_weights_scale", float32(1))
		}
		if arch != "gpt-oss" {
			f.set(arch+".attention.sliding_window", uint32(2))
		}
		if !s.expertKey && s.experts > 0 && arch != "llama" && arch != "deepseek2" {
			f.set(arch+".expert_feed_forward_length", uint32(s.hidden+1))
		}
		if s.groups == 0 && s.experts > 0 {
			f.set(arch+".expert_group_count", uint32(1))
			f.set(arch+".expert_group_used_count", uint32(1))
		}
		if !s.sigmoid {
			f.set(arch+".expert_gating_func", uint32(1))
		}
		if !s.noRope {
			f.set(arch+".rope.scaling.finetuned", true)
		}
		if arch == "deepseek2" {
			f.set(arch+".block_count", uint32(s.layers+1))
			f.set(arch+".nextn_predict_layers", uint32(1))
			for _, part := range []string{"nextn.eh_proj", "attn_norm"} {
				f.tensors = append(f.tensors, tensor.Tensor{Name: fmt.Sprintf("blk.%d.%s.weight", s.layers, part), Type: tensor.F32, Shape: []int{2}, Data: make([]byte, 8)})
			}
		}
		if got := logits(t, f, nil); !slices.Equal(got, want) {
			t.Errorf("%s: other logits", name)
		}
	}
}

// Files without expert_gating_func, or with 0, are of a time when one family had sigmoids.
func TestGatingThatIsNotSaid(t *testing.T) {
	for _, tc := range []struct {
		name         string
		gating       any // expert_gating_func; nil for none
		layers       int
		vocab        any // vocab_size; nil for none
		tokens, next int
		want         bool
	}{
		{"not said", nil, 4, nil, 8, 0, false},
		{"said to be none", uint32(0), 4, nil, 8, 0, false},
		{"softmax", uint32(1), 47, uint32(154880), 8, 0, false},
		{"sigmoid", uint32(2), 4, nil, 8, 0, true},
		{"47 layers of a large vocabulary", nil, 47, uint32(154880), 8, 0, true},
		{"48, one of which foretells", uint32(0), 48, uint32(154880), 8, 1, true},
		{"46 layers", nil, 46, uint32(154880), 8, 0, false},
		{"49, two of which foretell", nil, 49, uint32(154880), 8, 2, false},
		{"another vocabulary", nil, 47, uint32(154881), 154880, 0, false},
		{"the vocabulary itself is counted", nil, 47, nil, 154880, 0, true},
	} {
		s := families["deepseek2-v3"]
		s.sigmoid = false
		f := s.metadata()
		f.set("deepseek2.block_count", uint32(tc.layers))
		f.set("tokenizer.ggml.tokens", make([]string, tc.tokens))
		f.drop("deepseek2.vocab_size")
		if tc.vocab != nil {
			f.set("deepseek2.vocab_size", tc.vocab)
		}
		if tc.gating != nil {
			f.set("deepseek2.expert_gating_func", tc.gating)
		}
		f.set("deepseek2.nextn_predict_layers", uint32(tc.next))
		g, err := gguf.Parse(f.bytes(t))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := readConfig(g); err != nil || c.Router.Sigmoid != tc.want {
			t.Errorf("%s: sigmoid is %v, want %v; %v", tc.name, c.Router.Sigmoid, tc.want, err)
		}
	}
	f := mixtral(4)
	f.set("llama.expert_gating_func", uint32(0))
	if _, err := f.load(t); err != nil {
		t.Errorf("llama with no gating function: %v", err)
	}
}
