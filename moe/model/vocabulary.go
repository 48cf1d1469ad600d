package model

import (
	"errors"
	"fmt"
	"math"

	"moebot/moe/tokenizer"
)

// Tokenizer makes the tokenizer whose tables the metadata has; it does not need src any
// more.
func Tokenizer(src Source) (*tokenizer.Tokenizer, error) {
	spec, err := Vocabulary(src)
	if err != nil {
		return nil, err
	}
	return tokenizer.New(spec)
}

// Fits is an error unless the model knows every token of the vocabulary. It may know more.
func (m *Model) Fits(tok *tokenizer.Tokenizer) error {
	if tok.Size() > m.Config.Vocab {
		return fmt.Errorf("the vocabulary has %d tokens, the model knows %d", tok.Size(), m.Config.Vocab)
	}
	return nil
}

// Vocabulary reads the tokenizer's tables from the metadata. One error names all
// that is missing or wrong; what the tables say to each other is for
// tokenizer.New to check.
func Vocabulary(src Source) (tokenizer.Spec, error) {
	const p = "tokenizer.ggml."
	var s tokenizer.Spec
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	str := func(dst *string, key string) {
		v, _, err := src.String(key)
		*dst = v
		note(err)
	}
	strs := func(dst *[]string, key string, required bool) {
		v, ok, err := src.Strings(key)
		if err == nil && !ok && required {
			err = fmt.Errorf("%s is missing", key)
		}
		*dst = v
		note(err)
	}
	// id reads a token's number. For one outside the vocabulary, such as the largest,
	// by which writers mean "none", the default counts, and for such a default none.
	id := func(dst *int32, key string, missing int32) {
		if int(missing) >= len(s.Tokens) {
			missing = -1
		}
		v, ok, err := src.Uint(p + key)
		note(err)
		switch *dst = missing; {
		case !ok || err != nil:
		case v > math.MaxUint32:
			note(fmt.Errorf("%s%s is %d, which is no token", p, key, v))
		case v < uint64(len(s.Tokens)):
			*dst = int32(v)
		}
	}
	flag := func(dst *bool, key string, missing bool) {
		v, ok, err := src.Bool(p + key)
		if *dst = v; !ok {
			*dst = missing
		}
		note(err)
	}
	str(&s.Name, "general.name")
	str(&s.Model, p+"model")
	str(&s.Pre, p+"pre")
	known := s.Model == "gpt2" || s.Model == "llama"
	strs(&s.Tokens, p+"tokens", known)
	strs(&s.Merges, p+"merges", s.Model == "gpt2")
	kinds, _, err := src.Ints(p + "token_type")
	note(err)
	for _, k := range kinds[:min(len(kinds), len(s.Tokens))] { // what is too much is not read
		s.Kinds = append(s.Kinds, tokenizer.Kind(k))
	}
	scores, err := scoresOf(src, p+"scores")
	note(err)
	s.Scores = scores[:min(len(scores), len(s.Tokens))]
	bos, eos := int32(-1), int32(-1) // llama.cpp's 11 for both in byte-level BPE is right for Falcon alone
	if s.Model == "llama" {
		bos, eos = 1, 2
	}
	id(&s.BOS, "bos_token_id", bos)
	id(&s.EOS, "eos_token_id", eos)
	id(&s.EOT, "eot_token_id", -1)
	id(&s.Pad, "padding_token_id", -1)
	flag(&s.AddBOS, "add_bos_token", tokenizer.AddsBOS(s.Model, s.Pre))
	flag(&s.AddEOS, "add_eos_token", false)
	prefix := true
	flag(&prefix, "add_space_prefix", true)
	s.NoSpacePrefix = !prefix
	str(&s.ChatTemplate, "tokenizer.chat_template")
	if err := errors.Join(errs...); err != nil {
		return s, fmt.Errorf("vocabulary: %w", err)
	}
	if s.Model == "" {
		return s, errors.New("vocabulary: the file has none (tokenizer.ggml.model)")
	}
	return s, nil
}

// scoresOf reads the scores of tokens, which some writers have as integers; nil without them.
func scoresOf(src Source, key string) ([]float32, error) {
	floats, ok, err := src.Floats(key)
	if !ok {
		return nil, err
	}
	ints, _, wrong := src.Ints(key)
	if err != nil && wrong != nil {
		return nil, err
	}
	scores := make([]float32, 0, len(floats)+len(ints)) // one of them
	for _, x := range floats {
		scores = append(scores, float32(x))
	}
	for _, x := range ints {
		scores = append(scores, float32(x))
	}
	return scores, nil
}
