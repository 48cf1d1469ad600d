// Package engine serves many requests on one model.
//
// One goroutine owns the model and steps it: each step takes one token of every
// reply in progress and, beside them, a chunk of the prompts still to be read, so
// that a long prompt delays nobody for long.
//
// A conversation's keys and values stay behind when its reply has ended: when it
// goes on, only what is new is read. The conversations unused for longest are
// forgotten when memory is short. Two conversations share no memory; what one has
// read that another's prompt begins with, such as a system text, is copied, and read
// once even if they come at the same time.
//
// The same Request gives the same reply, whatever else is going on, was going on
// before, and on how many threads: model.Forward promises the same for logits.
//
// Best makes several replies and gives out the likeliest.
//
// An Engine is safe for concurrent use.
package engine
