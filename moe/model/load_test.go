package model

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moebot/moe/gguf"
	"moebot/moe/kernel"
	"moebot/moe/tensor"
)

func (f *file) set(key string, v any) {
	for i := range f.meta {
		if f.meta[i].Key == key {
			f.meta[i].Value = v
			return
		}
	}
	f.meta = append(f.meta, gguf.KV{Key: key, Value: v})
}

func (f *file) drop(key string) {
	kept := f.meta[:0]
	for _, kv := range f.meta {
		if kv.Key != key {
			kept = append(kept, kv)
		}
	}
	f.meta = kept
}

func (f *file) tensor(name string) *tensor.Tensor {
	for i := range f.tensors {
		if f.tensors[i].Name == name {
			return &f.tensors[i]
		}
	}
	panic(name)
}

func (f *file) bytes(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gguf.Write(&b, f.meta, f.tensors); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (f *file) load(t testing.TB) (*Model, error) {
	t.Helper()
	g, err := gguf.Parse(f.bytes(t))
	if err != nil {
		t.Fatal(err)
	}
	return Load(g)
}

func TestLoadNamesEveryFault(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*file)
		want  []string
	}{
		{"another architecture", func(f *file) { f.set("general.architecture", "mamba") }, []string{`"mamba"`}},
		{"no architecture", func(f *file) { f.drop("general.architecture") }, []string{"general.architecture"}},
		{"metadata of a wrong type", func(f *file) { f.set("llama.block_count", "two") }, []string{"llama.block_count is string"}},
		{"metadata missing", func(f *file) { f.drop("llama.embedding_length"); f.drop("llama.attention.layer_norm_rms_epsilon") },
			[]string{"llama.embedding_length is missing", "llama.attention.layer_norm_rms_epsilon is missing"}},
		{"metadata out of range", func(f *file) { f.set("llama.block_count", uint32(1<<30)); f.set("llama.rope.freq_base", float32(-1)) },
			[]string{"llama.block_count is 1073741824", "llama.rope.freq_base is -1"}},
		{"heads that do not divide", func(f *file) { f.set("llama.attention.head_count_kv", uint32(3)) }, []string{"4 query heads are no multiple of 3"}},
		{"more experts used than there are", func(f *file) { f.set("llama.expert_used_count", uint32(9)) }, []string{"expert_used_count (9)"}},
		{"numbers that are none", func(f *file) { f.set("llama.attention.layer_norm_rms_epsilon", float32(math.NaN())) }, []string{"epsilon is NaN"}},
		{"an odd number of dimensions turned", func(f *file) { f.set("llama.rope.dimension_count", uint32(7)) }, []string{"rope.dimension_count is 7"}},
		{"positions that run backwards", func(f *file) { f.set("llama.rope.scaling.factor", float32(-2)) }, []string{"llama.rope.scaling.factor is -2"}},
		{"an unknown RoPE scaling", func(f *file) { f.set("llama.rope.scaling.type", "dynamic") }, []string{`"dynamic"`}},
		{"a RoPE factor of zero", func(f *file) {
			f.tensors = append(f.tensors, tensor.Tensor{Name: "rope_freqs.weight", Type: tensor.F32, Shape: []int{4}, Data: make([]byte, 16)})
		}, []string{"RoPE factor is 0"}},
		{"no width of the FFN", func(f *file) { f.drop("llama.feed_forward_length") }, []string{"llama.expert_feed_forward_length is missing"}},
		{"a text that is not read from left to right", func(f *file) { f.set("llama.attention.causal", false) }, []string{"llama.attention.causal is false"}},
		{"sigmoid routing in a family that has none", func(f *file) { f.set("llama.expert_gating_func", uint32(2)) }, []string{"llama.expert_gating_func is 2"}},
		{"groups that do not divide the experts", func(f *file) {
			f.set("llama.expert_group_count", uint32(3))
			f.set("llama.expert_group_used_count", uint32(1))
		}, []string{"1 of 3 groups of 4 experts"}},
		{"tensors of another family", func(f *file) {
			f.tensors = append(f.tensors, tensor.Tensor{Name: "blk.0.attn_q_norm.weight", Type: tensor.F32, Shape: []int{8}, Data: make([]byte, 32)})
		}, []string{`"blk.0.attn_q_norm.weight" is not part`}},
		{"thousands of layers and experts that are not there", func(f *file) {
			f.set("llama.block_count", uint32(1000))
			f.set("llama.expert_count", uint32(4000))
		}, []string{"blk.0.ffn_gate_exps.weight has shape [4 32 32], want [4000 32 32]", "and more"}},
		{"a key that would change the computation", func(f *file) {
			f.set("llama.attn_logit_softcapping", float32(8))
			f.set("llama.logit_scale", float32(2))
		},
			[]string{"llama.attn_logit_softcapping", "llama.logit_scale"}},
		{"gate weights that are not what is computed", func(f *file) {
			f.set("llama.norm_top_k_prob", false)
			f.set("llama.expert_weights_norm", false)
			f.set("llama.expert_weights_scale", float32(2.5))
		},
			[]string{"llama.norm_top_k_prob is false, but this architecture is computed with true", "llama.expert_weights_norm is false, but", "llama.expert_weights_scale is 2.5, but this architecture is computed with 1"}},
		{"tensors missing, foreign, misshapen and of a type not supported", func(f *file) {
			f.tensor("blk.0.attn_q.weight").Name = "blk.0.attn_q.bias"
			x := f.tensor("blk.1.ffn_norm.weight")
			x.Shape, x.Data = []int{16}, x.Data[:64]
			y := f.tensor("blk.1.ffn_up_exps.weight")
			y.Type, y.Data = tensor.Q8_1, make([]byte, tensor.Q8_1.Bytes(y.Len()))
		}, []string{"blk.0.attn_q.weight is missing", "blk.0.attn_q.bias has shape [32 32], want [32]", "blk.1.ffn_norm.weight has shape [16], want [32]", "blk.1.ffn_up_exps.weight has type Q8_1"}},
		{"no embedding", func(f *file) { f.tensor("token_embd.weight").Name = "x" }, []string{"token_embd.weight is missing", `tensor "x" is not part`}},
	} {
		f := mixtral(4)
		tc.spoil(f)
		_, err := f.load(t)
		if err == nil {
			t.Errorf("%s: no error", tc.name)
			continue
		}
		for _, w := range tc.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %q does not say %q", tc.name, err, w)
			}
		}
		var ue *UnsupportedError
		if tc.name == "another architecture" && !errors.As(err, &ue) {
			t.Errorf("%s: error is a %T", tc.name, err)
		}
	}
}

