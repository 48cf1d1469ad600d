package bpetrain_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"moebot/moe/tokenizer"
	"moebot/moe/tokenizer/bpetrain"
)

// sampleText makes texts of invented words, the frequent ones short, as in language.
func sampleText(seed uint64, words int) []string {
	rng := rand.New(rand.NewPCG(seed, 0))
	syllables := strings.Fields("ka ri to men sha lu ver on est ing ber ol ach ti ne ra pu dor is el")
	marks := []string{" ", " ", " ", " ", ", ", ". ", "\n", "! ", " 20", "'s ", "  ", "\n\n", " é", " 🤖"}
	var texts []string
	var b strings.Builder
	for i := range words {
		word := rand.New(rand.NewPCG(seed, uint64(rng.ExpFloat64()*60)))
		for range 1 + word.IntN(4) {
			b.WriteString(syllables[word.IntN(len(syllables))])
		}
		b.WriteString(marks[rng.IntN(len(marks))])
		if i%200 == 199 {
			texts = append(texts, b.String())
			b.Reset()
		}
	}
	return append(texts, b.String())
}

func equally(texts []string, weight int) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for _, t := range texts {
			if !yield(t, weight) {
				return
			}
		}
	}
}

func count(t testing.TB, pre string, workers int, texts []string) bpetrain.Words {
	t.Helper()
	w, err := bpetrain.Count(t.Context(), pre, workers, equally(texts, 1))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestCountWeights(t *testing.T) {
	texts := func(yield func(string, int) bool) {
		_ = yield("the cat", 1) && yield("the dog", 3) && yield("", 5) && yield("never", 0) && yield("a\xffb", 1)
	}
	got, err := bpetrain.Count(t.Context(), "qwen2", 2, texts)
	if err != nil {
		t.Fatal(err)
	}
	want := bpetrain.Words{"the": 4, " cat": 1, " dog": 3, "a": 1, "\xffb": 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("words (-want +got):\n%s", d)
	}
	if words, bytes := got.Total(); words != 10 || bytes != 3*4+4*4+3 {
		t.Errorf("total is %d words of %d bytes, want 10 of %d", words, bytes, 3*4+4*4+3)
	}
}

func TestSameForAnyNumberOfWorkers(t *testing.T) {
	texts := append(sampleText(3, 60000), strings.Repeat("one long text of many pieces ", 40000))
	want := count(t, "qwen2", 1, texts)
	spec := mustTrain(t, want, 700)
	for _, workers := range []int{0, 2, 3, 8} {
		got := count(t, "qwen2", workers, texts)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("words with %d workers (-want +got):\n%s", workers, d)
		}
		if d := cmp.Diff(spec, mustTrain(t, got, 700)); d != "" {
			t.Errorf("vocabulary with %d workers (-want +got):\n%s", workers, d)
		}
	}
}

// A text cut to pieces must have the pre-tokens that it has whole, wherever the cut.
func TestPiecesHaveThePreTokensOfTheWhole(t *testing.T) {
	for _, pre := range []string{"gpt-2", "llama-bpe", "qwen2"} {
		split, err := tokenizer.SplitFunc(pre)
		if err != nil {
			t.Fatal(err)
		}
		words := func(text string) (w []string) {
			split(text, func(s string) { w = append(w, s) })
			return w
		}
		rapid.Check(t, func(t *rapid.T) {
			text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
				"a", "B", "it's", "'S", "'ll", " ", " ", " ", "\n", "\r\n", "\t", "1", "23", "é", "ſ", "K", "日", "!", "...", "\u00a0", "\u3000", "\xff", "\u0301", "🤖",
			}), 0, 40).Draw(t, "text"), "")
			n := rapid.IntRange(0, 20).Draw(t, "piece")
			var got []string
			for rest := text; rest != ""; {
				var piece string
				if piece, rest = bpetrain.Cut(rest, n); piece == "" {
					t.Fatalf("an empty piece of %q", text)
				}
				got = append(got, words(piece)...)
			}
			if d := cmp.Diff(words(text), got); d != "" {
				t.Fatalf("%s: %q in pieces (-whole +pieces):\n%s", pre, text, d)
			}
		})
	}
}

func TestCountErrors(t *testing.T) {
	defer goleak.VerifyNone(t)
	var unsupported *tokenizer.UnsupportedError
	if _, err := bpetrain.Count(t.Context(), "none such", 1, equally(nil, 1)); !errors.As(err, &unsupported) {
		t.Errorf("the error of an unknown pre-tokenizer is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	endless := func(yield func(string, int) bool) {
		for i := 0; yield(strings.Repeat("and so on ", 1000), 1); i++ {
			if i == 200 {
				cancel()
			}
		}
	}
	if _, err := bpetrain.Count(ctx, "qwen2", 2, endless); !errors.Is(err, context.Canceled) {
		t.Errorf("the error of a cancelled count is %v", err)
	}
	for _, weight := range []int{-1, bpetrain.MaxWeight + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("no panic for weight %d", weight)
				}
			}()
			_, _ = bpetrain.Count(t.Context(), "qwen2", 2, equally([]string{"x"}, weight))
		}()
	}
}

func BenchmarkCount(b *testing.B) {
	texts := sampleText(5, 200000)
	size := 0
	for _, t := range texts {
		size += len(t)
	}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				count(b, "qwen2", workers, texts)
			}
		})
	}
}

// A million distinct words, whose frequency falls as in language.
func BenchmarkTrainMillionWords(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	syllables := strings.Fields("ka ri to men sha lu ver on est ing ber ol ach ti ne ra pu dor is el wi gra no th que zy fen ump al or")
	words := bpetrain.Words{}
	for len(words) < 1e6 {
		var s strings.Builder
		s.WriteByte(' ')
		for range 1 + rng.IntN(6) {
			s.WriteString(syllables[rng.IntN(len(syllables))])
		}
		words[s.String()] = 1 + int64(1e6/float64(1+len(words)))
	}
	for _, vocab := range []int{4096, 16384} {
		b.Run(fmt.Sprintf("vocab=%d", vocab), func(b *testing.B) {
			for b.Loop() {
				mustTrain(b, words, vocab)
			}
			b.ReportMetric(float64(len(words))*float64(b.N)/b.Elapsed().Seconds(), "words/s")
		})
	}
}
