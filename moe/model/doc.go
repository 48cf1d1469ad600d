// Package model is the network as it answers: its shape, its weights where they
// lie, and the forward pass over a batch of tokens of any number of sequences.
//
// It knows no file format: a Source gives it tensors by name and metadata by key,
// under the names that GGUF files of architecture "llama" use (Mixtral and dense
// Llama models). It is the decoder that package backprop trains; see there for the
// papers.
//
// A Model is read-only and may be shared. A Scratch, the memory of one forward
// pass, and the caches of a batch are for one goroutine at a time.
package model
