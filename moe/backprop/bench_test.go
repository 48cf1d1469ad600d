package backprop

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"moebot/moe/kernel"
)

// BenchmarkBackward measures forward and backward of one micro-batch of 4,096
// tokens, in the shape of the embedded model and of "mini" and "small" (see the
// training issue), on one and two threads.
func BenchmarkBackward(b *testing.B) {
	for _, s := range []struct {
		name string
		c    Config
		rows int
		len  int
	}{
		{"default", Config{Vocab: 4096, Dim: 192, Layers: 5, Heads: 6, KVHeads: 3, HeadDim: 32, Hidden: 256, Experts: 8, TopK: 2, Context: 512, RopeBase: 1e4, NormEps: 1e-5, Tied: true}, 8, 512},
		{"mini", Config{Vocab: 16384, Dim: 192, Layers: 6, Heads: 6, KVHeads: 3, HeadDim: 32, Hidden: 256, Experts: 8, TopK: 2, Context: 512, RopeBase: 1e4, NormEps: 1e-5, Tied: true}, 8, 256},
		{"small", Config{Vocab: 16384, Dim: 320, Layers: 8, Heads: 10, KVHeads: 5, HeadDim: 32, Hidden: 448, Experts: 8, TopK: 2, Context: 512, RopeBase: 1e4, NormEps: 1e-5, Tied: true}, 8, 256},
	} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/t%d", s.name, threads), func(b *testing.B) {
				pool := kernel.NewPool(threads)
				defer pool.Close()
				n, err := New(s.c, nil, pool)
				if err != nil {
					b.Fatal(err)
				}
				Init(s.c, n.Weights, 1)
				batch := randomBatch(s.c, s.rows, s.len, rand.New(rand.NewPCG(1, 2)))
				for i := range batch.Weights {
					batch.Weights[i] = 1
				}
				n.Backward(batch, Losses{LoadBalance: 0.01, RouterZ: 0.001}, 1, 1)
				for b.Loop() {
					n.Backward(batch, Losses{LoadBalance: 0.01, RouterZ: 0.001}, 1, 1)
				}
				tokens := float64(s.rows*s.len) * float64(b.N) / b.Elapsed().Seconds()
				b.ReportMetric(tokens, "tokens/s")
				b.ReportMetric(tokens*s.c.FLOPsPerToken(s.len)/1e9, "GFLOP/s")
			})
		}
	}
}
