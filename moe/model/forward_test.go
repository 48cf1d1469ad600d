package model

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"moebot/moe/kernel"
	"moebot/moe/kvcache"
	"moebot/moe/tensor"
)

type typedShape struct {
	shape
	typ tensor.Type
}

// shapes are ones that differ in every way the code cares for: odd widths, heads
// that share keys or do not, one expert used or all, RoPE on part of a head.
var shapes = map[string]typedShape{
	"mixture":          {shape{vocab: 40, dim: 32, layers: 3, heads: 4, kvHeads: 2, headDim: 8, hidden: 48, experts: 4, topK: 2, tied: true}, tensor.F32},
	"dense":            {shape{vocab: 40, dim: 24, layers: 2, heads: 3, kvHeads: 3, headDim: 8, hidden: 40}, tensor.F32},
	"odd widths":       {shape{vocab: 37, dim: 30, layers: 2, heads: 6, kvHeads: 2, headDim: 10, ropeDims: 6, hidden: 29, experts: 5, topK: 3}, tensor.F16},
	"one expert":       {shape{vocab: 33, dim: 16, layers: 2, heads: 2, kvHeads: 1, headDim: 16, hidden: 20, experts: 8, topK: 1, ropeBase: 5e5}, tensor.BF16},
	"all experts":      {shape{vocab: 64, dim: 64, layers: 2, heads: 4, kvHeads: 1, headDim: 32, hidden: 32, experts: 3, topK: 3, ropeScale: 4}, tensor.Q8_0},
	"wide heads":       {shape{vocab: 50, dim: 32, layers: 1, heads: 2, kvHeads: 2, headDim: 64, hidden: 64, experts: 16, topK: 4, tied: true}, tensor.Q4_0},
	"many tiny":        {shape{vocab: 5, dim: 6, layers: 4, heads: 1, kvHeads: 1, headDim: 2, hidden: 3, experts: 2, topK: 2}, tensor.F32},
	"larger than once": {shape{vocab: 300, dim: 96, layers: 2, heads: 6, kvHeads: 3, headDim: 16, hidden: 160, experts: 4, topK: 2}, tensor.Q8_0},
}

func TestForwardEqualsTheTwin(t *testing.T) {
	pool := kernel.NewPool(2)
	defer pool.Close()
	for name, tc := range shapes {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(4) {
				f := tc.file(tc.typ, seed)
				m, err := f.load(t)
				if err != nil {
					t.Fatal(err)
				}
				cache := newCache(m, 60)
				batch := randomBatch(m, cache, 60)
				var ids []int32
				for i := range batch {
					batch[i].Logits = true
					ids = append(ids, batch[i].ID)
				}
				want, margin := newTwin(tc.shape, f).logits(ids)
				if margin < 1e-5 { // float32 may choose another expert: nothing to compare
					continue
				}
				s := m.NewScratch(pool, len(batch))
				m.Forward(s, batch)
				var diff, square float64
				for i := range want {
					for j, v := range want[i] {
						diff = max(diff, math.Abs(float64(s.Logits(i)[j])-v))
						square += v * v / float64(len(want)*len(want[i]))
					}
				}
				// Activations of order one pass through about 10 roundings of 2^-24 a layer, each
				// over sums of up to 160 terms whose errors add like their square root.
				if rel := diff / math.Sqrt(square); rel > 3e-5 {
					t.Errorf("seed %d: logits are up to %.2g of their size away", seed, rel)
				}
			}
		})
	}
}

// A token's logits must not change by a bit with the batches its sequence came in,
// with its company in them, or with the number of workers.
func TestTheBatchChangesNoBit(t *testing.T) {
	all := maps.Clone(shapes)
	for name, s := range families {
		all[name] = typedShape{s, tensor.F32}
	}
	for name, tc := range all {
		t.Run(name, func(t *testing.T) {
			m, err := tc.file(tc.typ, 9).load(t)
			if err != nil {
				t.Fatal(err)
			}
			noBitChanges(t, m, tensor.F32)
		})
	}
}

// noBitChanges compares sequences read one token at a time, keys and values kept as
// typ, with the same in random batches.
func noBitChanges(t *testing.T, m *Model, typ tensor.Type) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 6))
	const sequences, length = 3, 70
	ids := make([][]int32, sequences)
	want := make([][][]float32, sequences) // one token at a time
	for q := range ids {
		s, cache := m.NewScratch(nil, 1), m.Config.NewCache(typ, length)
		for range length {
			id := int32(rng.IntN(m.Config.Vocab))
			ids[q] = append(ids[q], id)
			m.Forward(s, []Input{{id, cache, true}})
			want[q] = append(want[q], slices.Clone(s.Logits(0)))
		}
	}
	for round := range 6 {
		pool := kernel.NewPool(1 + round%3)
		s := m.NewScratch(pool, sequences*length)
		batchesOf(t, m, s, typ, rng, ids, want)
		pool.Close()
	}
}

