package eval

import (
	"math"
	"testing"

	"moebot/moe/backprop"
	"moebot/moe/dataset"
	"moebot/moe/kernel"
)

// uniformNetwork has weights that are all zero, and a context window of 8.
func uniformNetwork(t *testing.T, vocab int) *backprop.Network {
	c := backprop.Config{Vocab: vocab, Dim: 8, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 4, Hidden: 8, Experts: 2, TopK: 1,
		Context: 8, RopeBase: 1e4, NormEps: 1e-5, Tied: true}
	pool := kernel.NewPool(1)
	t.Cleanup(pool.Close)
	net, err := backprop.New(c, nil, pool)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// A model whose weights are all zero gives every token the same chance, so its
// loss is ln V and its bits per byte follow by hand.
func TestUniformModel(t *testing.T) {
	net := uniformNetwork(t, 16)
	s := &dataset.Shard{Source: "s", Vocab: 16}
	for i := range 11 {
		var q dataset.Sequence
		for j := range 3 + 2*i { // up to 23 tokens: several parts of 8
			q.Tokens = append(q.Tokens, int32((i+j)%16))
			q.Reply = append(q.Reply, j%2 == 1)
		}
		s.Append(q)
	}
	bytes := make([]int, 16)
	for i := range bytes {
		bytes[i] = 2
	}
	got := Shard(net, s, Options{Length: 8, TokenBytes: bytes})
	wantTokens, wantReplies := 0, 0
	for i := range 11 {
		wantTokens += 2 + 2*i
		wantReplies += 1 + i
	}
	if got.Tokens != wantTokens || got.Replies != wantReplies {
		t.Errorf("%d targets and %d replies, want %d and %d", got.Tokens, got.Replies, wantTokens, wantReplies)
	}
	if ln := math.Log(16); math.Abs(got.All-ln) > 1e-5 || math.Abs(got.Reply-ln) > 1e-5 {
		t.Errorf("losses %v and %v, want %v", got.All, got.Reply, ln)
	}
	if math.Abs(got.Bits-2) > 1e-5 { // 4 bits a token of 2 bytes
		t.Errorf("%v bits per byte, want 2", got.Bits)
	}
	if cut := Shard(net, s, Options{Length: 8, MaxTokens: 5}); cut.Tokens < 5 || cut.Tokens > 12 {
		t.Errorf("%d tokens measured, asked for about 5", cut.Tokens)
	}
}

// However many sequences share a pass, each is measured as if it were alone.
func TestSequencesDoNotChangeEachOther(t *testing.T) {
	net := uniformNetwork(t, 16)
	backprop.Init(net.Config, net.Weights, 3)
	for i := range 16 * net.Config.Dim { // the token table: so large that a token's guess is often itself
		net.Weights[i] *= 100
	}
	s := &dataset.Shard{Source: "s", Vocab: 16}
	var want struct{ all, reply, right, tokens, replies float64 }
	for i := range 11 {
		var q dataset.Sequence
		b := dataset.Batch{Rows: 1, Len: 2 + i%6}
		for j := range b.Len + 1 {
			q.Tokens, q.Reply = append(q.Tokens, int32((i*i+j/2)%16)), append(q.Reply, (i+j)%3 == 1)
		}
		s.Append(q)
		for j := range b.Len {
			b.Tokens, b.Targets = append(b.Tokens, q.Tokens[j]), append(b.Targets, q.Tokens[j+1])
			b.Weights, b.DocStart = append(b.Weights, 1), append(b.DocStart, 0)
		}
		all := net.Loss(&b, backprop.Losses{})
		for j := range b.Len {
			if !q.Reply[j+1] {
				b.Weights[j] = 0
			}
		}
		reply := net.Loss(&b, backprop.Losses{})
		want.all, want.tokens = want.all+all.Loss, want.tokens+all.Weight
		want.reply, want.right, want.replies = want.reply+reply.Loss, want.right+reply.Correct, want.replies+reply.Weight
	}
	if want.right == 0 || want.right == want.replies {
		t.Fatalf("%v of %v are right, the test sees nothing", want.right, want.replies)
	}
	for _, rows := range []int{0, 1, 3, 20} {
		got := Shard(net, s, Options{Rows: rows, Length: 8})
		if math.Abs(got.All-want.all/want.tokens) > 1e-5 || math.Abs(got.Reply-want.reply/want.replies) > 1e-5 || math.Abs(got.Accuracy-want.right/want.replies) > 1e-9 {
			t.Errorf("%d rows: %+v, want %+v in sums", rows, got, want)
		}
	}
}
