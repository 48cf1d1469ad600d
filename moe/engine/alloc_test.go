//go:build !race

package engine

import (
	"context"
	"testing"
)

// Not under the race detector, which makes sync.Pool forget at random, so that
// allocations cannot be counted.
func TestDecodingTakesNoMemory(t *testing.T) {
	s := byHand(t, Options{Slots: 1, ChunkTokens: 8})
	r := request("", 1, 1, 2, 3)
	r.MaxTokens = 0
	s.ask(context.Background(), r)
	s.rounds(40)
	// the text itself is new memory; without it a step takes none
	if n := testing.AllocsPerRun(30, func() {
		s.plan()
		s.model.Forward(s.scratch, s.batch)
		s.all[0].cache.Truncate(len(s.all[0].cache.Tokens) - 1)
	}); n != 0 {
		t.Errorf("%v allocations a step", n)
	}
	s.finish(s.all[0], StopCancelled, nil)
}
