package bpetrain_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"moebot/moe/tokenizer"
	"moebot/moe/tokenizer/bpetrain"
)

var chatSpecials = []string{"<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|pad|>"}

// slowTrain is the algorithm to the letter: count all pairs of all words anew for
// every merge. Tokens are strings of bytes; order tells their age.
func slowTrain(words bpetrain.Words, merges int, o bpetrain.Options) (tokens, done []string) {
	order := map[string]int{}
	for b := range 256 {
		order[string([]byte{byte(b)})] = b
		tokens = append(tokens, string([]byte{byte(b)}))
	}
	split := map[string][]string{}
	for w, n := range words {
		if n < max(o.MinCount, 1) {
			continue
		}
		for i := range len(w) {
			split[w] = append(split[w], w[i:i+1])
		}
	}
	for len(tokens) < 256+merges {
		type pair struct{ left, right string }
		count := map[pair]int64{}
		for w, t := range split {
			for i := range len(t) - 1 {
				count[pair{t[i], t[i+1]}] += words[w]
			}
		}
		for p := range count {
			if joined := p.left + p.right; slices.Contains(o.Specials, joined) || o.MaxBytes > 0 && len(joined) > o.MaxBytes {
				delete(count, p)
			}
		}
		if len(count) == 0 {
			break
		}
		best := slices.MinFunc(slices.Collect(maps.Keys(count)), func(a, b pair) int {
			switch {
			case count[a] != count[b]:
				return int(count[b] - count[a])
			case a.left != b.left:
				return order[a.left] - order[b.left]
			}
			return order[a.right] - order[b.right]
		})
		done = append(done, fmt.Sprintf("%q %q", best.left, best.right))
		if joined := best.left + best.right; order[joined] == 0 {
			order[joined] = len(tokens)
			tokens = append(tokens, joined)
		}
		for w, t := range split {
			var out []string
			for i := 0; i < len(t); i++ {
				if i+1 < len(t) && t[i] == best.left && t[i+1] == best.right {
					out = append(out, best.left+best.right)
					i++
				} else {
					out = append(out, t[i])
				}
			}
			split[w] = out
		}
	}
	return tokens, done
}

// train returns the tokens as bytes and the merges as slowTrain writes them.
func train(t interface{ Fatal(...any) }, words bpetrain.Words, merges int, o bpetrain.Options) (tokens, done []string) {
	o.Pre, o.Vocab = "qwen2", len(o.Specials)+256+merges
	spec, err := bpetrain.Train(context.Background(), words, o)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	decode := func(token string) string {
		id, ok := tok.ID(token)
		if !ok {
			t.Fatal("merge of an unknown token " + token)
		}
		return tok.Decode([]int32{id})
	}
	for _, s := range spec.Tokens[len(o.Specials):] {
		tokens = append(tokens, decode(s))
	}
	for _, m := range spec.Merges {
		left, right, _ := strings.Cut(m, " ")
		done = append(done, fmt.Sprintf("%q %q", decode(left), decode(right)))
	}
	return tokens, done
}