// batchesOf reads the sequences in random batches and compares all logits.
func batchesOf(t *testing.T, m *Model, s *Scratch, typ tensor.Type, rng *rand.Rand, ids [][]int32, want [][][]float32) {
	t.Helper()
	at := make([]int, len(ids))
	var batch []Input
	var from [][2]int
	caches := make([]*kvcache.Cache, len(ids))
	for q := range ids {
		caches[q] = m.Config.NewCache(typ, len(ids[q]))
	}
	for {
		batch, from = batch[:0], from[:0]
		for _, q := range rng.Perm(len(ids)) {
			n := min(rng.IntN([]int{2, 9, 70}[rng.IntN(3)]), len(ids[q])-at[q])
			for range n {
				batch = append(batch, Input{ids[q][at[q]], caches[q], true})
				from = append(from, [2]int{q, at[q]})
				at[q]++
			}
		}
		if len(batch) == 0 {
			done := true
			for q := range ids {
				done = done && at[q] == len(ids[q])
			}
			if done {
				return
			}
			continue
		}
		m.Forward(s, batch)
		for i, f := range from {
			if !slices.Equal(s.Logits(i), want[f[0]][f[1]]) {
				t.Fatalf("sequence %d, position %d: other logits in a batch of %d with %d workers than alone", f[0], f[1], len(batch), s.pool.Workers())
			}
		}
	}
}

// raceDetector is set under -race, which makes sync.Pool forget at random, so that
// allocations cannot be counted.
var raceDetector bool

func TestDecodingTakesNoMemory(t *testing.T) {
	pool := kernel.NewPool(2)
	defer pool.Close()
	files := map[string]*file{"mixtral": mixtral(4)}
	for name, s := range families {
		files[name] = s.file(tensor.F32, 1)
	}
	for name, f := range files {
		m, err := f.load(t)
		if err != nil {
			t.Fatal(err)
		}
		s := m.NewScratch(pool, 40)
		a, b := newCache(m, 41), newCache(m, 41)
		m.Forward(s, randomBatch(m, a, 40))
		m.Forward(s, randomBatch(m, b, 40))
		batch := []Input{{1, a, true}, {2, b, true}}
		step := func() {
			a.Truncate(40)
			b.Truncate(40)
			m.Forward(s, batch)
		}
		step()
		if n := testing.AllocsPerRun(20, step); n != 0 && !raceDetector {
			t.Errorf("%s: %v allocations for a step of two sequences", name, n)
		}
	}
}

func TestHookSeesAndChanges(t *testing.T) {
	m, err := mixtral(4).load(t)
	if err != nil {
		t.Fatal(err)
	}
	s := m.NewScratch(nil, 5)
	batch := randomBatch(m, newCache(m, 20), 5)
	batch[4].Logits = true
	m.Forward(s, batch)
	before := slices.Clone(s.Logits(0))
	var seen []string
	s.Hook = func(at Point, layer int, rows []float32, width int) {
		seen = append(seen, fmt.Sprint(at, layer, len(rows), width))
		if at == AtRouter {
			for i := range 5 {
				rows[i*width] = float32(math.Inf(-1)) // expert 0 is switched off
			}
		}
	}
	batch[0].Cache.Truncate(0)
	m.Forward(s, batch)
	want := []string{fmt.Sprint(AtEmbedding, 0, 160, 32)}
	for l := range 2 {
		want = append(want, fmt.Sprint(AtHeads, l, 160, 32), fmt.Sprint(AtMiddle, l, 160, 32), fmt.Sprint(AtRouter, l, 20, 4),
			fmt.Sprint(AtNeurons, l, 320, 32), fmt.Sprint(AtExperts, l, 320, 32), fmt.Sprint(AtLayer, l, 160, 32))
	}
	if !slices.Equal(seen, want) {
		t.Errorf("the hook saw %v, want %v", seen, want)
	}
	for l := range m.Config.Layers {
		for i := range 5 {
			if slices.Contains(s.Experts(l, i), 0) {
				t.Errorf("layer %d, token %d: expert 0 is used", l, i)
			}
		}
	}
	if slices.Equal(before, s.Logits(0)) {
		t.Error("switching off an expert changes nothing")
	}
}
