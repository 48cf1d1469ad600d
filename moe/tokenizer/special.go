package tokenizer

import (
	"slices"
	"strings"
)

// endTexts are tokens known by their text to end a turn or a text, whatever a
// vocabulary says of them. llama.cpp has the same list.
var endTexts = []string{
	"<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>",
	"<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<｜end▁of▁sentence｜>",
}

// fimTexts are tokens known by their text to mark the parts of a text with a gap.
var fimTexts = []string{
	"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>",
	"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>",
	"<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>",
	"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]",
	"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>", "<|file_sep|>",
}

// effectiveKinds is Kinds with control tokens put right that the vocabulary does not
// call so. They would be split out of anybody's text.
func (s Spec) effectiveKinds() []Kind {
	kinds := slices.Clone(s.Kinds)
	if kinds == nil {
		kinds = slices.Repeat([]Kind{Normal}, len(s.Tokens))
	}
	control := make(map[string]bool)
	for _, text := range slices.Concat(endTexts, fimTexts) {
		control[text] = true
	}
	for i, tok := range s.Tokens {
		if kinds[i] != Unknown && control[tok] {
			kinds[i] = Control
		}
	}
	return kinds
}

// specials are the tokens that are found in text as they stand, longest first.
type specials struct {
	tokens  []special
	defined bool // any that need no permission
}

type special struct {
	text    string
	id      int32
	control bool // found only if allowed
	strip   bool // white space after it is dropped
}

func findSpecials(s Spec, kinds []Kind) specials {
	var sp specials
	name := strings.ToLower(s.Name)
	phi3 := strings.Contains(name, "phi-3") || strings.Contains(name, "phi3")
	for i, k := range kinds {
		text := s.Tokens[i]
		if text == "" || k != UserDefined && !isControl(k) {
			continue
		}
		strip := phi3 && text != "<unk>" && text != "<s>" && text != "<|endoftext|>"
		sp.tokens = append(sp.tokens, special{text, int32(i), k != UserDefined, strip})
		sp.defined = sp.defined || k == UserDefined
	}
	slices.SortStableFunc(sp.tokens, func(a, b special) int { return len(b.text) - len(a.text) })
	return sp
}

// Encode returns the tokens of text. Control tokens written out in it are text,
// unless allowSpecial; user-defined tokens are always found. No BOS or EOS is added.
func (t *Tokenizer) Encode(text string, allowSpecial bool) []int32 {
	return t.Append(make([]int32, 0, len(text)/3+1), text, allowSpecial)
}

// Append adds the tokens of text to dst.
func (t *Tokenizer) Append(dst []int32, text string, allowSpecial bool) []int32 {
	a := appender{t, dst, allowSpecial, true}
	if !allowSpecial && !t.specials.defined {
		a.plain(text)
	} else {
		a.split(text, t.specials.tokens)
	}
	return a.dst
}

// appender is one call of Append.
type appender struct {
	t            *Tokenizer
	dst          []int32
	allowSpecial bool
	// start is set at the start and after a special token.
	start bool
}

// split looks for the first of tokens in all of text before the second, as llama.cpp
// does, so that a longer token wins even where a shorter starts earlier.
func (a *appender) split(text string, tokens []special) {
	for i, s := range tokens {
		if s.control && !a.allowSpecial {
			continue
		}
		for {
			at := strings.Index(text, s.text)
			if at < 0 {
				break
			}
			a.split(text[:at], tokens[i+1:])
			a.dst = append(a.dst, s.id)
			a.start = true
			text = text[at+len(s.text):]
			if s.strip {
				text = strings.TrimLeft(text, " \t\n\v\f\r")
			}
		}
	}
	a.plain(text)
}

func (a *appender) plain(text string) {
	if text == "" {
		return
	}
	if a.t.prefix && a.start {
		text = " " + text
	}
	a.dst = a.t.encoder.append(a.dst, text)
	a.start = false
}
