// Package gguf reads and writes GGUF files, versions 2 and 3, little-endian: a
// table of typed metadata, a table of tensors, and the tensors' bytes. A file is
// mapped into memory, or read in place from bytes already there; tensor data is
// never copied. What the metadata means is left to others.
//
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
//
// A File is safe for concurrent reading.
package gguf
