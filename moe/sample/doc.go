// Package sample draws one token from a model's logits.
//
// The order of the steps is that of llama.cpp's default chain: what is forbidden,
// repetition, frequency and presence penalties, DRY, top-k, typical-p, top-p, min-p,
// temperature, one draw. The filters see the distribution at temperature 1, so that a
// high temperature does not let in what they keep out. Nothing sorts the vocabulary:
// each filter selects what it keeps in time proportional to what there is.
//
// A Sampler is for one sequence and one goroutine; a Ban is safe for concurrent use.
package sample
