package tokenizer

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func byteTokens() []string {
	var out []string
	for _, r := range byteRune {
		out = append(out, string(r))
	}
	return out
}

// small has the bytes, some merges and the special tokens of our own format.
func small(pre string) Spec {
	s := Spec{Model: "gpt2", Pre: pre, BOS: 256, EOS: 257, EOT: -1, Pad: -1, Tokens: append(byteTokens(), "<s>", "<|end|>", "<|end|>x", "@")}
	s.Merges = []string{"h e", "l l", "he ll", "hell o", "Ġ hello", "a a", "aa aa", "ab c"}
	for _, m := range s.Merges[:7] {
		s.Tokens = append(s.Tokens, strings.Replace(m, " ", "", 1))
	}
	for range s.Tokens {
		s.Kinds = append(s.Kinds, Normal)
	}
	s.Kinds[256], s.Kinds[257], s.Kinds[258], s.Kinds[259] = Control, Control, Control, UserDefined
	return s
}

func mustNew(t testing.TB, s Spec) *Tokenizer {
	t.Helper()
	tok, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestSpecialTokensAreTextUnlessAllowed(t *testing.T) {
	tok := mustNew(t, small("qwen2"))
	for _, tc := range []struct {
		text    string
		allow   bool
		special []int32
	}{
		{"hi<|end|>", false, nil}, {"hi<|end|>", true, []int32{257}}, {"<|end|>xy<s>", true, []int32{258, 256}}, {"<|end|>@", false, []int32{259}}, {"", true, nil},
	} {
		var got []int32
		for _, id := range tok.Encode(tc.text, tc.allow) {
			if id >= 256 && id <= 259 {
				got = append(got, id)
			}
		}
		if d := cmp.Diff(tc.special, got); d != "" {
			t.Errorf("%q, allowed %v: %s", tc.text, tc.allow, d)
		}
		if !tc.allow && tok.Decode(tok.Encode(tc.text, false)) != tc.text {
			t.Errorf("%q decodes to %q", tc.text, tok.Decode(tok.Encode(tc.text, false)))
		}
	}
}

// slowBPE merges by the definition: again and again the best pair, leftmost first.
func slowBPE(s Spec, word string) []string {
	rank := map[string]int{}
	for i, m := range s.Merges {
		rank[m] = i
	}
	var sym []string
	for i := range len(word) {
		sym = append(sym, string(byteRune[word[i]]))
	}
	for {
		best, at := len(s.Merges), -1
		for i := 0; i+1 < len(sym); i++ {
			if r, ok := rank[sym[i]+" "+sym[i+1]]; ok && r < best {
				best, at = r, i
			}
		}
		if at < 0 {
			return sym
		}
		sym = append(sym[:at], append([]string{sym[at] + sym[at+1]}, sym[at+2:]...)...)
	}
}

func TestBPEEqualsItsDefinition(t *testing.T) {
	s := small("gpt-2")
	tok := mustNew(t, s)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		n := rng.IntN(20)
		if rng.IntN(10) == 0 {
			n = shortWord - 2 + rng.IntN(60)
		}
		var b strings.Builder
		for b.Len() < n {
			b.WriteString([]string{"a", "aa", "hello", "he", "ll", "o", "b", "c", " hello"}[rng.IntN(9)])
		}
		var want []int32
		for _, sym := range slowBPE(s, b.String()) {
			if id, ok := tok.ID(sym); ok {
				want = append(want, id)
			}
		}
		if got := tok.encoder.(*wordEncoder).bpe.append(nil, b.String()); !slices.Equal(got, want) {
			t.Fatalf("%q: got %v, want %v", b.String(), got, want)
		}
	}
}

