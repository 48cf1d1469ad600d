package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestStreamNeverGivesHalfACharacter(t *testing.T) {
	tok := mustNew(t, small("qwen2"))
	for _, tc := range []struct{ in, want string }{
		{"hello é漢😀!", "hello é漢😀!"}, {"a\xffb", "a\uFFFDb"}, {"\xf0\x9f\x98", "\uFFFD"}, {"\xe6\xbcx", "\uFFFDx"}, {"\xc3\xc3\xa9", "\uFFFDé"},
		{"\xff\xfe", "\uFFFD\uFFFD"}, {"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"}, {"\xf0\x9f\x98é", "\uFFFDé"}, {"\xf4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
		{"\xc0\xaf", "\uFFFD\uFFFD"}, {"\xe0\x80\x80", "\uFFFD\uFFFD\uFFFD"}, {"\uFFFDx", "\uFFFDx"}, {"\xe2\x82", "\uFFFD"},
	} {
		s := tok.Stream(-1)
		var out strings.Builder
		for i := range len(tc.in) {
			id, _ := tok.ID(string(byteRune[tc.in[i]]))
			piece := s.Push(id)
			if !utf8.ValidString(piece) {
				t.Errorf("%q: piece %q is no UTF-8", tc.in, piece)
			}
			out.WriteString(piece)
		}
		out.WriteString(s.Flush())
		if out.String() != tc.want {
			t.Errorf("%q: streamed %q, want %q", tc.in, out.String(), tc.want)
		}
	}
}

// What comes out does not depend on how the tokens cut the bytes, and is text at any time.
func TestStreamDoesNotDependOnTheCuts(t *testing.T) {
	units := []string{"a", "é", "漢", "😀", "\xff", "\xe6", "\xe6\xbc", "\xf0\x9f", "\xf0\x9f\x98", "\x80", "\xc3", "\xed\xa0\x80", "\uFFFD"}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		var b strings.Builder
		for range rng.IntN(8) {
			b.WriteString(units[rng.IntN(len(units))])
		}
		text := b.String()
		var results []string
		for range 3 {
			// a vocabulary whose tokens are the parts of a random cut
			s := Spec{Model: "gpt2", Pre: "gpt-2", BOS: -1, EOS: -1, EOT: -1, Pad: -1}
			for rest := text; rest != ""; {
				n := 1 + rng.IntN(len(rest))
				s.Tokens = append(s.Tokens, MapBytes(rest[:n]))
				rest = rest[n:]
			}
			if len(s.Tokens) == 0 {
				continue
			}
			st := mustNew(t, s).Stream(-1)
			var out strings.Builder
			for id := range s.Tokens {
				piece := st.Push(int32(id))
				if !utf8.ValidString(piece) {
					t.Fatalf("%q in %q: piece %q is no UTF-8", text, s.Tokens, piece)
				}
				if out.WriteString(piece); len(st.held) > 3 {
					t.Fatalf("%q: %q is held back", text, st.held)
				}
			}
			out.WriteString(st.Flush())
			results = append(results, out.String())
		}
		for _, r := range results {
			if r != results[0] {
				t.Fatalf("%q: streamed as %q", text, results)
			}
			if utf8.ValidString(text) && r != text {
				t.Fatalf("%q: streamed as %q", text, r)
			}
		}
	}
}
