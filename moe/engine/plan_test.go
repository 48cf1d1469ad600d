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

// plans are one of each kind of edit, and none; the model has 2 layers of 2 experts a token.
func plans(t *testing.T, e *Engine) []*steer.Plan {
	t.Helper()
	direction := make([]float32, e.model.Config.Dim)
	for i := range direction {
		direction[i] = float32(i%3) - 1
	}
	out := []*steer.Plan{nil}
	for _, text := range []string{"", "head:0.1=0", "expert:1.0=0", "expert:1.0=3", "neuron:0.1.2=30", "force:1.2", "forbid:0.0", "direction:0=2", "direction:0=-2", "component:1=0", "head:0.1=0 force:1.2 direction:1=1"} {
		edits, err := steer.ParseAll(text)
		if err != nil {
			t.Fatal(err)
		}
		for i := range edits {
			if edits[i].Directed() {
				edits[i].Direction = direction
			}
		}
		p, err := steer.New(e.model, edits)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// Requests with plans and without, beside each other in the same batches and one after
// another in the same conversation, each say what they say alone in a fresh engine.
func TestPlansDoNotTouchTheirNeighbours(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	prompts := [][]int32{randomTokens(rng, 19), randomTokens(rng, 11)}
	prompts = append(prompts, append(slices.Clone(prompts[0]), randomTokens(rng, 9)...)) // goes on where the first was
	said := map[string]string{}
	differ := 0
	fresh := start(t, Options{Slots: 1, Threads: 1})
	all := plans(t, fresh)
	for n, p := range all {
		for i, ids := range prompts {
			r := request("", 3, ids...)
			r.Plan = p
			text := generate(t, fresh, r).Text
			said[fmt.Sprint(n, i)] = text
			if text != said[fmt.Sprint(0, i)] {
				differ++
			}
		}
	}
	if said["0 0"] != said["1 0"] {
		t.Errorf("a plan without edits changes %q to %q", said["0 0"], said["1 0"])
	}
	if differ < 2*(len(all)-2) {
		t.Errorf("only %d of %d replies differ from those without a plan", differ, 3*(len(all)-2))
	}
	for _, o := range []Options{{Slots: 6, ChunkTokens: 5, Threads: 2}, {Slots: 20, ChunkTokens: 64}} {
		e := start(t, o)
		var wg sync.WaitGroup
		ask := func(key string, n, i int) {
			r := request(key, 3, prompts[i]...)
			r.Plan = all[n]
			res, err := e.Generate(context.Background(), r, quiet)
			if want := said[fmt.Sprint(n, i)]; err != nil || res.Text != want {
				t.Errorf("%s, plan %d, prompt %d: %q (%v), alone %q", key, n, i, res.Text, err, want)
			}
		}
		for n := range all {
			wg.Go(func() { // a conversation of its own for each plan
				for i := range prompts {
					ask(fmt.Sprint("plan ", n), n, i)
				}
			})
		}
		wg.Go(func() { // one whose plan changes
			for i := range 2 * len(all) {
				ask("changing", i*5%len(all), i%len(prompts))
			}
		})
		wg.Wait()
	}
}

// What was computed under a plan is found again under the same and under no other.
func TestReuseIsOfTheSamePlan(t *testing.T) {
	e := start(t, Options{Slots: 1})
	all := plans(t, e)
	ids := []int32{5, 4, 3, 2, 1, 0, 1, 2}
	for _, tc := range []struct {
		key    string
		plan   int
		reused int
	}{{"a", 0, 0}, {"b", 0, 7}, {"a", 2, 0}, {"a", 2, 7}, {"c", 2, 7}, {"c", 8, 0}, {"d", 9, 0}, {"a", 0, 7}} {
		r := request(tc.key, 1, ids...)
		r.Plan = all[tc.plan]
		if got := generate(t, e, r).Usage.ReusedTokens; got != tc.reused {
			t.Errorf("%s with plan %q: %d tokens reused, want %d", tc.key, all[tc.plan].Key(), got, tc.reused)
		}
	}
}

// Watch is told the tokens of the reply, as the trace has them.
func TestWatch(t *testing.T) {
	e := start(t, Options{})
	r := request("a", 5, 1, 2, 3)
	r.Trace = true
	var seen []TokenTrace
	r.Watch = func(tr TokenTrace) { seen = append(seen, tr) }
	res := generate(t, e, r)
	if len(seen) != len(res.Trace) {
		t.Fatalf("%d tokens seen, %d in the trace", len(seen), len(res.Trace))
	}
	for i, tr := range seen {
		if want := res.Trace[i]; tr.ID != want.ID || tr.Prob != want.Prob || !slices.Equal(tr.Experts[1], want.Experts[1]) {
			t.Errorf("token %d: %+v, traced %+v", i, tr, want)
		}
	}
}
