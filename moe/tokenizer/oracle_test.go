package tokenizer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

func gpt2(t testing.TB, pre string) *tokenizer.Tokenizer {
	t.Helper()
	f, err := gguf.Open(filepath.Join(oracleDir(t), "ggml-vocab-gpt-2.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := tokenizer.Spec{Model: "gpt2", Pre: pre, BOS: -1, EOS: -1, EOT: -1, Pad: -1}
	if s.Tokens, _, err = f.Strings("tokenizer.ggml.tokens"); err != nil {
		t.Fatal(err)
	}
	if s.Merges, _, err = f.Strings("tokenizer.ggml.merges"); err != nil {
		t.Fatal(err)
	}
	kinds, _, err := f.Ints("tokenizer.ggml.token_type")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		s.Kinds = append(s.Kinds, tokenizer.Kind(k))
	}
	tok, err := tokenizer.New(s)
	if err != nil {
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
	for _, tc := range []struct {
		pre, in, out string
		last         bool // the piece after the last separator is a test
		special      bool
	}{
		{"gpt-2", "ggml-vocab-gpt-2.gguf.inp", "ggml-vocab-gpt-2.gguf.out", false, false},
		{"llama-bpe", "ggml-vocab-gpt-2.gguf.inp", "gpt-2-vocab-with-pre-llama-bpe.out", true, false},
		{"qwen2", "ggml-vocab-gpt-2.gguf.inp", "gpt-2-vocab-with-pre-qwen2.out", true, false},
		{"gpt-2", "extra.inp", "extra-gpt-2.out", true, false},
		{"llama-bpe", "extra.inp", "extra-gpt-2-vocab-with-pre-llama-bpe.out", true, false},
		{"qwen2", "extra.inp", "extra-gpt-2-vocab-with-pre-qwen2.out", true, false},
		{"gpt-2", "extra.inp", "extra-gpt-2.special.out", true, true},
	} {
		t.Run(tc.out, func(t *testing.T) {
			tok := gpt2(t, tc.pre)
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
				if got, want := line(ids), strings.TrimSpace(want[i]); got != want {
					t.Errorf("test %d, %q:\n got %s\nwant %s", i, text, got, want)
				}
				if !tc.special && tok.Decode(ids) != text {
					t.Errorf("test %d, %q: decodes to %q", i, text, tok.Decode(ids))
				}
			}
		})
	}
}
