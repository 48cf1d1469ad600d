package model

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"moebot/moe/gguf"
	"moebot/moe/kernel"
)

// oracleDir finds the reference files beside the checkout.
func oracleDir(t testing.TB) string {
	t.Helper()
	p := filepath.Join("..", "..", "..", "shared", "oracle")
	if _, err := os.Stat(p); err == nil {
		return p
	}
	if os.Getenv("MOEBOT_REQUIRE_SERVICES") == "1" {
		t.Fatal("the reference files ../shared/oracle are not there")
	}
	t.Skip("the reference files ../shared/oracle are not there")
	return ""
}

type reference struct {
	PromptIDs []int32            `json:"prompt_ids"`
	Argmax    []int              `json:"argmax_per_position"`
	Shape     []int              `json:"logits_shape"`
	Greedy    []int32            `json:"greedy_ids"`
	Margin    []float64          `json:"greedy_margin_to_second"`
	Experts   map[string][][]int `json:"experts_chosen"` // by "layer N"

	logits []float32
}

func readReference(t *testing.T, name string) reference {
	t.Helper()
	var r reference
	b, err := os.ReadFile(filepath.Join(oracleDir(t), name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if b, err = os.ReadFile(filepath.Join(oracleDir(t), name+".logits.f32")); err != nil {
		t.Fatal(err)
	}
	for ; len(b) >= 4; b = b[4:] {
		r.logits = append(r.logits, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	if len(r.logits) != r.Shape[0]*r.Shape[1] || r.Shape[0] != len(r.PromptIDs) {
		t.Fatalf("%s: %d logits, shape %v, %d tokens", name, len(r.logits), r.Shape, len(r.PromptIDs))
	}
	return r
}

func open(t testing.TB, name string) *Model {
	t.Helper()
	f, err := gguf.Open(filepath.Join(oracleDir(t), name+".gguf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	m, err := Load(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

func TestOracle(t *testing.T) {
	pool := kernel.NewPool(2)
	defer pool.Close()
	// Activations stay in float32 here, so every file is compared with llama.cpp's run on
	// the dequantised weights: all that differs is the order of float32 sums, which for the
	// float32 files gives 1e-6 and is given two orders of room.
	const tolerance = 1e-4
	for _, tc := range []struct{ file, ref string }{
		{"tinyA-f32", "tinyA-f32"}, {"tinyA-f16", "tinyA-f16.dequant"}, {"tinyA-q8_0", "tinyA-q8_0.dequant"}, {"tinyA-q4_0", "tinyA-q4_0.dequant"},
		{"tinyB-q8_0", "tinyB-q8_0.dequant"}, {"tinyB-q4_k", "tinyB-q4_k.dequant"}, {"tinyB-q6_k", "tinyB-q6_k.dequant"}, {"tinyB-q4_k_m", "tinyB-q4_k_m.dequant"},
		{"tinyC-f32", "tinyC-f32"}, {"tinyC-f16", "tinyC-f16.dequant"}, {"tinyC-q8_0", "tinyC-q8_0.dequant"},
	} {
		t.Run(tc.file, func(t *testing.T) {
			m, ref := open(t, tc.file), readReference(t, tc.ref)
			s := m.NewScratch(pool, len(ref.PromptIDs))
			cache := newCache(m, 256)
			var batch []Input
			for _, id := range ref.PromptIDs {
				batch = append(batch, Input{id, cache, true})
			}
			m.Forward(s, batch)
			mean, dev := 0.0, 0.0
			for _, v := range ref.logits {
				mean += float64(v) / float64(len(ref.logits))
			}
			for _, v := range ref.logits {
				dev += (float64(v) - mean) * (float64(v) - mean) / float64(len(ref.logits))
			}
			dev = math.Sqrt(dev)
			worst := 0.0
			for i := range batch {
				got, want := s.Logits(i), ref.logits[i*m.Config.Vocab:(i+1)*m.Config.Vocab]
				for j := range got {
					worst = max(worst, math.Abs(float64(got[j]-want[j])))
				}
				if argmax(got) != ref.Argmax[i] {
					t.Errorf("position %d: largest logit is %d, want %d", i, argmax(got), ref.Argmax[i])
				}
				for l := range m.Config.Layers {
					chosen := ref.Experts[fmt.Sprint("layer ", l)]
					e := slices.Clone(s.Experts(l, i))
					want := make([]int32, len(chosen[i]))
					for j, v := range chosen[i] {
						want[j] = int32(v)
					}
					slices.Sort(e)
					slices.Sort(want)
					if !slices.Equal(e, want) {
						t.Errorf("position %d, layer %d: experts %v, want %v", i, l, e, want)
					}
				}
			}
			t.Logf("largest difference %.2g of a deviation of %.3g", worst/dev, dev)
			if worst/dev > tolerance {
				t.Errorf("logits differ by up to %.2g of their deviation, want at most %g", worst/dev, tolerance)
			}
			// the greedy continuation, one token at a time on the same cache
			next := int32(argmax(s.Logits(len(batch) - 1)))
			for i, want := range ref.Greedy {
				if next != want {
					t.Fatalf("greedy token %d is %d, want %d (margin there %.3g)", i, next, want, ref.Margin[i])
				}
				m.Forward(s, []Input{{next, cache, true}})
				next = int32(argmax(s.Logits(0)))
			}
		})
	}
}
