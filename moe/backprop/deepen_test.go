package backprop

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"moebot/moe/kernel"
)

// A deepened network says what the shallow one says, to the bit; the outputs of the added
// layers, and they alone, are zero and have a gradient.
func TestDeepen(t *testing.T) {
	pool := kernel.NewPool(2)
	defer pool.Close()
	for _, experts := range []int{1, 4} {
		rng := rand.New(rand.NewPCG(5, 6))
		from := tiny(experts, min(experts, 2), experts == 1)
		from.Layers = 3
		to := from
		to.Layers = 5
		w := spread(from, rng)
		b := randomBatch(from, 4, 9, rng)
		shallow, err := New(from, w, pool)
		if err != nil {
			t.Fatal(err)
		}
		more, err := Deepen(from, to, w)
		if err != nil {
			t.Fatal(err)
		}
		deep, err := New(to, more, pool)
		if err != nil {
			t.Fatal(err)
		}
		if want, got := shallow.Loss(b, Losses{}).Loss, deep.Loss(b, Losses{}).Loss; got != want {
			t.Errorf("%d experts: deepened, the loss is %g, before it was %g", experts, got, want)
		}
		deep.Grads = make([]float32, len(more))
		deep.Backward(b, Losses{}, 1, 1)
		var added []string
		for _, p := range Params(to) {
			x, g := more[p.Offset:p.Offset+p.Len], deep.Grads[p.Offset:p.Offset+p.Len]
			if slices.ContainsFunc(x, func(v float32) bool { return v != 0 }) {
				continue
			}
			added = append(added, p.Name)
			if !slices.ContainsFunc(g, func(v float32) bool { return v != 0 }) {
				t.Errorf("%d experts: %s has no gradient", experts, p.Name)
			}
		}
		weights := func(name string) []float32 {
			for _, p := range Params(to) {
				if p.Name == name {
					return more[p.Offset : p.Offset+p.Len]
				}
			}
			return nil
		}
		for _, name := range []string{"attn_q.weight", "ffn_norm.weight"} {
			for _, layer := range []int{1, 3} {
				before, added := weights(fmt.Sprintf("blk.%d.%s", layer-1, name)), weights(fmt.Sprintf("blk.%d.%s", layer, name))
				if len(added) == 0 || !slices.Equal(before, added) {
					t.Errorf("%d experts: %s of layer %d is no copy of the layer before", experts, name, layer)
				}
			}
		}
		down := "ffn_down_exps.weight"
		if experts == 1 {
			down = "ffn_down.weight"
		}
		if want := []string{"blk.1.attn_output.weight", "blk.1." + down, "blk.3.attn_output.weight", "blk.3." + down}; !slices.Equal(added, want) {
			t.Errorf("%d experts: zero are %v, want %v", experts, added, want)
		}
		wider := to
		wider.Hidden++
		for _, bad := range []Config{wider, {}, tiny(experts, from.TopK, from.Tied)} {
			if _, err := Deepen(from, bad, w); err == nil {
				t.Errorf("%d experts: deepened to %+v", experts, bad)
			}
		}
		if _, err := Deepen(from, to, w[1:]); err == nil {
			t.Errorf("%d experts: deepened without the first weight", experts)
		}
	}
}
