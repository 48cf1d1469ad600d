package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
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
		if got := tok.encoder.(*wordEncoder).merge.append(nil, b.String()); !slices.Equal(got, want) {
			t.Fatalf("%q: got %v, want %v", b.String(), got, want)
		}
	}
}

// A merge whose result is no token is undone; control tokens never come from merging.
func TestMergesWithoutAToken(t *testing.T) {
	s := small("gpt-2")
	s.Merges = append(s.Merges, "x y", "< s", "<s >")
	tok := mustNew(t, s)
	for _, text := range []string{"xy", "<s>", "xyxy<s>xy"} {
		ids := tok.Encode(text, false)
		if got := tok.Decode(ids); got != text || slices.Contains(ids, 256) {
			t.Errorf("%q becomes %v, which is %q", text, ids, got)
		}
	}
}

// Words that are tokens are taken whole by some pre-tokenizers, llama-bpe among them.
func TestWholeWords(t *testing.T) {
	for pre, want := range map[string]int{"llama-bpe": 1, "dbrx": 3, "qwen2": 3, "minicpm5": 1, "youtu": 1, "kimi-k2": 3, "seed-coder": 3} {
		s := small(pre)
		s.Tokens, s.Kinds = append(s.Tokens, "Ġzz"), append(s.Kinds, Normal)
		if ids := mustNew(t, s).Encode(" zz", false); len(ids) != want {
			t.Errorf("%s: %v, want %d tokens", pre, ids, want)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	tok := mustNew(t, small("qwen2"))
	text := strings.Repeat("hello aaaa hell <|end|> @ he\n", 50)
	want := tok.Encode(text, true)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if got := tok.Encode(text, true); !slices.Equal(got, want) {
					t.Error("the tokens differ from those of one goroutine")
				}
			}
		})
	}
	wg.Wait()
}

// A long word takes n·log n steps: not the square of it.
func TestLongWord(t *testing.T) {
	tok := mustNew(t, small("qwen2"))
	text := strings.Repeat("hello", 1<<16)
	if n := len(tok.Encode(text, false)); n != 1<<16 {
		t.Errorf("%d tokens, want %d", n, 1<<16)
	}
}

// A vocabulary that names no pre-tokenizer has the one that llama.cpp takes then.
func TestNoPreTokenizerIsTheDefault(t *testing.T) {
	encode := func(pre string) []int32 {
		s := small(pre)
		s.Tokens, s.Kinds, s.Merges = append(s.Tokens, "12"), append(s.Kinds, Normal), append(s.Merges, "1 2")
		return mustNew(t, s).Encode("it's 1234!", false)
	}
	got := encode("")
	if want := encode("default"); !slices.Equal(got, want) {
		t.Errorf("without a name the ids are %v, of the default %v", got, want)
	}
	if other := encode("qwen2"); slices.Equal(got, other) {
		t.Errorf("the text does not tell pre-tokenizers apart: %v", other)
	}
}
