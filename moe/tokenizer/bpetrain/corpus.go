package bpetrain

import "container/heap"

// pair is two neighbouring tokens, the left one in the upper half. Its order as a
// number is the order among equally frequent pairs: older left token, then older right.
type pair uint64

func pairOf(left, right int32) pair { return pair(uint32(left))<<32 | pair(uint32(right)) }
func (p pair) left() int32          { return int32(p >> 32) }
func (p pair) right() int32         { return int32(uint32(p)) }

// corpus is the distinct words as tokens, with the frequency of all pairs in them.
type corpus struct {
	words []word
	pairs map[pair]*occurrence
	queue queue
	grown []pair // pairs that the merge in progress has made more frequent
}

// word is a pre-token's present tokens and how often it occurs.
type word struct {
	tokens []int32
	count  int64
}

// occurrence is how often a pair occurs in all words, and a list of the
// words that may have it. A word that loses it stays in the list, and may come twice.
type occurrence struct {
	count int64
	words []int32
	grown bool // is in corpus.grown
}

// newCorpus cuts words that occur least times or more into bytes; byte b is the
// token first+b.
func newCorpus(words Words, least int64, first int32) *corpus {
	c := &corpus{pairs: make(map[pair]*occurrence)}
	nBytes := 0
	for w := range words {
		nBytes += len(w)
	}
	tokens := make([]int32, 0, nBytes) // all words lie in one array
	for text, n := range words {       // in any order: only sums are made of it
		if len(text) < 2 || n < least {
			continue // no pair, or left out
		}
		start := len(tokens)
		for i := range len(text) {
			tokens = append(tokens, first+int32(text[i]))
		}
		w := word{tokens[start:len(tokens):len(tokens)], n}
		for i := range len(w.tokens) - 1 {
			c.add(pairOf(w.tokens[i], w.tokens[i+1]), int32(len(c.words)), n)
		}
		c.words = append(c.words, w)
	}
	c.push()
	return c
}

// add counts n more occurrences of p in a word (fewer if negative). A merge or the
// first count goes through the words in ascending order.
func (c *corpus) add(p pair, word int32, n int64) {
	o := c.pairs[p]
	if o == nil {
		o = &occurrence{}
		c.pairs[p] = o
	}
	o.count += n
	if n < 0 {
		return
	}
	if k := len(o.words); k == 0 || o.words[k-1] != word {
		o.words = append(o.words, word)
	}
	if !o.grown {
		o.grown = true
		c.grown = append(c.grown, p)
	}
}

// push puts the pairs that have grown into the queue. Shrunken pairs keep their old
// place there, too far in front, until best finds them.
func (c *corpus) push() {
	for _, p := range c.grown {
		o := c.pairs[p]
		o.grown = false
		if o.count > 0 {
			heap.Push(&c.queue, entry{o.count, p})
		}
	}
	c.grown = c.grown[:0]
}

// best takes the most frequent pair from the queue, false if there is none. If the
// caller does not merge it, it comes back only if it grows.
func (c *corpus) best() (pair, bool) {
	for len(c.queue) > 0 {
		e := c.queue[0]
		o := c.pairs[e.pair]
		switch {
		case o == nil || o.count == 0:
			delete(c.pairs, e.pair)
			heap.Pop(&c.queue)
		case o.count != e.count: // a place of before; find the present one
			c.queue[0].count = o.count
			heap.Fix(&c.queue, 0)
		default:
			heap.Pop(&c.queue)
			return e.pair, true
		}
	}
	return 0, false
}

// merge replaces p by the token id in all words, in each from left to right.
func (c *corpus) merge(p pair, id int32) {
	left, right := p.left(), p.right()
	for _, at := range c.pairs[p].words {
		w := &c.words[at]
		t, n := w.tokens, w.count
		out := 0 // t[:out] is done
		for i := 0; i < len(t); i++ {
			if t[i] != left || i+1 == len(t) || t[i+1] != right {
				t[out] = t[i]
				out++
				continue
			}
			if out > 0 {
				c.add(pairOf(t[out-1], left), at, -n)
				c.add(pairOf(t[out-1], id), at, n)
			}
			if i+2 < len(t) {
				c.add(pairOf(right, t[i+2]), at, -n)
				c.add(pairOf(id, t[i+2]), at, n)
			}
			t[out] = id
			out++
			i++
		}
		w.tokens = t[:out]
	}
	delete(c.pairs, p)
	c.push()
}

// queue is a heap of pairs, the most frequent first. A pair may be there more than
// once; one entry at least counts no less than the pair occurs.
type queue []entry

type entry struct {
	count int64
	pair  pair
}

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].count > q[j].count || q[i].count == q[j].count && q[i].pair < q[j].pair
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(entry)) }
func (q *queue) Pop() any {
	e := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return e
}
