package model

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"moebot/moe/gguf"
	"moebot/moe/kernel"
	"moebot/moe/tensor"
)

// families are small models of each architecture, with all that it has.
var families = map[string]shape{
	"llama-biased":     {vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 2, headDim: 6, hidden: 32, qkvBias: true, outBias: true, tied: true},
	"llama-factors":    {vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 2, headDim: 8, hidden: 32, experts: 4, topK: 2, factors: "all", ropeBase: 5e5},
	"llama-yarn":       {vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 2, headDim: 16, hidden: 32, experts: 4, topK: 2, yarn: true, ropeScale: 4, original: 2048, ropeGain: 1.1},
	"llama-long":       {vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 2, headDim: 8, hidden: 32, factors: "long", original: 16, ropeGain: 1.2},
	"llama-short":      {vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 2, headDim: 8, hidden: 32, factors: "short", original: 4096, ropeGain: 1.2},
	"qwen2":            {arch: "qwen2", vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 2, headDim: 6, hidden: 32, tied: true, halves: true, qkvBias: true, ropeBase: 1e6},
	"qwen2moe":         {arch: "qwen2moe", vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 2, headDim: 6, hidden: 16, experts: 6, topK: 3, expertKey: true, halves: true, qkvBias: true, noNorm: true, shared: 28, sharedGate: true},
	"qwen3":            {arch: "qwen3", vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 2, headDim: 8, hidden: 32, tied: true, halves: true, qkNorm: HeadQKNorm, ropeBase: 1e6},
	"qwen3moe":         {arch: "qwen3moe", vocab: 32, dim: 24, layers: 3, heads: 4, kvHeads: 2, headDim: 8, hidden: 16, experts: 8, topK: 3, expertKey: true, halves: true, qkNorm: HeadQKNorm, ropeBase: 1e6},
	"qwen3moe-yarn":    {arch: "qwen3moe", vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 2, headDim: 16, hidden: 16, experts: 8, topK: 3, expertKey: true, halves: true, qkNorm: HeadQKNorm, yarn: true, ropeScale: 8, original: 512},
	"olmoe":            {arch: "olmoe", vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 4, headDim: 6, hidden: 16, experts: 8, topK: 3, halves: true, qkNorm: WholeQKNorm, noNorm: true},
	"granite":          {arch: "granite", vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 2, headDim: 6, hidden: 32, tied: true, embedGain: 1.5, residGain: 0.4, logitScale: 3, attnScale: 0.3},
	"granite-rope-off": {arch: "granite", vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 2, headDim: 6, hidden: 32, logitScale: 3, noRope: true},
	"granitemoe":       {arch: "granitemoe", vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 2, headDim: 6, hidden: 16, experts: 8, topK: 3, tied: true, embedGain: 1.5, residGain: 0.4, logitScale: 3, attnScale: 0.3, shared: 20},
	"phimoe": {arch: "phimoe", vocab: 32, dim: 24, layers: 2, heads: 4, kvHeads: 2, headDim: 6, hidden: 16, experts: 6, topK: 2, halves: true, qkvBias: true, outBias: true, normBias: true, vocabBias: true,
		factors: "long", original: 16, ropeGain: 1.2, extra: []gguf.KV{{Key: "attention.sliding_window", Value: uint32(7)}}},
	"gpt-oss": {arch: "gpt-oss", secondNorm: "post_attention_norm", vocab: 32, dim: 24, layers: 4, heads: 4, kvHeads: 2, headDim: 8, hidden: 16, experts: 6, topK: 2, expertKey: true, halves: true,
		qkvBias: true, outBias: true, expertBias: true, sinks: true, clamped: true, window: 6, period: 2, yarn: true, ropeScale: 32, original: 4096, ropeBase: 150000},
	"deepseek2-lite": {arch: "deepseek2", vocab: 32, dim: 16, layers: 27, heads: 2, hidden: 12, experts: 6, topK: 2, expertKey: true, denseLayers: 1, denseHidden: 20, shared: 24, noNorm: true,
		rank: 8, content: 6, value: 10, ropeDims: 4, merged: true, yarn: true, ropeScale: 40, original: 4096, logMultiplier: 0.0707},
	"deepseek2-v3": {arch: "deepseek2", vocab: 32, dim: 24, layers: 4, heads: 4, hidden: 12, experts: 12, topK: 3, expertKey: true, denseLayers: 2, denseHidden: 20, shared: 12, sigmoid: true, correction: true, groups: 4, groupsUsed: 2, routerGain: 2.5,
		rank: 8, queryRank: 10, content: 6, value: 10, ropeDims: 4, yarn: true, ropeScale: 40, original: 4096, logMultiplier: 0.1},
	"deepseek2-dense": {arch: "deepseek2", vocab: 32, dim: 24, layers: 2, heads: 4, hidden: 12, expertKey: true, denseLayers: 2, denseHidden: 20, tied: true,
		rank: 8, queryRank: 10, content: 6, value: 10, ropeDims: 4},
	"deepseek2-yarn": {arch: "deepseek2", vocab: 32, dim: 24, layers: 2, heads: 4, hidden: 12, experts: 6, topK: 2, expertKey: true, shared: 12, routerGain: 16,
		noNorm: true, rank: 8, queryRank: 10, content: 6, value: 10, ropeDims: 8, yarn: true, ropeScale: 4, original: 1024, ropeGain: 1.1, temperature: 0.3, temperatureTokens: 8, fusedGateUp: true},
}

