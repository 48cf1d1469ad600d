// Package engine serves many requests on one model.
//
// One goroutine owns the model and steps it: each step takes one token of every
// reply in progress and, beside them, a chunk of the prompts still to be read, so
// that a long prompt delays nobody for long. A request gets a slot, whose key-value
// cache stays behind it: a conversation that goes on finds its tokens there and
// reads only what is new. Two sequences share no memory.
//
// An Engine is safe for concurrent use.
package engine
