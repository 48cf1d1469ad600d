// Package model is the network as it answers: its shape, its weights where they
// lie, and the forward pass over a batch of tokens of any number of sequences.
//
// It knows no file format: a Source gives it tensors by name and metadata by key,
// under the names that GGUF files use. There is one network with options, which
// Config names; architecture.go says which of them each architecture has: Llama and
// Mixtral, Qwen 2 and 3 with and without experts, OLMoE, Granite with and without
// experts, Phi-3.5-MoE, gpt-oss, and DeepSeek-V2 and V3. Where a family's paper and
// llama.cpp differ, files are made for llama.cpp, and it is followed: Phi-3.5-MoE's
// norms are RMSNorms with a bias, the sliding window of a file is applied for gpt-oss
// alone, and DeepSeek-V2's groups of experts are ranked as V3's are.
//
// Package backprop trains a part of this, see there for the papers of that part.
//
// A Model is read-only and may be shared. A Scratch, the memory of one forward
// pass, and the caches of a batch are for one goroutine at a time.
package model
