// Package dataset turns a corpus into training batches: it reads documents (plain
// text, JSON lines, zstd), renders them as tokens with a mask of the assistant's
// words, stores them as shards, and mixes shards into shuffled micro-batches.
//
// A batch stream is a function of the shards, the seed and the sequence of mixes
// asked for, so that a resumed run sees the very batches that the run without the
// break would have seen.
package dataset
