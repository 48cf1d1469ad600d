package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"moebot/moe/tensor"
)

// raceDetector is set under -race, which makes everything many times slower.
var raceDetector bool

// A thousand times, 32 channels do something at the same time, drawn at random: ask and
// take the answer, or listen to it slowly, or break it off, or have it said again with
// another seed. Every text is the one that the request gives alone.
func TestAThousandInterleavings(t *testing.T) {
	const channels = 32
	rounds := 1000
	if raceDetector {
		rounds = 40
	}
	rng := rand.New(rand.NewPCG(31, 32))
	alone := start(t, Options{Slots: 1, Threads: 1, CacheType: tensor.F16})
	systems := [][]int32{randomTokens(rng, 30), randomTokens(rng, 5), nil}
	var talks [channels][]exchange
	var again [channels][]exchange // the same prompts with other seeds
	for i := range talks {
		talks[i] = talk(t, alone, rng, fmt.Sprint("channel ", i), systems[i%3], 4)
		for _, x := range talks[i] {
			x.request.Sampling.Seed += 100
			fresh := x.request
			fresh.Key = ""
			x.text = generate(t, alone, fresh).Text
			again[i] = append(again[i], x)
		}
	}
	for i, o := range []Options{
		{Slots: 1, ChunkTokens: 5},
		{Slots: 4, ChunkTokens: 7, Threads: 2},
		{Slots: 8, ChunkTokens: 64, CacheBytes: 5 * 96 * 8 * 2 * 8}, // five conversations' memory
		{Slots: 32, ChunkTokens: 16, Threads: 3},
	} {
		o.CacheType = tensor.F16
		e := start(t, o)
		var at [channels]int // the exchange that each channel has come to
		for round := range rounds / 4 {
			var wg sync.WaitGroup
			for c := range channels {
				rng := rand.New(rand.NewPCG(uint64(i), uint64(round*channels+c)))
				x := talks[c][at[c]]
				switch rng.IntN(4) {
				case 0: // submit: and go on
					at[c] = (at[c] + 1) % len(talks[c])
					wg.Go(func() { says(t, e, x, 0) })
				case 1: // stream
					wg.Go(func() { says(t, e, x, 1+rng.IntN(20)) })
				case 2:
					wg.Go(func() { breakOff(t, e, x, 1+rng.IntN(6)) })
				case 3: // regenerate
					x = again[c][at[c]]
					wg.Go(func() { says(t, e, x, 0) })
				}
			}
			wg.Wait()
			if t.Failed() {
				t.Fatalf("%+v: round %d", o, round)
			}
		}
		if s := e.Stats(); s.Busy != 0 || s.Queued != 0 || o.CacheBytes > 0 && s.CacheBytes > o.CacheBytes {
			t.Errorf("%+v: in the end %d busy, %d queued, %d bytes of caches", o, s.Busy, s.Queued, s.CacheBytes)
		}
	}
}

// says asks and compares; the listener lets others run so many times at each piece.
func says(t *testing.T, e *Engine, x exchange, slow int) {
	got := ""
	res, err := e.Generate(context.Background(), x.request, func(piece string) error {
		for range slow {
			runtime.Gosched()
		}
		got += piece
		return nil
	})
	if err != nil || res.Text != x.text || got != x.text {
		t.Errorf("%s, seed %d: %q, streamed %q (%v), alone %q", x.request.Key, x.request.Sampling.Seed, res.Text, got, err, x.text)
	}
}
