// Package kvcache keeps the keys and values of one sequence, so that a token is
// computed once: what a conversation shares with what its cache has seen need not
// be read again. A Cache is for one goroutine at a time.
package kvcache

import (
	"fmt"

	"moebot/moe/tensor"
)

// Cache holds, for each layer, the keys and values of the tokens in Tokens.
type Cache struct {
	// Tokens are the ids whose keys and values are present, position 0 first.
	Tokens []int32

	shape
	limit, capacity int

	k, v [][]byte // [layer][capacity·row]
}

// shape is what two caches have in common between which rows can be copied.
type shape struct {
	typ                          tensor.Type
	layers, keyWidth, valueWidth int
}

// keyRow and valueRow are the bytes of a token's keys and values in a layer.
func (s shape) keyRow() int   { return s.typ.Bytes(s.keyWidth) }
func (s shape) valueRow() int { return s.typ.Bytes(s.valueWidth) }

// New returns an empty cache of the type for a model of so many layers with keys and
// values of the widths given (KV heads × elements of a head, whole blocks of the type; 0
// for values that are a part of the keys), for at most limit tokens. Memory is taken
// as the sequence grows: layers·(keyWidth+valueWidth) elements a token.
func New(t tensor.Type, layers, keyWidth, valueWidth, limit int) *Cache {
	return &Cache{shape: shape{t, layers, keyWidth, valueWidth}, limit: limit, k: make([][]byte, layers), v: make([][]byte, layers)}
}

// Type is that of the elements.
func (c *Cache) Type() tensor.Type { return c.typ }

// Limit is the largest number of tokens.
func (c *Cache) Limit() int { return c.limit }

// Bytes is the memory held.
func (c *Cache) Bytes() int { return c.bytes(c.capacity) }

// step is the number of tokens by which memory grows, so that a conversation that
// goes on does not move its memory at each message.
const step = 128

func (c *Cache) bytes(capacity int) int { return c.layers * (c.keyRow() + c.valueRow()) * capacity }

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
		k, v := make([]byte, capacity*c.keyRow()), make([]byte, capacity*c.valueRow())
		copy(k, c.k[i][:used*c.keyRow()])
		copy(v, c.v[i][:used*c.valueRow()])
		c.k[i], c.v[i] = k, v
	}
	c.capacity = capacity
}

// Keys and Values are the layer's rows, one of key or value width for each token, in
// bytes of the type; the slices are valid until the next Append or Reserve.
func (c *Cache) Keys(layer int) []byte   { return c.k[layer] }
func (c *Cache) Values(layer int) []byte { return c.v[layer] }