func TestSameMergesAsSlowVersion(t *testing.T) {
	for name, tc := range map[string]struct {
		words  bpetrain.Words
		merges int
		o      bpetrain.Options
	}{
		"nothing":                {nil, 5, bpetrain.Options{}},
		"single bytes":           {bpetrain.Words{"a": 10, "b": 1}, 5, bpetrain.Options{}},
		"no merges asked":        {bpetrain.Words{"abab": 1}, 0, bpetrain.Options{}},
		"the paper's example":    {bpetrain.Words{"low": 5, "lower": 2, "newest": 6, "widest": 3}, 10, bpetrain.Options{}},
		"runs":                   {bpetrain.Words{"aaaaaaa": 1, "aaa": 4, "aa": 2, "baaab": 3}, 9, bpetrain.Options{}},
		"alternating":            {bpetrain.Words{"ababab": 1, "baba": 1, "abba": 2}, 9, bpetrain.Options{}},
		"ties by age":            {bpetrain.Words{"dc": 2, "ab": 2, "ac": 2, "\xff\x00": 2}, 9, bpetrain.Options{}},
		"more than there are":    {bpetrain.Words{"abc": 1}, 99, bpetrain.Options{}},
		"bytes that are no text": {bpetrain.Words{"\x80\xfe\x80\xfe": 2, "\x00\x00": 3, "é": 2, "日本": 1}, 20, bpetrain.Options{}},
		"text of a special":      {bpetrain.Words{"xyxy": 9, "xyz": 4, "yz": 1}, 9, bpetrain.Options{Specials: []string{"xy"}}},
		"special of two ways":    {bpetrain.Words{"xyz": 9, "yz": 4, "xy": 20}, 9, bpetrain.Options{Specials: []string{"xyz"}}},
		"counts below one":       {bpetrain.Words{"ab": 0, "cd": 1}, 9, bpetrain.Options{}},
		"rare words":             {bpetrain.Words{"ab": 2, "abc": 1, "cd": 3, "xcdx": 2}, 9, bpetrain.Options{MinCount: 2}},
		"short tokens":           {bpetrain.Words{"abcabc": 2, "éé": 5, "abab": 1}, 9, bpetrain.Options{MaxBytes: 3}},
		"no merged tokens":       {bpetrain.Words{"abcabc": 2}, 9, bpetrain.Options{MaxBytes: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			wantTokens, wantMerges := slowTrain(tc.words, tc.merges, tc.o)
			gotTokens, gotMerges := train(t, tc.words, tc.merges, tc.o)
			if d := cmp.Diff(wantMerges, gotMerges); d != "" {
				t.Errorf("merges of %v (-want +got):\n%s", tc.words, d)
			}
			if d := cmp.Diff(wantTokens, gotTokens); d != "" {
				t.Errorf("tokens of %v (-want +got):\n%s", tc.words, d)
			}
		})
	}
}

func TestSameMergesAsSlowVersionOnRandomWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphabet := rapid.SampledFrom([]string{"a", "ab", "abc", "abcdefgh", "a\x00\xffb"}).Draw(t, "alphabet")
		text := rapid.Custom(func(t *rapid.T) string {
			b := rapid.SliceOfN(rapid.SampledFrom([]byte(alphabet)), 1, 14).Draw(t, "bytes")
			return string(b)
		})
		words := bpetrain.Words(rapid.MapOfN(text, rapid.Int64Range(1, 6), 0, 25).Draw(t, "words"))
		specials := slices.DeleteFunc(rapid.SliceOfNDistinct(text, 0, 2, rapid.ID[string]).Draw(t, "specials"), func(s string) bool {
			return len(s) < 2 || strings.IndexByte(s, 0) >= 0 || strings.IndexByte(s, 0xff) >= 0
		})
		merges := rapid.IntRange(0, 60).Draw(t, "merges")
		o := bpetrain.Options{Specials: specials, MinCount: rapid.Int64Range(0, 3).Draw(t, "min count"), MaxBytes: rapid.SampledFrom([]int{0, 0, 2, 5}).Draw(t, "max bytes")}
		wantTokens, wantMerges := slowTrain(words, merges, o)
		gotTokens, gotMerges := train(t, words, merges, o)
		if d := cmp.Diff(wantMerges, gotMerges); d != "" {
			t.Fatalf("merges (-want +got):\n%s", d)
		}
		if d := cmp.Diff(wantTokens, gotTokens); d != "" {
			t.Fatalf("tokens (-want +got):\n%s", d)
		}
	})
}

func TestSmallerVocabularyIsTheBeginning(t *testing.T) {
	words := count(t, "qwen2", 1, sampleText(1, 3000))
	large := mustTrain(t, words, 900)
	for _, n := range []int{262, 263, 400, 899} {
		small := mustTrain(t, words, n)
		if len(small.Tokens) != n {
			t.Errorf("%d tokens, want %d", len(small.Tokens), n)
		}
		if d := cmp.Diff(large.Tokens[:n], small.Tokens); d != "" {
			t.Errorf("tokens of size %d (-large +small):\n%s", n, d)
		}
		if d := cmp.Diff(large.Merges[:n-262], small.Merges, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("merges of size %d (-large +small):\n%s", n, d)
		}
	}
}

