package eval

import (
	"math"
	"testing"

	"moebot/moe/dataset"
)

// shardOf has a sequence for each list of tokens.
func shardOf(source string, vocab int, sequences ...[]int32) *dataset.Shard {
	s := &dataset.Shard{Source: source, Vocab: vocab}
	for _, ids := range sequences {
		s.Append(dataset.Sequence{Tokens: ids, Reply: make([]bool, len(ids))})
	}
	return s
}

func ascending(from, n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(from + i)
	}
	return ids
}

// A copied run is found wherever it stands; one token fewer is no run, nor is what two
// sequences have between them.
func TestNovel(t *testing.T) {
	training := []*dataset.Shard{
		shardOf("a", 300, append(ascending(200, 5), ascending(10, RunLength+2)...)),
		shardOf("b", 300, ascending(100, 7), ascending(107, 7)),
	}
	held := []*dataset.Shard{
		shardOf("copied", 300, append(ascending(50, 3), append(ascending(10, RunLength+2), ascending(60, 4)...)...), ascending(70, 2)),
		shardOf("short", 300, ascending(10, RunLength-1), ascending(100, 14)),
	}
	got := Novel(held, training)
	for i, novel := range got["copied"] {
		if want := i < 3 || i >= 3+RunLength+2; novel != want {
			t.Errorf("token %d: novel is %v", i, novel)
		}
	}
	for i, novel := range got["short"] {
		if !novel {
			t.Errorf("token %d of a short run counts as copied", i)
		}
	}
	if len(got) != 2 || len(got["copied"]) != len(held[0].Tokens) || len(got["short"]) != len(held[1].Tokens) {
		t.Errorf("marks of %d sources", len(got))
	}
}

// Tokens without a mark are context: a model and its targets see them, the loss does not.
func TestOnlyMarkedTokensAreMeasured(t *testing.T) {
	s := shardOf("s", 4, []int32{0, 1, 2, 3}, []int32{3, 2, 1, 0})
	g := NewNGram(2, 4)
	for i := range s.Sequences() {
		g.Add(s.Tokens[s.Start[i]:s.Start[i+1]])
	}
	g.Finish()
	o := Options{Length: 8, TokenBytes: []int{1, 1, 1, 1}, Only: map[string][]bool{"s": {true, false, true, false, false, false, true, false}}}
	got := g.Shard(s, o)
	want := -math.Log(g.Prob([]uint16{1}, 2)) - math.Log(g.Prob([]uint16{2}, 1))
	if got.Tokens != 2 || math.Abs(got.All-want/2) > 1e-12 || math.Abs(got.Bits-want/2/math.Ln2) > 1e-12 {
		t.Errorf("%+v, want 2 tokens of %v nats together", got, want)
	}
	net := uniformNetwork(t, 4)
	if l := Shard(net, s, o); l.Tokens != 2 || math.Abs(l.All-math.Log(4)) > 1e-5 || math.Abs(l.Bits-2) > 1e-5 {
		t.Errorf("network: %+v, want 2 tokens of ln 4", l)
	}
	o.Only = map[string][]bool{"another": nil}
	if l := Shard(net, s, o); l.Tokens != 6 {
		t.Errorf("a source without marks: %d tokens measured, want 6", l.Tokens)
	}
}
