// Package tokenizer turns text into tokens and back: byte-level BPE (Sennrich et
// al. 2016, arXiv 1508.07909, on bytes as in Radford et al. 2019, GPT-2) with the
// pre-tokenizers gpt-2, llama-bpe and qwen2, to the very ids that llama.cpp gives.
//
// A Tokenizer is built from a Spec and safe for concurrent use; where the Spec
// comes from is left to others. Special tokens in text are text unless the caller
// allows them, so that nobody can forge the borders of a conversation.
package tokenizer
