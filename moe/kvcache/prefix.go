package kvcache

import "fmt"

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

// CopyPrefix makes the first n tokens of other, which must be of the same shape,
// all that c holds. The two share no memory.
func (c *Cache) CopyPrefix(other *Cache, n int) {
	if c.shape != other.shape || n > len(other.Tokens) || n > c.limit {
		panic(fmt.Sprintf("kvcache: %d tokens of %d in the shape %+v, into %+v, limit %d", n, len(other.Tokens), other.shape, c.shape, c.limit))
	}
	c.Tokens = c.Tokens[:0]
	c.Reserve(n)
	c.Tokens = append(c.Tokens, other.Tokens[:n]...)
	for i := range c.layers {
		copy(c.k[i], other.k[i][:n*c.keyRow()])
		copy(c.v[i], other.v[i][:n*c.valueRow()])
	}
}
