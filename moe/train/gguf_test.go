package train

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moebot/moe/backprop"
	"moebot/moe/dataset"
	"moebot/moe/gguf"
	"moebot/moe/kernel"
	"moebot/moe/kvcache"
	"moebot/moe/model"
	"moebot/moe/tensor"
	"moebot/moe/tokenizer"
)

func testVocabulary(n int) tokenizer.Spec {
	s := tokenizer.Spec{Model: "gpt2", Pre: "qwen2", BOS: 0, EOS: 1, EOT: -1, Pad: -1, AddBOS: true}
	for i := range n {
		s.Tokens = append(s.Tokens, string(rune('a'+i)))
	}
	return s
}

// The network that is trained and the one that answers are two programs: after an
// export both must give the same loss, dense or with experts.
func TestExportedModelAnswersAsTheTrainedOne(t *testing.T) {
	pool := kernel.NewPool(2)
	defer pool.Close()
	for _, experts := range []int{1, 4} {
		c := recipe(1).Model
		c.Experts, c.TopK = experts, min(experts, 2)
		total, _ := c.Parameters()
		w := make([]float32, total)
		backprop.Init(c, w, 5)
		for i := range w {
			w[i] *= 3 // so that the parts matter
		}
		net, err := backprop.New(c, w, pool)
		if err != nil {
			t.Fatal(err)
		}
		b := dataset.Batch{Rows: 1, Len: 20}
		for i := range 20 {
			b.Tokens, b.Targets = append(b.Tokens, int32(i*7%40)), append(b.Targets, int32((i*7+7)%40))
			b.Weights, b.DocStart = append(b.Weights, 1), append(b.DocStart, 0)
		}
		want := net.Loss(&b, backprop.Losses{}).Loss

		var file bytes.Buffer
		if err := Export(&file, c, w, testVocabulary(40), About{Name: "test"}, tensor.F32); err != nil {
			t.Fatal(err)
		}
		f, err := gguf.Parse(file.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		m, err := model.Load(f)
		if err != nil {
			t.Fatal(err)
		}
		cache := kvcache.New(tensor.F32, c.Layers, c.KVHeads*c.HeadDim, c.KVHeads*c.HeadDim, 32)
		var batch []model.Input
		for _, id := range b.Tokens {
			batch = append(batch, model.Input{ID: id, Cache: cache, Logits: true})
		}
		s := m.NewScratch(pool, 32)
		m.Forward(s, batch)
		got := 0.0
		for i := range batch {
			z := s.Logits(i)
			sum := 0.0
			for _, v := range z {
				sum += math.Exp(float64(v))
			}
			got += math.Log(sum) - float64(z[b.Targets[i]])
		}
		if math.Abs(got-want) > 1e-4*want {
			t.Errorf("%d experts: the exported model's loss is %.6f, the trained one's %.6f", experts, got, want)
		}

		path := filepath.Join(t.TempDir(), "m.gguf")
		if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		opened, err := gguf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		c2, w2, _, err := Import(opened)
		opened.Close()
		if err != nil {
			t.Fatal(err)
		}
		if c.NormEps = float64(float32(c.NormEps)); c2 != c {
			t.Errorf("imported shape %+v, want %+v", c2, c)
		}
		for i := range w {
			if w2[i] != w[i] {
				t.Fatalf("imported weight %d is %v, want %v", i, w2[i], w[i])
			}
		}
	}
}

// Rows that are no whole blocks of a type get the nearest that fits, not float32.
func TestExportedTypes(t *testing.T) {
	c := recipe(1).Model // rows of 32
	c.Hidden = 24        // and of 24
	total, _ := c.Parameters()
	var b bytes.Buffer
	if err := Export(&b, c, make([]float32, total), testVocabulary(40), About{}, tensor.Q4_K); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]tensor.Type{"token_embd.weight": tensor.Q5_0, "blk.1.attn_q.weight": tensor.Q5_0, "blk.0.ffn_down_exps.weight": tensor.F16,
		"blk.0.ffn_gate_inp.weight": tensor.F32, "output_norm.weight": tensor.F32} {
		if x, ok := f.Tensor(name); !ok || x.Type != want {
			t.Errorf("%s has type %v, want %v", name, x.Type, want)
		}
	}
}

func TestVocabulariesKeepTheirTables(t *testing.T) {
	for _, want := range []tokenizer.Spec{
		{Model: "gpt2", Pre: "qwen2", Tokens: []string{"a", "b", "ab"}, Kinds: []tokenizer.Kind{1, 3, 1}, Merges: []string{"a b"}, BOS: 1, EOS: -1, EOT: 2, Pad: -1, AddBOS: true, ChatTemplate: "x"},
		{Model: "llama", Tokens: []string{"a", "b", "ab"}, Kinds: []tokenizer.Kind{1, 3, 1}, Scores: []float32{-1, 0, -2.5}, BOS: 1, EOS: 1, EOT: -1, Pad: -1, NoSpacePrefix: true, ChatTemplate: "y"},
	} {
		var b bytes.Buffer
		if err := gguf.Write(&b, VocabularyMetadata(want), nil); err != nil {
			t.Fatal(err)
		}
		f, err := gguf.Parse(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		got, err := model.Vocabulary(f)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", want.Model, d)
		}
	}
}