// Older files have one tensor for each expert; both forms are the same model.
func TestSplitExpertsEqualMergedOnes(t *testing.T) {
	merged := mixtral(4)
	split := mixtral(4)
	var out []tensor.Tensor
	for _, x := range split.tensors {
		base, ok := strings.CutSuffix(x.Name, "_exps.weight")
		if !ok {
			out = append(out, x)
			continue
		}
		size := len(x.Data) / 4
		for e := range 4 {
			out = append(out, tensor.Tensor{Name: fmt.Sprintf("%s.%d.weight", base, e), Type: x.Type, Shape: x.Shape[1:], Data: x.Data[e*size : (e+1)*size]})
		}
	}
	split.tensors = out
	a, b := logits(t, merged, nil), logits(t, split, nil)
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("logit %d is %v merged, %v split", i, a[i], b[i])
		}
	}
}

// logits of a fixed sequence, in batches of the sizes given (nil is one batch).
func logits(t testing.TB, f *file, batches []int) []float32 {
	t.Helper()
	m, err := f.load(t)
	if err != nil {
		t.Fatal(err)
	}
	ids := []int32{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3}
	if batches == nil {
		batches = []int{len(ids)}
	}
	pool := kernel.NewPool(2)
	defer pool.Close()
	s, cache := m.NewScratch(pool, len(ids)), newCache(m, 256)
	var out []float32
	for _, n := range batches {
		var in []Input
		for _, id := range ids[:n] {
			in = append(in, Input{id, cache, true})
		}
		ids = ids[n:]
		m.Forward(s, in)
		for i := range in {
			out = append(out, s.Logits(i)...)
		}
	}
	return out
}

