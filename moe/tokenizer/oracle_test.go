package tokenizer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"moebot/moe/gguf"
	"moebot/moe/tokenizer"
)

// oracleDir finds the reference files beside the checkout.
func oracleDir(t testing.TB) string {
	t.Helper()
	p := filepath.Join("..", "..", "..", "shared", "oracle", "tokenizers")
	if _, err := os.Stat(p); err == nil {
		return p
	}
	if os.Getenv("MOEBOT_REQUIRE_SERVICES") == "1" {
		t.Fatal("the reference files ../shared/oracle/tokenizers are not there")
	}
	t.Skip("the reference files ../shared/oracle/tokenizers are not there")
	return ""
}

// vocabulary opens a reference vocabulary; pre, if not empty, replaces its pre-tokenizer.
func vocabulary(t testing.TB, name, pre string) *tokenizer.Tokenizer {
	t.Helper()
	f, err := gguf.Open(filepath.Join(oracleDir(t), "ggml-vocab-"+name+".gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var s tokenizer.Spec
	var errs []error
	str := func(dst *string, key string) {
		var err error
		*dst, _, err = f.String(key)
		errs = append(errs, err)
	}
	str(&s.Name, "general.name")
	str(&s.Model, "tokenizer.ggml.model")
	str(&s.Pre, "tokenizer.ggml.pre")
	if pre != "" {
		s.Pre = pre
	}
	s.Tokens, _, err = f.Strings("tokenizer.ggml.tokens")
	errs = append(errs, err)
	s.Merges, _, err = f.Strings("tokenizer.ggml.merges")
	errs = append(errs, err)
	kinds, _, err := f.Ints("tokenizer.ggml.token_type")
	errs = append(errs, err)
	for _, k := range kinds {
		s.Kinds = append(s.Kinds, tokenizer.Kind(k))
	}
	scores, _, err := f.Floats("tokenizer.ggml.scores")
	errs = append(errs, err)
	for _, x := range scores {
		s.Scores = append(s.Scores, float32(x))
	}
	id := func(dst *int32, key string) {
		v, ok, err := f.Uint("tokenizer.ggml." + key)
		if *dst = -1; ok {
			*dst = int32(v)
		}
		errs = append(errs, err)
	}
	id(&s.BOS, "bos_token_id")
	id(&s.EOS, "eos_token_id")
	id(&s.EOT, "eot_token_id")
	id(&s.Pad, "padding_token_id")
	flag := func(dst *bool, key string, missing bool) {
		v, ok, err := f.Bool("tokenizer.ggml." + key)
		*dst = v || !ok && missing
		errs = append(errs, err)
	}
	flag(&s.AddBOS, "add_bos_token", tokenizer.AddsBOS(s.Model, s.Pre))
	flag(&s.AddEOS, "add_eos_token", false)
	tok, err := tokenizer.New(s)
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Fatal(err)
	}
	return tok
}

func line(ids []int32) string { return strings.Trim(fmt.Sprint(ids), "[]") }

func read(t *testing.T, name string) string {
	b, err := os.ReadFile(filepath.Join(oracleDir(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOracle(t *testing.T) {
	open := map[string]*tokenizer.Tokenizer{}
	for _, tc := range []struct {
		vocab, pre, in, out string
		last                bool // the piece after the last separator is a test
		special             bool // special tokens added and found
	}{
		{"gpt-2", "", "ggml-vocab-gpt-2.gguf.inp", "ggml-vocab-gpt-2.gguf.out", false, false},
		{"gpt-2", "llama-bpe", "ggml-vocab-gpt-2.gguf.inp", "gpt-2-vocab-with-pre-llama-bpe.out", true, false},
		{"gpt-2", "qwen2", "ggml-vocab-gpt-2.gguf.inp", "gpt-2-vocab-with-pre-qwen2.out", true, false},
		{"gpt-2", "", "extra.inp", "extra-gpt-2.out", true, false},
		{"gpt-2", "llama-bpe", "extra.inp", "extra-gpt-2-vocab-with-pre-llama-bpe.out", true, false},
		{"gpt-2", "qwen2", "extra.inp", "extra-gpt-2-vocab-with-pre-qwen2.out", true, false},
		{"gpt-2", "", "extra.inp", "extra-gpt-2.special.out", true, true},
		{"deepseek-llm", "", "ggml-vocab-deepseek-llm.gguf.inp", "ggml-vocab-deepseek-llm.gguf.out", false, false},
		{"deepseek-llm", "", "extra.inp", "extra-deepseek-llm.out", true, false},
		{"deepseek-llm", "", "extra.inp", "extra-deepseek-llm.special.out", true, true},
		{"llama-spm", "", "ggml-vocab-llama-spm.gguf.inp", "ggml-vocab-llama-spm.gguf.out", false, false},
		{"llama-spm", "", "extra.inp", "extra-llama-spm.out", true, false},
		{"llama-spm", "", "extra.inp", "extra-llama-spm.special.out", true, true},
		{"phi-3", "", "ggml-vocab-phi-3.gguf.inp", "ggml-vocab-phi-3.gguf.out", false, false},
		{"phi-3", "", "extra.inp", "extra-phi-3.out", true, false},
		{"phi-3", "", "extra.inp", "extra-phi-3.special.out", true, true},
	} {
		t.Run(tc.out, func(t *testing.T) {
			tok := open[tc.vocab+tc.pre]
			if tok == nil {
				tok = vocabulary(t, tc.vocab, tc.pre)
				open[tc.vocab+tc.pre] = tok
			}
			texts := strings.Split(read(t, tc.in), "\n__ggml_vocab_test__\n")
			if !tc.last {
				texts = texts[:len(texts)-1]
			}
			want := strings.Split(strings.TrimSuffix(read(t, tc.out), "\n"), "\n")
			if len(want) != len(texts) {
				t.Fatalf("%d texts, %d answers", len(texts), len(want))
			}
			for i, text := range texts {
				ids := tok.Encode(text, tc.special)
				if s := tok.Spec(); tc.special && s.AddBOS {
					ids = append([]int32{s.BOS}, ids...)
				}
				if got, want := line(ids), strings.TrimSpace(want[i]); got != want {
					t.Errorf("test %d, %q:\n got %s\nwant %s", i, text, got, want)
				}
				if tc.special {
					continue
				}
				if got := tok.Decode(ids); got != text {
					t.Errorf("test %d, %q: decodes to %q", i, text, got)
				}
				var b strings.Builder
				s := tok.Stream(-1)
				for _, id := range ids {
					piece := s.Push(id)
					if !utf8.ValidString(piece) {
						t.Errorf("test %d, %q: the stream gives %q", i, text, piece)
					}
					b.WriteString(piece)
				}
				if b.WriteString(s.Flush()); b.String() != text {
					t.Errorf("test %d, %q: streamed as %q", i, text, b.String())
				}
			}
		})
	}
}

// English prose with real vocabularies: bytes per second of one goroutine.
func BenchmarkEncodeEnglish(b *testing.B) {
	text := english(b)
	for _, tc := range []struct{ vocab, pre string }{{"gpt-2", ""}, {"gpt-2", "llama-bpe"}, {"gpt-2", "qwen2"}, {"deepseek-llm", ""}, {"llama-spm", ""}} {
		tok := vocabulary(b, tc.vocab, tc.pre)
		b.Run(tc.vocab+tc.pre, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tok.Encode(text, false)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for _, name := range []string{"gpt-2", "deepseek-llm", "llama-spm"} {
		s := vocabulary(b, name, "").Spec()
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := tokenizer.New(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// english is about a megabyte of prose from the training data.
func english(b *testing.B) string {
	b.Helper()
	f, err := os.Open(filepath.Join(oracleDir(b), "../../data/text/classic-books.jsonl.zst"))
	if err != nil {
		b.Skip(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	defer z.Close()
	var text strings.Builder
	for d := json.NewDecoder(z); text.Len() < 1<<20; {
		var doc struct{ Text string }
		if err := d.Decode(&doc); err != nil {
			b.Fatal(err)
		}
		text.WriteString(doc.Text)
	}
	return text.String()
}
