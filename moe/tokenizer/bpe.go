package tokenizer

import (
	"fmt"
	"math"
	"strings"
)

// bpe merges the bytes of a pre-token, best pair first, leftmost among equals.
// Symbols have numbers of their own, since a merge may make one that is no token.
type bpe struct {
	bytes [256]int32       // symbol of a byte
	pairs map[uint64]merge // by left<<32 | right
	token []int32          // [symbol] id in the vocabulary, -1 for none
	text  []string         // [symbol] as the vocabulary writes it
}

type merge struct{ rank, symbol int32 }

// newBPE reads a list of merges, best first. id finds the token of a text, -1 for none.
func newBPE(merges []string, id func(text string) int32) (*bpe, error) {
	b := &bpe{pairs: make(map[uint64]merge, len(merges))}
	symbols := make(map[string]int32, len(merges)+256)
	intern := func(s string) int32 {
		if n, ok := symbols[s]; ok {
			return n
		}
		n := int32(len(b.token))
		symbols[s] = n
		b.token, b.text = append(b.token, id(s)), append(b.text, s)
		return n
	}
	for i, r := range byteRune {
		b.bytes[i] = intern(string(r))
	}
	for i, m := range merges {
		// the first blank after the first character parts them, as llama.cpp has it
		at := -1
		if len(m) > 1 {
			at = strings.IndexByte(m[1:], ' ')
		}
		if at < 0 {
			return nil, fmt.Errorf("tokenizer: merge %d is %q, want two parts", i, m)
		}
		left, right := m[:at+1], m[at+2:]
		key := uint64(intern(left))<<32 | uint64(intern(right))
		if _, ok := b.pairs[key]; !ok {
			b.pairs[key] = merge{int32(i), intern(left + right)}
		}
	}
	return b, nil
}

func (b *bpe) pair(left, right int32) merge {
	if m, ok := b.pairs[uint64(left)<<32|uint64(right)]; ok {
		return m
	}
	return merge{rank: math.MaxInt32}
}

// shortWord is the length up to which looking through all pairs beats a heap, bytes.
const shortWord = 48

// append adds the tokens of word to dst.
func (b *bpe) append(dst []int32, word string) []int32 {
	if len(word) > shortWord {
		return b.appendLong(dst, word)
	}
	var symbols [shortWord]int32
	var next [shortWord]merge // next[i] joins symbols i and i+1
	n := len(word)
	for i := range n {
		symbols[i] = b.bytes[word[i]]
		if i > 0 {
			next[i-1] = b.pair(symbols[i-1], symbols[i])
		}
	}
	for n > 1 {
		best := 0
		for i := 1; i < n-1; i++ {
			if next[i].rank < next[best].rank {
				best = i
			}
		}
		if next[best].rank == math.MaxInt32 {
			break
		}
		symbols[best] = next[best].symbol
		copy(symbols[best+1:n-1], symbols[best+2:n])
		copy(next[best:n-2], next[best+1:n-1])
		n--
		if best > 0 {
			next[best-1] = b.pair(symbols[best-1], symbols[best])
		}
		if best < n-1 {
			next[best] = b.pair(symbols[best], symbols[best+1])
		}
	}
	for _, s := range symbols[:n] {
		dst = b.emit(dst, s)
	}
	return dst
}

// emit adds the token of a symbol, or those of its bytes if it is none.
func (b *bpe) emit(dst []int32, symbol int32) []int32 {
	if id := b.token[symbol]; id >= 0 {
		return append(dst, id)
	}
	for _, r := range b.text[symbol] {
		if isByteRune(r) {
			if id := b.token[b.bytes[runeByte[r]]]; id >= 0 {
				dst = append(dst, id)
			}
		}
	}
	return dst
}

// node is a symbol in the linked list of a long word; prev and next are -1 at the ends.
type node struct{ symbol, prev, next int32 }

// candidate is a pair that may be merged; it is stale if its symbols have changed.
type candidate struct {
	merge
	at, left, right int32
}

func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.at < d.at
}

// appendLong does what append does in n·log n steps.
func (b *bpe) appendLong(dst []int32, word string) []int32 {
	nodes := make([]node, len(word))
	for i := range nodes {
		nodes[i] = node{b.bytes[word[i]], int32(i - 1), int32(i + 1)}
	}
	nodes[len(nodes)-1].next = -1
	queue := heap[candidate]{make([]candidate, 0, len(word)), candidate.before}
	push := func(at int32) {
		if at < 0 || nodes[at].next < 0 {
			return
		}
		l, r := nodes[at].symbol, nodes[nodes[at].next].symbol
		if m := b.pair(l, r); m.rank != math.MaxInt32 {
			queue.push(candidate{m, at, l, r})
		}
	}
	for i := range nodes {
		push(int32(i))
	}
	const dead = -1
	for len(queue.items) > 0 {
		c := queue.pop()
		right := nodes[c.at].next
		if nodes[c.at].symbol != c.left || right < 0 || nodes[right].symbol != c.right {
			continue
		}
		nodes[c.at].symbol, nodes[c.at].next = c.symbol, nodes[right].next
		if nodes[right].next >= 0 {
			nodes[nodes[right].next].prev = c.at
		}
		nodes[right].symbol = dead
		push(nodes[c.at].prev)
		push(c.at)
	}
	for i := int32(0); i >= 0; i = nodes[i].next {
		dst = b.emit(dst, nodes[i].symbol)
	}
	return dst
}
