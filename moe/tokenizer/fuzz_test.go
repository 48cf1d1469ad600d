package tokenizer

import (
	"strings"
	"testing"
)

func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"hello world", "aaaaaaaa", "<|end|>", "\xff\xfe", "é漢😀\u200d", "   \n\n x"} {
		f.Add(s)
	}
	tok := mustNew(f, small("qwen2"))
	gpt := mustNew(f, small("gpt-2"))
	spm := mustNew(f, smallSPM())
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range []*Tokenizer{tok, gpt} {
			if got := tok.Decode(tok.Encode(text, false)); got != text {
				t.Errorf("%q decodes to %q", text, got)
			}
			tok.Encode(text, true)
		}
		// U+2581 is SentencePiece's blank
		if got := spm.Decode(spm.Encode(text, false)); got != strings.ReplaceAll(text, blank, " ") {
			t.Errorf("SentencePiece: %q decodes to %q", text, got)
		}
		spm.Encode(text, true)
	})
}

func FuzzNew(f *testing.F) {
	f.Add("gpt2", "qwen2", "a b", "ab", int32(3), int32(0))
	f.Add("llama", "", "", "ab", int32(6), int32(0))
	f.Fuzz(func(t *testing.T, model, pre, merge, token string, kind, bos int32) {
		s := Spec{Model: model, Pre: pre, Merges: []string{merge}, Tokens: append(byteTokens(), token), BOS: bos, EOS: -1, EOT: -1, Pad: -1}
		s.Kinds = make([]Kind, len(s.Tokens))
		s.Kinds[256] = Kind(kind)
		s.Scores = make([]float32, len(s.Tokens))
		if tok, err := New(s); err == nil {
			tok.Decode(tok.Encode(token+merge, true))
		}
	})
}
