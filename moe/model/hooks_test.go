package model

import (
	"math"
	"slices"
	"testing"

	"moebot/moe/kernel"
	"moebot/moe/tensor"
)

// What the points show must add up to what the network computes: patterns times
// values are the heads, their projection is the way from layer to middle, neurons
// through the down projection are the experts, and those times gates the rest.
func TestPointsAddUp(t *testing.T) {
	f := mixtral(4)
	m, err := f.load(t)
	if err != nil {
		t.Fatal(err)
	}
	const n = 7
	c := m.Config
	d, hd := c.Dim, c.HeadDim
	s := m.NewScratch(nil, n)
	s.Patterns = true
	cache := newCache(m, n)
	batch := randomBatch(m, cache, n)
	batch[n-1].Logits = true
	seen := map[Point][]float32{}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-4*(1+math.Abs(want)) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
	s.Hook = func(at Point, layer int, rows []float32, width int) {
		stream := seen[AtEmbedding]
		if layer > 0 && at < AtLayer {
			stream = seen[AtLayer]
		}
		switch at {
		case AtHeads:
			for i := range n {
				for h := range c.Heads {
					p := seen[AtPattern][(i*c.Heads+h)*n : (i*c.Heads+h+1)*n]
					values, kv := make([]float32, n*c.KVHeads*hd), h/(c.Heads/c.KVHeads)
					tensor.Dequantize(values, tensor.F32, cache.Values(layer)[:4*len(values)])
					sum := 0.0
					for _, v := range p[:i+1] {
						sum += float64(v)
					}
					near("attention in all", sum, 1)
					for _, v := range p[i+1:] {
						near("attention to what comes later", float64(v), 0)
					}
					got := 0.0
					for j, v := range p {
						got += float64(v) * float64(values[j*c.KVHeads*hd+kv*hd])
					}
					near("head", float64(rows[i*width+h*hd]), got)
				}
			}
		case AtMiddle:
			y := make([]float32, n*d)
			kernel.MatMulRows(y, d, m.AttentionOutput(layer), 0, d, seen[AtHeads], c.Heads*hd, n)
			for i, v := range rows {
				near("middle", float64(v), float64(stream[i]+y[i]))
			}
		case AtExperts:
			for i := range n {
				for j, e := range s.Experts(layer, i) {
					y := make([]float32, d)
					slot := s.Slot(i, j)
					kernel.MatMulRows(y, d, m.Down(layer, int(e)), 0, d, seen[AtNeurons][slot*c.Hidden:], c.Hidden, 1)
					near("expert", float64(rows[slot*d]), float64(y[0]))
				}
			}
		case AtLayer:
			for i := range n {
				want := float64(seen[AtMiddle][i*d])
				for j, g := range s.Gates(layer, i) {
					want += float64(g * seen[AtExperts][s.Slot(i, j)*d])
				}
				near("layer", float64(rows[i*d]), want)
			}
		}
		seen[at] = slices.Clone(rows)
	}
	m.Forward(s, batch)
	logits := make([]float32, c.Vocab)
	m.Readout(m.NewScratch(nil, 1), logits, seen[AtLayer][(n-1)*d:], 1)
	if !slices.Equal(logits, s.Logits(0)) {
		t.Error("reading out the last layer gives other logits than the pass")
	}
	row := make([]float32, d)
	m.EmbeddingRow(row, batch[2].ID)
	if !slices.Equal(row, seen[AtEmbedding][2*d:3*d]) {
		t.Error("a row of the embedding differs from what the pass starts with")
	}
	if m.OutputRow(row, 1); row[0] != tensor.Tensor.Float32(*f.tensor("token_embd.weight"))[d] {
		t.Error("a row of the tied output matrix is not the embedding's")
	}
}

func TestPatternsCostNothingUnseen(t *testing.T) {
	m, err := mixtral(4).load(t)
	if err != nil {
		t.Fatal(err)
	}
	s := m.NewScratch(nil, 4)
	s.Patterns = true
	m.Forward(s, randomBatch(m, newCache(m, 4), 4))
	if s.patterns != nil {
		t.Error("patterns are kept without a hook")
	}
}

// BenchmarkNoHook is what all points of one decoded token cost a model of 5 layers and
// 6 heads when nobody looks: some tens of nanoseconds beside hundreds of microseconds.
func BenchmarkNoHook(b *testing.B) {
	m, err := mixtral(4).load(b)
	if err != nil {
		b.Fatal(err)
	}
	s := m.NewScratch(nil, 1)
	s.batch = randomBatch(m, newCache(m, 1), 1)
	for b.Loop() {
		s.reservePatterns(1)
		s.see(AtEmbedding, 0, s.x, 32)
		for l := range 5 {
			for range 6 {
				if s.Patterns && s.Hook != nil {
					b.Fatal("somebody looks")
				}
			}
			for _, at := range []Point{AtHeads, AtMiddle, AtRouter, AtLayer} {
				s.see(at, l, s.x, 32)
			}
			s.seeSlots(AtNeurons, l, s.gate, 32)
			s.seeSlots(AtExperts, l, s.down, 32)
		}
	}
}
