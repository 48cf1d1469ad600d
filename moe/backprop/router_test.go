package backprop

import (
	"math/rand/v2"
	"testing"

	"moebot/moe/kernel"
)

// The text teaches the router which experts are right only where a token has two of
// them to weigh against each other.
func TestRouterLearnsFromTheTextWithTwoExpertsPerToken(t *testing.T) {
	for _, tc := range []struct {
		topK   int
		loss   Losses
		learns bool
	}{{1, Losses{}, false}, {1, Losses{LoadBalance: 0.1}, true}, {2, Losses{}, true}} {
		c := tiny(4, tc.topK, true)
		rng := rand.New(rand.NewPCG(9, 10))
		pool := kernel.NewPool(1)
		n, err := New(c, spread(c, rng), pool)
		if err != nil {
			t.Fatal(err)
		}
		n.Backward(randomBatch(c, 3, 9, rng), tc.loss, 1, 1)
		pool.Close()
		for _, p := range Params(c) {
			moved := false
			for _, g := range n.Grads[p.Offset : p.Offset+p.Len] {
				moved = moved || g != 0
			}
			if want := tc.learns || p.Kind != Router; moved != want {
				t.Errorf("top_k %d, %+v, %s: has a gradient is %v, want %v", tc.topK, tc.loss, p.Name, moved, want)
			}
		}
	}
}
