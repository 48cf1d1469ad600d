package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"moebot/moe/model"
	"moebot/moe/sample"
	"moebot/moe/tensor"
	"moebot/moe/tokenizer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a model made in the test, with random weights large enough that every
// token matters for what follows.
type source struct {
	tensors map[string]tensor.Tensor
	names   []string
	uints   map[string]uint64
}

func (s *source) Tensor(n string) (tensor.Tensor, bool)  { t, ok := s.tensors[n]; return t, ok }
func (s *source) Names() []string                        { return s.names }
func (s *source) Keys() []string                         { return nil }
func (s *source) Uint(k string) (uint64, bool, error)    { v, ok := s.uints[k]; return v, ok, nil }
func (s *source) Bool(string) (bool, bool, error)        { return false, false, nil }
func (s *source) Strings(string) ([]string, bool, error) { return nil, false, nil }
func (s *source) Floats(string) ([]float64, bool, error) { return nil, false, nil }
func (s *source) Ints(string) ([]int64, bool, error)     { return nil, false, nil }
func (s *source) Float(k string) (float64, bool, error) {
	// With queries and keys next to nothing all tokens before are seen alike, and replies
	// repeat themselves, as the tests of what is foretold need.
	return 1e-5, strings.HasSuffix(k, "epsilon") || strings.HasSuffix(k, "attn_factor"), nil
}
func (s *source) String(k string) (string, bool, error) {
	if k == "general.architecture" {
		return "llama", true, nil
	}
	return "", false, nil
}

const vocab = 80

func tinyModel(t testing.TB) (*model.Model, *tokenizer.Tokenizer) {
	t.Helper()
	const d, layers, heads, kv, hd, f, experts = 32, 2, 4, 2, 8, 24, 4
	s := &source{tensors: map[string]tensor.Tensor{}, uints: map[string]uint64{
		"llama.embedding_length": d, "llama.block_count": layers, "llama.attention.head_count": heads, "llama.attention.head_count_kv": kv,
		"llama.context_length": 96, "llama.feed_forward_length": f, "llama.expert_count": experts, "llama.expert_used_count": 2}}
	rng := rand.New(rand.NewPCG(1, 2))
	add := func(name string, scale float64, shape ...int) {
		tt := tensor.Tensor{Name: name, Type: tensor.F32, Shape: shape}
		x := make([]float32, tt.Len())
		for i := range x {
			x[i] = float32(scale * rng.NormFloat64())
			if scale == 0 {
				x[i] = 1
			}
		}
		tt.Data = make([]byte, 4*len(x))
		tensor.Quantize(tt.Data, tensor.F32, x)
		s.tensors[name] = tt
		s.names = append(s.names, name)
	}
	add("token_embd.weight", 1, vocab, d)
	add("output.weight", 0.4, vocab, d)
	add("output_norm.weight", 0, d)
	for l := range layers {
		n := func(p string) string { return fmt.Sprintf("blk.%d.%s.weight", l, p) }
		add(n("attn_norm"), 0, d)
		add(n("ffn_norm"), 0, d)
		add(n("attn_q"), 0.3, heads*hd, d)
		add(n("attn_k"), 0.3, kv*hd, d)
		add(n("attn_v"), 0.3, kv*hd, d)
		add(n("attn_output"), 0.3, d, heads*hd)
		add(n("ffn_gate_inp"), 0.5, experts, d)
		add(n("ffn_gate_exps"), 0.3, experts, f, d)
		add(n("ffn_up_exps"), 0.3, experts, f, d)
		add(n("ffn_down_exps"), 0.3, experts, d, f)
	}
	m, err := model.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	spec := tokenizer.Spec{Model: "gpt2", Pre: "gpt-2", BOS: -1, EOS: vocab - 1, EOT: -1, Pad: -1}
	for i := range vocab - 1 {
		spec.Tokens = append(spec.Tokens, string(rune('0'+i)))
		spec.Kinds = append(spec.Kinds, tokenizer.Normal)
	}
	spec.Tokens, spec.Kinds = append(spec.Tokens, "<end>"), append(spec.Kinds, tokenizer.Control)
	tok, err := tokenizer.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return m, tok
}

func start(t testing.TB, o Options) *Engine {
	t.Helper()
	m, tok := tinyModel(t)
	e, err := New(m, tok, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// byHand is an engine whose loop the test does by hand.
func byHand(t testing.TB, o Options) *stepper {
	t.Helper()
	m, tok := tinyModel(t)
	e := &Engine{model: m, tok: tok, opt: o.fill(m.Config), submit: make(chan *sequence, 1)}
	e.counters.init(m.Config)
	var err error
	if e.snapshots, err = openSnapshots(o.Snapshots, m.Config.Vocab, e.opt.Log); err != nil {
		t.Fatal(err)
	}
	return &stepper{Engine: e, scratch: m.NewScratch(nil, e.opt.Slots+e.opt.ChunkTokens)}
}

// ask lets a request wait.
func (s *stepper) ask(ctx context.Context, r Request) *sequence {
	q := s.newSequence(ctx, r)
	s.waiting = append(s.waiting, q)
	s.counters.queued.Add(1)
	return q
}

// rounds does so many rounds of the loop.
func (s *stepper) rounds(n int) {
	for range n {
		s.cancelled()
		s.admit()
		s.step()
	}
}

func request(key string, seed uint64, tokens ...int32) Request {
	p := sample.Params{Temperature: 0.9, TopP: 1, RepeatPenalty: 1, Seed: seed}
	return Request{Key: key, Tokens: tokens, MaxTokens: 20, Sampling: p, Forbid: []int32{vocab - 1}}
}

func quiet(string) error { return nil }

func generate(t testing.TB, e *Engine, r Request) Result {
	t.Helper()
	var pieces strings.Builder
	res, err := e.Generate(context.Background(), r, func(s string) error { pieces.WriteString(s); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if pieces.String() != res.Text {
		t.Errorf("emitted %q, result %q", pieces.String(), res.Text)
	}
	return res
}

func randomTokens(rng *rand.Rand, n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(rng.IntN(vocab - 1))
	}
	return out
}