func TestPrefillAndDecodeEqualOnePass(t *testing.T) {
	for _, experts := range []int{0, 4} {
		f := mixtral(experts)
		want := logits(t, f, nil)
		for _, batches := range [][]int{{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {10, 1, 1, 1, 1, 1, 1}, {3, 5, 8}} {
			got := logits(t, f, batches)
			for i := range want {
				if d := got[i] - want[i]; d > 1e-4 || d < -1e-4 {
					t.Fatalf("%d experts, batches %v: logit %d is %v, in one pass %v", experts, batches, i, got[i], want[i])
				}
			}
		}
	}
}

// Two sequences in one batch, their tokens interleaved, must give what each gives alone.
func TestSequencesOfABatchAreApart(t *testing.T) {
	f := mixtral(4)
	m, err := f.load(t)
	if err != nil {
		t.Fatal(err)
	}
	a, b := []int32{3, 1, 4, 1, 5}, []int32{9, 9, 2, 6, 5}
	alone := func(ids []int32) []float32 {
		s, c := m.NewScratch(nil, 8), newCache(m, 256)
		var out []float32
		for _, id := range ids {
			m.Forward(s, []Input{{id, c, true}})
			out = append(out, s.Logits(0)...)
		}
		return out
	}
	wantA, wantB := alone(a), alone(b)
	s, ca, cb := m.NewScratch(nil, 8), newCache(m, 256), newCache(m, 256)
	v := m.Config.Vocab
	for i := range a {
		m.Forward(s, []Input{{b[i], cb, true}, {a[i], ca, true}})
		for j := range v {
			if d := s.Logits(1)[j] - wantA[i*v+j]; d > 1e-4 || d < -1e-4 {
				t.Fatalf("sequence a, position %d: %v, alone %v", i, s.Logits(1)[j], wantA[i*v+j])
			}
			if d := s.Logits(0)[j] - wantB[i*v+j]; d > 1e-4 || d < -1e-4 {
				t.Fatalf("sequence b, position %d: %v, alone %v", i, s.Logits(0)[j], wantB[i*v+j])
			}
		}
	}
}

func TestLinearRopeScalingDividesPositions(t *testing.T) {
	f, g := mixtral(4), mixtral(4)
	f.set("llama.rope.scaling.type", "linear")
	f.set("llama.rope.scaling.factor", float32(2))
	a, b := logits(t, f, nil), logits(t, g, nil)
	same := true
	for i := range a {
		same = same && a[i] == b[i]
	}
	if same {
		t.Error("the scaling factor changes nothing")
	}
	m, err := f.load(t)
	if err != nil {
		t.Fatal(err)
	}
	cos, sin := make([]float32, 4), make([]float32, 4)
	m.ropeAngles(cos, sin, 6, 32)
	n, err := g.load(t)
	if err != nil {
		t.Fatal(err)
	}
	cos2, sin2 := make([]float32, 4), make([]float32, 4)
	n.ropeAngles(cos2, sin2, 3, 32)
	for i := range cos {
		if cos[i] != cos2[i] || sin[i] != sin2[i] {
			t.Errorf("pair %d at position 6 with factor 2 is turned by (%v, %v), at 3 without by (%v, %v)", i, cos[i], sin[i], cos2[i], sin2[i])
		}
	}
}

// Reading any bytes as a model must fail or succeed, never crash or take memory
// that the file does not justify.
func FuzzLoad(f *testing.F) {
	f.Add(mixtral(4).bytes(f))
	f.Add(mixtral(0).bytes(f))
	for _, s := range families {
		f.Add(s.file(tensor.F32, 1).bytes(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := gguf.Parse(b)
		if err != nil {
			return
		}
		Vocabulary(g)
		m, err := Load(g)
		if err != nil || m.Config.Dim > 64 || m.Config.Layers > 4 {
			return
		}
		m.Forward(m.NewScratch(nil, 1), []Input{{0, newCache(m, 256), true}})
	})
}

func TestEveryTruncationOfAModelIsAnError(t *testing.T) {
	b := mixtral(4).bytes(t)
	path := filepath.Join(t.TempDir(), "cut.gguf")
	for n := 0; n < len(b)-32; n += 97 {
		if err := os.WriteFile(path, b[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := gguf.Open(path)
		if err == nil {
			_, err = Load(f)
			f.Close()
		}
		if err == nil {
			t.Fatalf("%d of %d bytes load", n, len(b))
		}
	}
}
