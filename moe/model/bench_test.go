package model

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"moebot/moe/gguf"
	"moebot/moe/kernel"
	"moebot/moe/tensor"
)

// benchModel is the file that MOEBOT_BENCH_MODEL names, or a random model of about
// the embedded one's size.
func benchModel(b *testing.B) *Model {
	b.Helper()
	if path := os.Getenv("MOEBOT_BENCH_MODEL"); path != "" {
		f, err := gguf.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { f.Close() })
		m, err := Load(f)
		if err != nil {
			b.Fatal(err)
		}
		return m
	}
	f := shape{vocab: 4096, dim: 256, layers: 6, heads: 4, kvHeads: 2, headDim: 64, hidden: 256, experts: 8, topK: 2, tied: true}.file(tensor.Q8_0, 1)
	f.set("llama.context_length", uint32(2048))
	m, err := f.load(b)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// BenchmarkPrefill reads prompts in one batch.
func BenchmarkPrefill(b *testing.B) {
	m := benchModel(b)
	for _, n := range []int{8, 64, 512} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			pool := kernel.NewPool(0)
			defer pool.Close()
			s, cache := m.NewScratch(pool, n), newCache(m, n)
			batch := randomBatch(m, cache, n)
			batch[n-1].Logits = true
			for b.Loop() {
				cache.Truncate(0)
				m.Forward(s, batch)
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkDecode answers one token at a time in 1 or more sequences, at the end of
// a context of 128 tokens.
func BenchmarkDecode(b *testing.B) {
	m := benchModel(b)
	for _, n := range []int{1, 4, 8} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			pool := kernel.NewPool(0)
			defer pool.Close()
			s := m.NewScratch(pool, 128)
			var batch []Input
			for range n {
				cache := newCache(m, 129)
				m.Forward(s, randomBatch(m, cache, 128))
				in := randomBatch(m, cache, 1)[0]
				in.Logits = true
				batch = append(batch, in)
			}
			rng := rand.New(rand.NewPCG(3, 4))
			b.ReportAllocs()
			for b.Loop() {
				for i := range batch {
					batch[i].ID = int32(rng.IntN(m.Config.Vocab))
					batch[i].Cache.Truncate(128)
				}
				m.Forward(s, batch)
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
