// Package kvcache keeps the keys and values of one sequence, so that a token is
// computed once: what a conversation shares with what its cache has seen need not
// be read again. A Cache is for one goroutine at a time.
package kvcache

import "fmt"

// Cache holds, for each layer, the keys and values of the tokens in Tokens.
type Cache struct {
	// Tokens are the ids whose keys and values are present, position 0 first.
	Tokens []int32

	layers, width, limit, capacity int
	k, v                           [][]float32 // [layer][capacity·width]
}

// New returns an empty cache for a model of so many layers with keys of width
// elements (KV heads × head dim), for at most limit tokens. Memory is taken as the
// sequence grows: 8·layers·width bytes a token.
func New(layers, width, limit int) *Cache {
	return &Cache{layers: layers, width: width, limit: limit, k: make([][]float32, layers), v: make([][]float32, layers)}
}

// Limit is the largest number of tokens.
func (c *Cache) Limit() int { return c.limit }

// Bytes is the memory held.
func (c *Cache) Bytes() int { return 8 * c.layers * c.width * c.capacity }

// Prefix is the number of leading tokens of ids that the cache has.
func (c *Cache) Prefix(ids []int32) int {
	n := 0
	for n < len(ids) && n < len(c.Tokens) && ids[n] == c.Tokens[n] {
		n++
	}
	return n
}

// Truncate forgets all but the first n tokens.
func (c *Cache) Truncate(n int) { c.Tokens = c.Tokens[:n] }

// Append takes in a token whose keys and values the caller will write at its
// position before they are read. It returns the position.
func (c *Cache) Append(id int32) int {
	n := len(c.Tokens)
	if n == c.limit {
		panic(fmt.Sprintf("kvcache: more than %d tokens", c.limit))
	}
	if n == c.capacity {
		c.grow()
	}
	c.Tokens = append(c.Tokens, id)
	return n
}

func (c *Cache) grow() {
	c.capacity = min(c.limit, max(64, c.capacity+c.capacity/2))
	for i := range c.layers {
		k, v := make([]float32, c.capacity*c.width), make([]float32, c.capacity*c.width)
		copy(k, c.k[i])
		copy(v, c.v[i])
		c.k[i], c.v[i] = k, v
	}
}

// Keys and Values are the layer's rows [tokens, width]; the slices are valid until
// the next Append.
func (c *Cache) Keys(layer int) []float32   { return c.k[layer] }
func (c *Cache) Values(layer int) []float32 { return c.v[layer] }
