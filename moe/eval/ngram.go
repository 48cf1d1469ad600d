package eval

import (
	"fmt"
	"math"

	"moebot/moe/dataset"
)

// NGram is an interpolated Kneser–Ney model over tokens (Kneser and Ney 1995; in the
// form of Chen and Goodman 1999, "An empirical study of smoothing techniques for
// language modeling", section 4.1.6, with one discount for each order): what
// counting alone achieves, a floor for any network.
//
//	p(w|h) = max(c(hw) − D, 0)/c(h·) + D·N(h·)/c(h·) · p(w|h′)
//
// where h′ is h without its first token, c counts occurrences in the highest order
// and distinct left neighbours below it, N counts distinct followers, and the last
// p is uniform. D = n₁/(n₁+2n₂) of its order. Sequences are counted apart. An NGram
// may be used by several goroutines once Finish has returned.
type NGram struct {
	order, vocab int
	nodes        index
	parent       []uint32 // [node] the n-gram without its last token; node 0 is the empty one
	depth        []uint8  // [node] tokens in the n-gram
	count        []uint32 // [node]
	total        []uint32 // [node] sum of its children's counts
	kinds        []uint32 // [node] children with a count
	discount     []float64
}

// NewNGram returns a model without counts; order is the longest n-gram, 1 to 8.
func NewNGram(order, vocab int) *NGram {
	if order < 1 || order > 8 || vocab < 1 || vocab > 1<<16 {
		panic(fmt.Sprintf("eval: n-grams of order %d over %d tokens", order, vocab))
	}
	return &NGram{order: order, vocab: vocab, nodes: newIndex(), parent: []uint32{0}, depth: []uint8{0}, count: []uint32{0}}
}

// Add counts one sequence. Its first token is context only.
func (g *NGram) Add(ids []uint16) {
	tails, next := make([]uint32, g.order+1), make([]uint32, g.order+1) // [k] node of the last k tokens
	have := 0                                                           // tails[0..have] are valid
	for i, id := range ids {
		for k := 0; k <= have && k < g.order; k++ {
			node, fresh := g.child(tails[k], id)
			next[k+1] = node
			if i == 0 {
				continue // the first token is never predicted
			}
			if k+1 == g.order || i == k { // the highest order, and what has no left neighbour, count by occurrence
				g.count[node]++
			}
			if fresh && k > 0 {
				g.count[next[k]]++
			}
		}
		have = min(have+1, g.order-1)
		tails, next = next, tails
	}
}

// child returns the node of parent's n-gram followed by id, and whether it is new.
func (g *NGram) child(parent uint32, id uint16) (uint32, bool) {
	node, fresh := g.nodes.put(uint64(parent)<<16|uint64(id), uint32(len(g.parent)))
	if fresh {
		g.parent, g.depth, g.count = append(g.parent, parent), append(g.depth, g.depth[parent]+1), append(g.count, 0)
	}
	return node, fresh
}

// Finish computes the discounts; Add must not be called after it.
func (g *NGram) Finish() {
	g.total, g.kinds = make([]uint32, len(g.parent)), make([]uint32, len(g.parent))
	ones, twos := make([]float64, g.order+1), make([]float64, g.order+1)
	for i := 1; i < len(g.parent); i++ {
		c := g.count[i]
		if c == 0 {
			continue
		}
		g.total[g.parent[i]] += c
		g.kinds[g.parent[i]]++
		switch c {
		case 1:
			ones[g.depth[i]]++
		case 2:
			twos[g.depth[i]]++
		}
	}
	g.discount = make([]float64, g.order+1)
	for n := 1; n <= g.order; n++ {
		g.discount[n] = 0.5
		if ones[n] > 0 {
			g.discount[n] = ones[n] / (ones[n] + 2*twos[n])
		}
		g.discount[n] = min(g.discount[n], 0.95) // some mass stays with what was seen
	}
}

// Prob is the probability that id follows context, of which the last order−1 tokens count.
func (g *NGram) Prob(context []uint16, id uint16) float64 {
	p := 1 / float64(g.vocab)
	longest := min(len(context), g.order-1)
	for k := 0; k <= longest; k++ { // from the shortest context to the longest
		node, ok := uint32(0), true
		for _, t := range context[len(context)-k:] {
			if node, ok = g.nodes.get(uint64(node)<<16 | uint64(t)); !ok {
				break
			}
		}
		if !ok || g.total[node] == 0 {
			return p // a longer context was not seen either
		}
		c := 0.0
		if next, ok := g.nodes.get(uint64(node)<<16 | uint64(id)); ok {
			c = float64(g.count[next])
		}
		d, t := g.discount[k+1], float64(g.total[node])
		p = max(c-d, 0)/t + d*float64(g.kinds[node])/t*p
	}
	return p
}

// Size is the number of n-grams held.
func (g *NGram) Size() int { return len(g.parent) - 1 }

// Shard measures the model on a source as Shard measures a network; Accuracy stays 0.
func (g *NGram) Shard(s *dataset.Shard, o Options) Loss {
	var all, reply, bytes float64
	var l Loss
	for i := 0; i < s.Sequences() && (l.Tokens < o.MaxTokens || o.MaxTokens <= 0); i++ {
		ids := s.Tokens[s.Start[i]:s.Start[i+1]]
		only := o.marks(s, s.Start[i], s.Start[i+1])
		for j := 1; j < len(ids); j++ {
			if only != nil && !only[j] {
				continue
			}
			nats := -math.Log(g.Prob(ids[max(0, j-g.order+1):j], ids[j]))
			all += nats
			l.Tokens++
			if s.Reply[s.Start[i]+j] {
				reply += nats
				l.Replies++
			}
			if o.TokenBytes != nil {
				bytes += float64(o.TokenBytes[ids[j]])
			}
		}
	}
	l.All, l.Reply = all/max(1, float64(l.Tokens)), reply/max(1, float64(l.Replies))
	if bytes > 0 {
		l.Bits = all / math.Ln2 / bytes
	}
	return l
}

// index is a hash table from keys to node numbers, open addressing, at most half full.
type index struct {
	keys []uint64 // key+1; 0 is free
	vals []uint32
	used int
}

func newIndex() index { return index{keys: make([]uint64, 1024), vals: make([]uint32, 1024)} }

func (x *index) slot(key uint64) int {
	mask := uint64(len(x.keys) - 1)
	i := (key * 0x9e3779b97f4a7c15) >> 20 & mask
	for x.keys[i] != 0 && x.keys[i] != key+1 {
		i = (i + 1) & mask
	}
	return int(i)
}

func (x *index) get(key uint64) (uint32, bool) {
	i := x.slot(key)
	return x.vals[i], x.keys[i] != 0
}

// put returns the value of key, which becomes v if there was none.
func (x *index) put(key uint64, v uint32) (val uint32, fresh bool) {
	i := x.slot(key)
	if x.keys[i] != 0 {
		return x.vals[i], false
	}
	if 2*(x.used+1) > len(x.keys) {
		old := *x
		*x = index{keys: make([]uint64, 2*len(old.keys)), vals: make([]uint32, 2*len(old.keys)), used: old.used}
		for j, k := range old.keys {
			if k != 0 {
				n := x.slot(k - 1)
				x.keys[n], x.vals[n] = k, old.vals[j]
			}
		}
		i = x.slot(key)
	}
	x.keys[i], x.vals[i] = key+1, v
	x.used++
	return v, true
}