// The scanners against the regular expressions they stand for; \s+(?!\S), which Go's
// engine lacks, is done by hand as its definition says: a longest match, one given back.
func TestScannersEqualTheRegularExpressions(t *testing.T) {
	const ws = `[\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]`
	other := `[^\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\pL\pN]`
	space := regexp.MustCompile(`^` + ws + `+`)
	for pre, heads := range map[string][]string{
		"gpt-2":     {`'s|'t|'re|'ve|'m|'ll|'d`, ` ?\pL+`, ` ?\pN+`, ` ?` + other + `+`},
		"llama-bpe": {`'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]`, `[^\r\n\pL\pN]?\pL+`, `\pN{1,3}`, ` ?` + other + `+[\r\n]*`, ws + `*[\r\n]+`},
		"qwen2":     {`'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]`, `[^\r\n\pL\pN]?\pL+`, `\pN`, ` ?` + other + `+[\r\n]*`, ws + `*[\r\n]+`},
	} {
		var res []*regexp.Regexp
		for _, h := range heads {
			res = append(res, regexp.MustCompile("^(?:"+h+")"))
		}
		want := func(text string) (out []string) {
			for text != "" {
				n := 0
				for _, re := range res {
					if n = len(re.FindString(text)); n > 0 {
						break
					}
				}
				if n == 0 {
					m := space.FindString(text)
					n = len(m)
					if _, last := utf8.DecodeLastRuneInString(m); n > last && n < len(text) {
						n -= last
					}
				}
				out = append(out, text[:n])
				text = text[n:]
			}
			return out
		}
		split, err := SplitFunc(pre)
		if err != nil {
			t.Fatal(err)
		}
		alphabet := []string{"a", "B", "é", "漢", "1", "٣", "½", " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "'", "s", "LL", "re", "!", "...", "😀", "\u0301", "_", "\u200b"}
		rng := rand.New(rand.NewPCG(3, 4))
		for range 20000 {
			var b strings.Builder
			for range rng.IntN(12) {
				b.WriteString(alphabet[rng.IntN(len(alphabet))])
			}
			var got []string
			split(b.String(), func(s string) { got = append(got, s) })
			if w := want(b.String()); !slices.Equal(got, w) {
				t.Fatalf("%s, %q:\n got %q\nwant %q", pre, b.String(), got, w)
			}
		}
	}
}

func TestStreamNeverGivesHalfACharacter(t *testing.T) {
	tok := mustNew(t, small("qwen2"))
	for _, tc := range []struct{ in, want string }{
		{"hello é漢😀!", "hello é漢😀!"}, {"a\xffb", "a\uFFFDb"}, {"\xf0\x9f\x98", "\uFFFD"}, {"\xe6\xbcx", "\uFFFDx"}, {"\xc3\xc3\xa9", "\uFFFDé"},
	} {
		s := tok.Stream()
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

func TestBadVocabulariesAreNamed(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*Spec)
		want string
	}{
		{"another model", func(s *Spec) { s.Model = "bert" }, `"bert"`},
		{"an unknown pre-tokenizer", func(s *Spec) { s.Pre = "tekken" }, `"tekken"`},
		{"no pre-tokenizer", func(s *Spec) { s.Pre = "" }, "no pre-tokenizer"},
		{"no tokens", func(s *Spec) { s.Tokens, s.Kinds = nil, nil }, "empty"},
		{"types that do not fit", func(s *Spec) { s.Kinds = s.Kinds[1:] }, "token types"},
		{"a bos outside", func(s *Spec) { s.BOS = 99999 }, "bos token 99999"},
		{"a merge of one part", func(s *Spec) { s.Merges[2] = "oops" }, `merge 2 is "oops"`},
	} {
		s := small("qwen2")
		tc.edit(&s)
		_, err := New(s)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error is %v, want it to say %q", tc.name, err, tc.want)
		}
		var ue *UnsupportedError
		if tc.name == "another model" && !errors.As(err, &ue) {
			t.Errorf("%s: error is a %T", tc.name, err)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"hello world", "aaaaaaaa", "<|end|>", "\xff\xfe", "é漢😀\u200d", "   \n\n x"} {
		f.Add(s)
	}
	tok := mustNew(f, small("qwen2"))
	gpt := mustNew(f, small("gpt-2"))
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range []*Tokenizer{tok, gpt} {
			if got := tok.Decode(tok.Encode(text, false)); got != text {
				t.Errorf("%q decodes to %q", text, got)
			}
			tok.Encode(text, true)
		}
	})
}

func FuzzNew(f *testing.F) {
	f.Add("gpt2", "qwen2", "a b", "ab", int32(3), int32(0))
	f.Fuzz(func(t *testing.T, model, pre, merge, token string, kind, bos int32) {
		s := Spec{Model: model, Pre: pre, Merges: []string{merge}, Tokens: append(byteTokens(), token), BOS: bos, EOS: -1, EOT: -1, Pad: -1}
		s.Kinds = make([]Kind, len(s.Tokens))
		s.Kinds[256] = Kind(kind)
		if tok, err := New(s); err == nil {
			tok.Decode(tok.Encode(token+merge, true))
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	tok := mustNew(b, small("qwen2"))
	text := strings.Repeat("hello world, this is a line of english text with 12 numbers.\n", 200)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.Encode(text, false)
	}
}
