package bpetrain

import (
	"context"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"moebot/moe/tokenizer"
)

// Options say what vocabulary to make.
type Options struct {
	Pre      string   // pre-tokenizer that the words were counted with
	Vocab    int      // tokens in all: special tokens, 256 bytes, merges
	Specials []string // control tokens, ids 0, 1, ...

	MinCount int64 // words that occur less often are left out; 0 is 1
	MaxBytes int   // longest text of a token; 0 is no limit
}

// Train learns a vocabulary: the special tokens, the bytes in the order of their
// values, then the results of the merges, best first. It has fewer tokens than asked
// for if no pair is left to merge. Spec names no BOS, EOS, EOT or padding (-1).
//
// No merge makes the text of a special token, even where the words have it: text
// could then be taken for the token. Such a pair, or one longer than MaxBytes, stays
// apart, and the next best is merged instead. The error names wrong options or is that of ctx.
// words is only read.
func Train(ctx context.Context, words Words, o Options) (tokenizer.Spec, error) {
	if err := o.check(); err != nil {
		return tokenizer.Spec{}, err
	}
	s := tokenizer.Spec{Model: "gpt2", Pre: o.Pre, BOS: -1, EOS: -1, EOT: -1, Pad: -1, Tokens: slices.Clone(o.Specials)}
	for b := range 256 {
		s.Tokens = append(s.Tokens, tokenizer.MapBytes(string([]byte{byte(b)})))
	}
	ids := make(map[string]int32, o.Vocab)
	for i, t := range s.Tokens {
		ids[t] = int32(i)
	}
	special := int32(len(o.Specials))
	c := newCorpus(words, max(o.MinCount, 1), special)
	for len(s.Tokens) < o.Vocab {
		if err := ctx.Err(); err != nil {
			return tokenizer.Spec{}, err
		}
		p, ok := c.best()
		if !ok {
			break
		}
		left, right := s.Tokens[p.left()], s.Tokens[p.right()]
		// A text that is a token already, made by another merge, stays one token.
		id, ok := ids[left+right]
		if ok && id < special || o.MaxBytes > 0 && textBytes(left+right) > o.MaxBytes {
			continue
		}
		if !ok {
			id = int32(len(s.Tokens))
			ids[left+right] = id
			s.Tokens = append(s.Tokens, left+right)
		}
		s.Merges = append(s.Merges, left+" "+right)
		c.merge(p, id)
	}
	s.Kinds = make([]tokenizer.Kind, len(s.Tokens))
	for i := range s.Kinds {
		s.Kinds[i] = tokenizer.Normal
		if int32(i) < special {
			s.Kinds[i] = tokenizer.Control
		}
	}
	return s, nil
}

func (o Options) check() error {
	if _, err := tokenizer.SplitFunc(o.Pre); err != nil {
		return err
	}
	if least := len(o.Specials) + 256; o.Vocab < least || o.Vocab > math.MaxInt32 {
		return fmt.Errorf("train: a vocabulary of %d tokens, want at least %d (%d special tokens and 256 bytes)", o.Vocab, least, len(o.Specials))
	}
	if o.MinCount < 0 || o.MaxBytes < 0 {
		return fmt.Errorf("train: words from %d occurrences on, tokens of %d bytes at most: want no negative number", o.MinCount, o.MaxBytes)
	}
	taken := map[string]bool{"": true}
	for b := range 256 {
		taken[tokenizer.MapBytes(string([]byte{byte(b)}))] = true
	}
	for _, t := range o.Specials {
		if taken[t] {
			return fmt.Errorf("train: special token %q is empty, a byte, or there twice", t)
		}
		taken[t] = true
	}
	return nil
}

// textBytes is the length of the text that a token stands for: vocabularies write
// each byte as one character.
func textBytes(token string) int { return utf8.RuneCountInString(token) }
