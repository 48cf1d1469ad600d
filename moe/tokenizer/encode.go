package tokenizer

import (
	"sort"
	"strings"
)

// Encode returns the tokens of text. Control tokens written out in it are text,
// unless allowSpecial; user-defined tokens are always found. No BOS is added.
func (t *Tokenizer) Encode(text string, allowSpecial bool) []int32 {
	return t.Append(make([]int32, 0, len(text)/3+1), text, allowSpecial)
}

// Append adds the tokens of text to dst.
func (t *Tokenizer) Append(dst []int32, text string, allowSpecial bool) []int32 {
	if !allowSpecial && !t.special.defined {
		return t.appendPlain(dst, text)
	}
	return t.appendSpecial(dst, text, t.special.tokens, allowSpecial)
}

// appendSpecial looks for the first of tokens in all of text before the second, as
// llama.cpp does, so that a longer token wins even where a shorter starts earlier.
func (t *Tokenizer) appendSpecial(dst []int32, text string, tokens []specialToken, allowSpecial bool) []int32 {
	for i, s := range tokens {
		if s.control && !allowSpecial {
			continue
		}
		for {
			at := strings.Index(text, s.text)
			if at < 0 {
				break
			}
			dst = t.appendSpecial(dst, text[:at], tokens[i+1:], allowSpecial)
			dst = append(dst, s.id)
			text = text[at+len(s.text):]
		}
	}
	return t.appendPlain(dst, text)
}

func (t *Tokenizer) appendPlain(dst []int32, text string) []int32 {
	splitText(t.split, text, func(word string) {
		if t.whole {
			if id, ok := t.ids[MapBytes(word)]; ok {
				dst = append(dst, id)
				return
			}
		}
		dst = t.bpe.append(dst, word)
	})
	return dst
}

// MapBytes writes bytes as byte-level vocabularies do.
func MapBytes(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(byteRune[s[i]])
	}
	return b.String()
}

// specials are the tokens that are found in text as they stand, longest first.
type specials struct {
	tokens  []specialToken
	defined bool // any that need no permission
}

type specialToken struct {
	text    string
	id      int32
	control bool
}

func findSpecials(s Spec) specials {
	var sp specials
	for i, k := range s.Kinds {
		if text := s.Tokens[i]; text != "" && (k == Control || k == UserDefined || k == Unknown) {
			sp.tokens = append(sp.tokens, specialToken{text, int32(i), k != UserDefined})
			sp.defined = sp.defined || k == UserDefined
		}
	}
	sort.SliceStable(sp.tokens, func(i, j int) bool { return len(sp.tokens[i].text) > len(sp.tokens[j].text) })
	return sp
}
