package model

import (
	"errors"
	"fmt"

	"moebot/moe/tokenizer"
)

// Vocabulary reads the tokenizer's tables from the metadata.
func Vocabulary(src Source) (tokenizer.Spec, error) {
	const p = "tokenizer.ggml."
	var s tokenizer.Spec
	var errs []error
	str := func(dst *string, key string) {
		v, _, err := src.String(key)
		*dst = v
		errs = append(errs, err)
	}
	strs := func(dst *[]string, key string) {
		v, ok, err := src.Strings(key)
		if err == nil && !ok && s.Model == "gpt2" {
			err = fmt.Errorf("%s is missing", key)
		}
		*dst = v
		errs = append(errs, err)
	}
	id := func(dst *int32, key string) {
		v, ok, err := src.Uint(p + key)
		*dst = -1
		if ok && v <= 1<<30 {
			*dst = int32(v)
		}
		errs = append(errs, err)
	}
	flag := func(dst *bool, key string) {
		v, _, err := src.Bool(p + key)
		*dst = v
		errs = append(errs, err)
	}
	str(&s.Model, p+"model")
	str(&s.Pre, p+"pre")
	strs(&s.Tokens, p+"tokens")
	strs(&s.Merges, p+"merges")
	kinds, _, err := src.Ints(p + "token_type")
	errs = append(errs, err)
	for _, k := range kinds {
		s.Kinds = append(s.Kinds, tokenizer.Kind(k))
	}
	id(&s.BOS, "bos_token_id")
	id(&s.EOS, "eos_token_id")
	id(&s.EOT, "eot_token_id")
	id(&s.Pad, "padding_token_id")
	flag(&s.AddBOS, "add_bos_token")
	flag(&s.AddEOS, "add_eos_token")
	str(&s.ChatTemplate, "tokenizer.chat_template")
	if err := errors.Join(errs...); err != nil {
		return s, fmt.Errorf("vocabulary: %w", err)
	}
	if s.Model == "" {
		return s, errors.New("vocabulary: the file has none (tokenizer.ggml.model)")
	}
	return s, nil
}
