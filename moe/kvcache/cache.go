// Package kvcache keeps the keys and values of one sequence, so that a token is
// computed once: what a conversation shares with what its cache has seen need not
// be read again. A Cache is for one goroutine at a time.
package kvcache

import "fmt"

// Cache holds, for each layer, the keys and values of the tokens in Tokens.
type Cache struct {
	// Tokens are the ids whose keys and values are present, position 0 first.
	Tokens []int32

	layers, keyWidth, valueWidth, limit, capacity int

	k, v [][]float32 // [layer][capacity·keyWidth], [layer][capacity·valueWidth]
}

// New returns an empty cache for a model of so many layers with keys and values of
// the widths given (KV heads × elements of a head; 0 for values that are a part of
// the keys), for at most limit tokens. Memory is taken as the sequence grows:
// 4·layers·(keyWidth+valueWidth) bytes a token.
func New(layers, keyWidth, valueWidth, limit int) *Cache {
	return &Cache{layers: layers, keyWidth: keyWidth, valueWidth: valueWidth, limit: limit, k: make([][]float32, layers), v: make([][]float32, layers)}
}

// Limit is the largest number of tokens.
func (c *Cache) Limit() int { return c.limit }

// Bytes is the memory held.
func (c *Cache) Bytes() int { return c.bytes(c.capacity) }

// step is the number of tokens by which memory grows, so that a conversation that
// goes on does not move its memory at each message.
const step = 128

func (c *Cache) bytes(capacity int) int { return 4 * c.layers * (c.keyWidth + c.valueWidth) * capacity }

func (c *Cache) roundUp(n int) int {
	return max(c.capacity, min(c.limit, (n+step-1)/step*step))
}

// BytesFor is the memory held after Reserve(n).
func (c *Cache) BytesFor(n int) int { return c.bytes(c.roundUp(n)) }

// Reserve takes the memory for n tokens in all, at most the limit, so that adding
// them will take none.
func (c *Cache) Reserve(n int) {
	if n = c.roundUp(n); n > c.capacity {
		c.resize(n)
	}
	if cap(c.Tokens) < c.capacity {
		c.Tokens = append(make([]int32, 0, c.capacity), c.Tokens...)
	}
}

// Append takes in a token whose keys and values the caller will write at its
// position before they are read. It returns the position. It panics at the limit.
func (c *Cache) Append(id int32) int {
	n := len(c.Tokens)
	if n == c.limit {
		panic(fmt.Sprintf("kvcache: more than %d tokens", c.limit))
	}
	if n == c.capacity {
		c.Reserve(max(n+1, n+n/2))
	}
	c.Tokens = append(c.Tokens, id)
	return n
}

// resize moves what is there to new memory.
func (c *Cache) resize(capacity int) {
	used := len(c.Tokens)
	for i := range c.layers {
		k, v := make([]float32, capacity*c.keyWidth), make([]float32, capacity*c.valueWidth)
		copy(k, c.k[i][:used*c.keyWidth])
		copy(v, c.v[i][:used*c.valueWidth])
		c.k[i], c.v[i] = k, v
	}
	c.capacity = capacity
}

// Keys and Values are the layer's rows [tokens, key or value width]; the slices are valid until
// the next Append or Reserve.
func (c *Cache) Keys(layer int) []float32   { return c.k[layer] }
func (c *Cache) Values(layer int) []float32 { return c.v[layer] }
