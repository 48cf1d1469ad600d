// Package bpetrain learns the merges of a byte-level BPE vocabulary from text
// (Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword
// Units", arXiv 1508.07909, algorithm 1; on bytes as in Radford et al. 2019, GPT-2).
//
// It is done in two steps. Count splits texts into pre-tokens and counts equal
// ones, in parallel. Train joins the most frequent pair of neighbouring tokens
// inside the pre-tokens into a new token, again and again, until the vocabulary has
// the size asked for. Reading a corpus is left to the caller.
//
// The result depends on the counts alone: not on the order of the texts, nor on the
// number of workers. Of pairs that are equally frequent the one with the older left
// token is merged first, then the one with the older right token; special tokens
// are older than bytes, bytes older than merges, and a byte is older than a greater
// one. As each step looks at nothing but the steps before, a vocabulary is the
// beginning of any larger one from the same counts.
//
// Differs from the paper in that a word has no end mark and that pairs overlapping
// in a run of equal tokens ("aaa" has two) are counted at each position.
package bpetrain