func TestLayout(t *testing.T) {
	s := mustTrain(t, bpetrain.Words{" the": 2}, 264)
	want := slices.Concat(chatSpecials, []string{"Ā", "ā"})
	if d := cmp.Diff(want, s.Tokens[:8]); d != "" {
		t.Errorf("first tokens (-want +got):\n%s", d)
	}
	// byte 0x20 is written Ġ, 0x0a Ċ, and "!" as it stands
	for b, text := range map[byte]string{' ': "Ġ", '\n': "Ċ", '!': "!", 0x7f: "ġ", 0xad: "Ń", 0xff: "ÿ"} {
		if got := s.Tokens[6+int(b)]; got != text {
			t.Errorf("byte %#x is written %q, want %q", b, got, text)
		}
	}
	if d := cmp.Diff([]string{"Ġ t", "h e"}, s.Merges); d != "" {
		t.Errorf("merges (-want +got):\n%s", d)
	}
	for i, k := range s.Kinds {
		if (k == tokenizer.Control) != (i < 6) || k != tokenizer.Control && k != tokenizer.Normal {
			t.Errorf("token %d %q is of kind %d", i, s.Tokens[i], k)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, pre := range []string{"gpt-2", "llama-bpe", "qwen2"} {
		t.Run(pre, func(t *testing.T) {
			texts := sampleText(7, 2000)
			spec, err := bpetrain.Train(t.Context(), count(t, pre, 2, texts), bpetrain.Options{Pre: pre, Vocab: 1000, Specials: chatSpecials})
			if err != nil {
				t.Fatal(err)
			}
			tok, err := tokenizer.New(spec)
			if err != nil {
				t.Fatal(err)
			}
			used := map[int32]bool{}
			for _, text := range append(texts, "", "never seen: žluťoučký 日本語 🤖\x00", "<|user|>x<|end|>") {
				ids := tok.Encode(text, false)
				if got := tok.Decode(ids); got != text {
					t.Errorf("%q comes back as %q", text, got)
				}
				for _, id := range ids {
					used[id] = true
					if tok.IsControl(id) {
						t.Errorf("%q has the control token %s", text, tok.Token(id))
					}
				}
			}
			if len(used) < 400 {
				t.Errorf("only %d tokens of 1000 are used on the text they were learnt from", len(used))
			}
		})
	}
}

// Texts that spell special tokens must not make text that encodes to them.
func TestSpecialTokensInTheCorpusAreText(t *testing.T) {
	var texts []string
	for range 50 {
		texts = append(texts, "<|user|>hello<|end|><|assistant|>hello<|end|> stop stop", "hello")
	}
	specials := append(slices.Clone(chatSpecials), "hello", "Ġstop", "st") // "Ġstop" is written like the text " stop"
	spec, err := bpetrain.Train(t.Context(), count(t, "qwen2", 1, texts), bpetrain.Options{Pre: "qwen2", Vocab: 600, Specials: specials})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append(specials, texts[0], " stop", " hello") {
		for _, id := range tok.Encode(text, false) {
			if int(id) < len(specials) {
				t.Errorf("the text %q encodes to the special token %q", text, tok.Token(id))
			}
		}
	}
	for i, s := range specials {
		if id, _ := tok.ID(s); id != int32(i) {
			t.Errorf("special token %q has id %d, want %d", s, id, i)
		}
	}
}

func TestWrongOptions(t *testing.T) {
	for name, o := range map[string]bpetrain.Options{
		"no room for the bytes":    {Pre: "qwen2", Vocab: 261, Specials: chatSpecials},
		"negative":                 {Pre: "qwen2", Vocab: -1},
		"no pre-tokenizer":         {Vocab: 300},
		"unknown pre-tokenizer":    {Pre: "tiktoken", Vocab: 300},
		"special token twice":      {Pre: "qwen2", Vocab: 300, Specials: []string{"<s>", "<s>"}},
		"special token of nothing": {Pre: "qwen2", Vocab: 300, Specials: []string{""}},
		"negative count":           {Pre: "qwen2", Vocab: 300, MinCount: -1},
		"negative length":          {Pre: "qwen2", Vocab: 300, MaxBytes: -1},
		"special token is a byte":  {Pre: "qwen2", Vocab: 300, Specials: []string{"Ġ"}},
	} {
		if s, err := bpetrain.Train(t.Context(), bpetrain.Words{"ab": 1}, o); err == nil {
			t.Errorf("%s: no error but %d tokens", name, len(s.Tokens))
		}
	}
}

func TestTrainCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bpetrain.Train(ctx, bpetrain.Words{"ab": 1}, bpetrain.Options{Pre: "qwen2", Vocab: 300}); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want %v", err, context.Canceled)
	}
}

func mustTrain(t testing.TB, words bpetrain.Words, vocab int) tokenizer.Spec {
	t.Helper()
	s, err := bpetrain.Train(t.Context(), words, bpetrain.Options{Pre: "qwen2", Vocab: vocab, Specials: chatSpecials})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