// familyTokens is the text that the references have read.
func familyTokens() []int32 {
	rng := rand.New(rand.NewPCG(3, 4))
	ids := make([]int32, 24)
	for i := range ids {
		ids[i] = int32(rng.IntN(32))
	}
	return ids
}

// familyContext is the context window with which the references were computed.
const familyContext = 256

var writeFamilies = flag.String("families", "", "write the models of TestFamilies and their tokens to this `directory`, for llama.cpp to read")

// TestFamilies compares with the logits that llama.cpp (commit 3f545be, CPU, one
// thread, K and V caches in float32, no flash attention, context 256) gives for the
// same files: testdata/TestFamilies/<name>.f32, little-endian float32
// [position, vocabulary], every third position.
func TestFamilies(t *testing.T) {
	pool := kernel.NewPool(2)
	defer pool.Close()
	for name, s := range families {
		t.Run(name, func(t *testing.T) {
			f := s.file(tensor.F32, 1)
			ids := familyTokens()
			if dir := *writeFamilies; dir != "" {
				f.set("tokenizer.ggml.model", "no_vocab")
				if err := os.WriteFile(filepath.Join(dir, name+".gguf"), f.bytes(t), 0o644); err != nil {
					t.Fatal(err)
				}
				tokens, err := json.Marshal(map[string]any{"tokens": ids})
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "tokens.json"), tokens, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			m, err := f.load(t)
			if err != nil {
				t.Fatal(err)
			}
			scratch, cache := m.NewScratch(pool, len(ids)), newCache(m, familyContext)
			var batch []Input
			for _, id := range ids {
				batch = append(batch, Input{id, cache, true})
			}
			m.Forward(scratch, batch)
			twin, margin := newTwin(s, f).logits(ids)
			if margin < 1e-5 {
				t.Fatalf("a router's choice hangs on %g: take another seed", margin)
			}
			ref, err := os.ReadFile(filepath.Join("testdata", "TestFamilies", name+".f32"))
			if err != nil {
				t.Fatal(err)
			}
			var got, want, plain []float64
			for i := range ids {
				for j, v := range scratch.Logits(i) {
					plain = append(plain, float64(v)-twin[i][j])
					if i%3 == 2 {
						got = append(got, float64(v))
						want = append(want, float64(math.Float32frombits(binary.LittleEndian.Uint32(ref))))
						ref = ref[4:]
					}
				}
			}
			size := deviation(want)
			for i := range want {
				got[i] -= want[i]
			}
			// Sums of at most 32 terms in float32, in another order, over a few layers: some
			// 1e-6 of the logits' size. llama.cpp also adds up RoPE's angles in float32.
			t.Logf("margin %.2g; %.2g from the twin, %.2g from llama.cpp", margin, largestOf(plain)/size, largestOf(got)/size)
			if d := largestOf(plain) / size; d > 1e-5 {
				t.Errorf("%.2g of the logits' deviation from the twin", d)
			}
			if d := largestOf(got) / size; d > 3e-5 {
				t.Errorf("%.2g of the logits' deviation from llama.cpp", d)
			}
		})
	}
}

func deviation(x []float64) float64 {
	mean, square := 0.0, 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		square += (v - mean) * (v - mean) / float64(len(x))
	}
	return math.Sqrt(square)
}

func largestOf(x []float64) float64 { return max(slices.Max(x), -slices.Min(x)) }
