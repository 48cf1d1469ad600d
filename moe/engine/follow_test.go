package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"moebot/moe/model/steer"
)

// Channels that ask at the same time behind the same system text have it read once; and
// say what they say alone, also if the one that was to read it is gone.
func TestASharedPromptIsReadOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	system := randomTokens(rng, 60)
	const channels = 8
	plain := start(t, Options{Slots: 1})
	var asked [channels]Request
	var want [channels]string
	for i := range asked {
		asked[i] = request(fmt.Sprint(i), uint64(i), slices.Concat(system, randomTokens(rng, 5))...)
		asked[i].MaxTokens = 6
		fresh := asked[i]
		fresh.Key = ""
		want[i] = generate(t, plain, fresh).Text
	}
	for _, gone := range []bool{false, true} {
		s := byHand(t, Options{Slots: channels, ChunkTokens: 16})
		ctx, cancel := context.WithCancel(context.Background())
		var qs []*sequence
		for i, r := range asked {
			if i > 0 {
				ctx = context.Background()
			}
			qs = append(qs, s.ask(ctx, r))
		}
		s.rounds(2)
		if gone {
			cancel() // half of the system text is read
		}
		s.rounds(98)
		cancel()
		for i, q := range qs {
			select {
			case <-q.ended:
			default:
				t.Fatalf("channel %d never ends", i)
			}
			if q.result.Text != want[i] && !(gone && i == 0) {
				t.Errorf("channel %d says %q, alone %q", i, q.result.Text, want[i])
			}
		}
		st := s.Stats()
		read := int(st.PromptTokens - st.ReusedTokens)
		if most := len(system) + 5*channels; read > most && !gone || gone && read > most+worthWaiting*channels {
			t.Errorf("%d prompt tokens are read for %d channels (one gone: %v), %d are different", read, channels, gone, most)
		}
		if st.CacheHits != channels-1 {
			t.Errorf("%d of %d requests found something", st.CacheHits, channels)
		}
	}
}

// What one waits for may be gone, and its conversation begun again under a plan: what is
// computed so is not taken over.
func TestALeaderUnderAPlanIsNotFollowed(t *testing.T) {
	rng := rand.New(rand.NewPCG(55, 56))
	plain := start(t, Options{Slots: 1})
	plan := plans(t, plain)[2] // changes the first layer, and so what is cached of the second
	system := randomTokens(rng, 60)
	ask := func(key string, plan *steer.Plan) Request {
		r := request(key, 1, slices.Concat(system, []int32{int32(len(key))})...)
		r.MaxTokens, r.Plan = 6, plan
		return r
	}
	want := generate(t, plain, ask("", nil)).Text
	s := byHand(t, Options{Slots: 3, ChunkTokens: 16})
	s.ask(context.Background(), ask("planned", plan))
	s.rounds(20)
	ctx, cancel := context.WithCancel(context.Background())
	s.ask(ctx, ask("leader", nil))
	q := s.ask(context.Background(), ask("", nil))
	s.rounds(2)
	if q.leader == nil {
		t.Fatal("nobody is followed: the test is too easy")
	}
	cancel()
	s.ask(context.Background(), ask("leader", plan)) // which finds what "planned" has read
	s.rounds(40)
	if q.result.Text != want {
		t.Errorf("behind a leader that is gone %q, alone %q", q.result.Text, want)
	}
}

// The same through the doors, many times.
func TestSharedPromptsInARush(t *testing.T) {
	rng := rand.New(rand.NewPCG(53, 54))
	plain, e := start(t, Options{Slots: 1}), start(t, Options{Slots: 6, ChunkTokens: 9, Threads: 2})
	for round := range 30 {
		system := randomTokens(rng, 40+rng.IntN(20))
		var wg sync.WaitGroup
		for i := range 9 {
			r := request(fmt.Sprint(round%3, "-", i), uint64(i), slices.Concat(system[:40-i%2], randomTokens(rng, 1+i%4))...)
			r.MaxTokens = 5
			fresh := r
			fresh.Key = ""
			want := generate(t, plain, fresh).Text
			wg.Go(func() {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if i%4 == 1 {
					cancel()
				}
				if res, err := e.Generate(ctx, r, quiet); err == nil && res.Text != want {
					t.Errorf("round %d, channel %d: %q, alone %q", round, i, res.Text, want)
				}
			})
		}
		wg.Wait()
	}
}
