// Package tokenizer turns text into tokens and back, to the very ids that llama.cpp
// gives. It has two models:
//
//   - "gpt2": byte-level BPE (Sennrich et al. 2016, arXiv 1508.07909, on bytes as in
//     Radford et al. 2019, GPT-2). A pre-tokenizer, which vocabularies name, cuts the
//     text into words; each is merged by itself.
//   - "llama": SentencePiece's BPE (Kudo & Richardson 2018, arXiv 1808.06226), where
//     the best-scored token that two neighbours form is made first, and characters
//     without a token become bytes.
//
// A Tokenizer is built from a Spec and safe for concurrent use; where the Spec comes
// from is left to others. Special tokens in text are text unless the caller allows
// them, so that nobody can forge the borders of a conversation.
//
// It differs from llama.cpp in three things, none of which a sound vocabulary and
// UTF-8 text can show: bytes that are no UTF-8 are kept one by one, where llama.cpp
// makes U+FFFD of them or takes their neighbours in; merging never yields a control
// token; a merge whose result is no token is undone into bytes instead of lost.
//
// And it differs in gpt-oss' special tokens: llama.cpp calls <|start|>, <|channel|>,
// <|message|>, <|constrain|> and <|end|> user-defined, to show them and to go on behind
// <|end|> with the next channel. Anybody could write them then, and with them the
// borders of a conversation. Here they are special as the file says, and <|end|> ends a
// reply, which package prompt begins in the channel that is read.
package tokenizer
