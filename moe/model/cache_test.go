package model

import (
	"math"
	"testing"

	"moebot/moe/tensor"
)

// wideHeads are shapes whose heads are whole blocks of Q8_0, so that keys and values may
// be kept in any type.
var wideHeads = map[string]shape{
	"grouped":  {vocab: 60, dim: 64, layers: 2, heads: 6, kvHeads: 2, headDim: 32, hidden: 32, experts: 4, topK: 2},
	"many":     {vocab: 60, dim: 48, layers: 2, heads: 8, kvHeads: 1, headDim: 64, hidden: 32, experts: 4, topK: 2},
	"windowed": {arch: "gpt-oss", secondNorm: "post_attention_norm", expertKey: true, vocab: 60, dim: 48, layers: 2, heads: 4, kvHeads: 2, headDim: 32, hidden: 32, experts: 4, topK: 2, qkvBias: true, outBias: true, expertBias: true, sinks: true, halves: true, clamped: true, window: 5, period: 2},
	"latent":   {arch: "deepseek2", expertKey: true, vocab: 60, dim: 48, layers: 2, heads: 4, hidden: 32, experts: 4, topK: 2, shared: 32, rank: 32, queryRank: 10, content: 6, value: 10, ropeDims: 32},
}

// Keys and values of fewer bits: the same logits whatever the batches, and near those of
// F32: half a step of 2^-11 of each number kept as F16, of 2^-8 of a block's largest
// as Q8_0, and less than ten times that in the logits of two layers.
func TestCacheTypes(t *testing.T) {
	for name, sh := range wideHeads {
		t.Run(name, func(t *testing.T) {
			m, err := sh.file(tensor.F32, 3).load(t)
			if err != nil {
				t.Fatal(err)
			}
			logits := map[tensor.Type][]float32{}
			for _, typ := range []tensor.Type{tensor.F32, tensor.F16, tensor.Q8_0} {
				noBitChanges(t, m, typ)
				const n = 60
				cache := m.Config.NewCache(typ, n)
				batch := randomBatch(m, cache, n)
				batch[n-1].Logits = true
				s := m.NewScratch(nil, n)
				m.Forward(s, batch)
				logits[typ] = append([]float32(nil), s.Logits(0)...)
			}
			for typ, limit := range map[tensor.Type]float64{tensor.F16: 5e-3, tensor.Q8_0: 4e-2} {
				var diff, size float64
				for i, v := range logits[tensor.F32] {
					d := float64(v - logits[typ][i])
					diff, size = diff+d*d, size+float64(v)*float64(v)
				}
				if rel := math.Sqrt(diff / size); rel == 0 || rel > limit {
					t.Errorf("%v: the logits are %.2g of their size away from those of F32, at most %g wanted, and not 0", typ, rel, limit)
				}
			}
		})
	}
	m, err := mixtral(4).load(t) // heads of 8
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []tensor.Type{tensor.Q8_0, tensor.Q4_0, tensor.BF16} {
		if m.Config.CacheType(typ) == nil {
			t.Errorf("keys of 8 elements may be kept as %v", typ)
		}
	}
}
