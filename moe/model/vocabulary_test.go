package model

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"moebot/moe/gguf"
	"moebot/moe/tokenizer"
)

// The reference vocabularies, read as a model's are: every text gives the
// reference's ids.
func TestVocabulariesOfTheReferences(t *testing.T) {
	dir := filepath.Join(oracleDir(t), "tokenizers")
	for _, name := range []string{"gpt-2", "deepseek-llm", "llama-spm", "phi-3"} {
		f, err := gguf.Open(filepath.Join(dir, "ggml-vocab-"+name+".gguf"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		spec, err := Vocabulary(f)
		if err != nil {
			t.Fatal(err)
		}
		tok, err := tokenizer.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		read := func(file string) string {
			b, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		texts := strings.Split(read("ggml-vocab-"+name+".gguf.inp"), "\n__ggml_vocab_test__\n")
		ids := strings.Split(read("ggml-vocab-"+name+".gguf.out"), "\n")
		for i, text := range texts[:len(texts)-1] {
			var got []string
			for _, id := range tok.Encode(text, false) {
				got = append(got, strconv.Itoa(int(id)))
			}
			if want := strings.TrimSpace(ids[i]); strings.Join(got, " ") != want {
				t.Errorf("%s: %q gives %v, want %s", name, text, got, want)
			}
		}
	}
}

func TestVocabularyNamesEveryFault(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*file)
		want  string // in the error; "" for none
	}{
		{"as it should be", func(*file) {}, ""},
		{"no vocabulary", func(f *file) { f.drop("tokenizer.ggml.model") }, "tokenizer.ggml.model"},
		{"no tokens", func(f *file) { f.drop("tokenizer.ggml.tokens") }, "tokenizer.ggml.tokens is missing"},
		{"no merges", func(f *file) { f.drop("tokenizer.ggml.merges") }, "tokenizer.ggml.merges is missing"},
		{"tokens of a wrong type", func(f *file) { f.set("tokenizer.ggml.tokens", "a b") }, "tokenizer.ggml.tokens"},
		{"an id that is none", func(f *file) { f.set("tokenizer.ggml.bos_token_id", uint64(1<<40)) }, "bos_token_id is 1099511627776"},
		{"an id outside", func(f *file) { f.set("tokenizer.ggml.eos_token_id", uint32(9)) }, ""},
		{"the largest number is none", func(f *file) { f.set("tokenizer.ggml.eos_token_id", uint32(math.MaxUint32)) }, ""},
		{"an unknown pre-tokenizer", func(f *file) { f.set("tokenizer.ggml.pre", "klingon") }, `"klingon"`},
		{"an unknown model", func(f *file) { f.set("tokenizer.ggml.model", "bert") }, `"bert"`},
	} {
		f := mixtral(4)
		f.set("tokenizer.ggml.model", "gpt2")
		f.set("tokenizer.ggml.pre", "gpt-2")
		f.set("tokenizer.ggml.tokens", []string{"a", "b", "ab"})
		f.set("tokenizer.ggml.merges", []string{"a b"})
		tc.spoil(f)
		g, err := gguf.Parse(f.bytes(t))
		if err != nil {
			t.Fatal(err)
		}
		spec, err := Vocabulary(g)
		if err == nil {
			_, err = tokenizer.New(spec)
		}
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: error is %v, want %q", tc.name, err, tc.want)
		}
		var ue *tokenizer.UnsupportedError
		if strings.HasPrefix(tc.name, "an unknown") && !errors.As(err, &ue) {
			t.Errorf("%s: error is a %T", tc.name, err)
		}
	}
}

// Of an id that is no token the default counts, if that is one; llama.cpp does so too.
func TestIdsOutsideTheVocabulary(t *testing.T) {
	for _, tc := range []struct {
		model            string
		tokens           int
		set              any // eos_token_id; nil for none
		wantBOS, wantEOS int32
	}{
		{"llama", 4, nil, 1, 2},
		{"llama", 4, uint32(3), 1, 3},
		{"llama", 4, uint32(4), 1, 2},
		{"llama", 4, uint32(math.MaxUint32), 1, 2},
		{"llama", 2, nil, 1, -1},
		{"llama", 2, uint32(9), 1, -1},
		{"llama", 2, uint32(0), 1, 0},
		{"gpt2", 4, uint32(3), -1, 3},
		{"gpt2", 4, uint32(9), -1, -1},
		{"gpt2", 4, uint32(math.MaxUint32), -1, -1},
	} {
		f := mixtral(4)
		f.set("tokenizer.ggml.model", tc.model)
		f.set("tokenizer.ggml.pre", "gpt-2")
		f.set("tokenizer.ggml.tokens", []string{"<unk>", "<s>", "</s>", "x"}[:tc.tokens])
		f.set("tokenizer.ggml.scores", []float32{0, 0, 0, 0}[:tc.tokens])
		f.set("tokenizer.ggml.merges", []string{})
		if tc.set != nil {
			f.set("tokenizer.ggml.eos_token_id", tc.set)
		}
		g, err := gguf.Parse(f.bytes(t))
		if err != nil {
			t.Fatal(err)
		}
		tok, err := Tokenizer(g)
		if err != nil {
			t.Errorf("%+v: %v", tc, err)
			continue
		}
		if s := tok.Spec(); s.BOS != tc.wantBOS || s.EOS != tc.wantEOS || s.EOT != -1 || s.Pad != -1 {
			t.Errorf("%+v: BOS %d, EOS %d, EOT %d, padding %d", tc, s.BOS, s.EOS, s.EOT, s.Pad)
		}
	}
}

// Scores may be missing or integers, and tables longer than the vocabulary; a shorter
// one is an error.
func TestTablesBesideTheVocabulary(t *testing.T) {
	for _, tc := range []struct {
		name, key  string
		value      any // nil for none
		wantScores []float32
		want       string // in the error; "" for none
	}{
		{"as they should be", "scores", []float32{0, 1, 2}, []float32{0, 1, 2}, ""},
		{"no scores", "scores", nil, []float32{0, 0, 0}, ""},
		{"integers", "scores", []int32{3, -1, 7}, []float32{3, -1, 7}, ""},
		{"too many scores", "scores", []float32{5, 6, 7, 8}, []float32{5, 6, 7}, ""},
		{"too many integers", "scores", []int32{5, 6, 7, 8}, []float32{5, 6, 7}, ""},
		{"too few scores", "scores", []float32{5, 6}, nil, "2 scores for 3 tokens"},
		{"too few integers", "scores", []int32{5, 6}, nil, "2 scores for 3 tokens"},
		{"an empty table of scores", "scores", []float32{}, nil, "0 scores for 3 tokens"},
		{"scores that are words", "scores", []string{"a", "b", "c"}, nil, "tokenizer.ggml.scores"},
		{"too many types", "token_type", []int32{2, 3, 1, 1}, []float32{0, 1, 2}, ""},
		{"too few types", "token_type", []int32{2, 3}, nil, "2 token types for 3 tokens"},
	} {
		f := mixtral(4)
		f.set("tokenizer.ggml.model", "llama")
		f.set("tokenizer.ggml.tokens", []string{"<unk>", "<s>", "x"})
		f.set("tokenizer.ggml.scores", []float32{0, 1, 2})
		f.set("tokenizer.ggml.token_type", []int32{2, 3, 1})
		if f.drop("tokenizer.ggml." + tc.key); tc.value != nil {
			f.set("tokenizer.ggml."+tc.key, tc.value)
		}
		g, err := gguf.Parse(f.bytes(t))
		if err != nil {
			t.Fatal(err)
		}
		tok, err := Tokenizer(g)
		switch {
		case tc.want != "":
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: error is %v, want %q", tc.name, err, tc.want)
			}
		case err != nil:
			t.Errorf("%s: %v", tc.name, err)
		default:
			if s := tok.Spec(); !slices.Equal(s.Scores, tc.wantScores) || !slices.Equal(s.Kinds, []tokenizer.Kind{2, 3, 1}) {
				t.Errorf("%s: scores %v, types %v", tc.name, s.Scores, s.Kinds)
			}
		}
	}
}

func TestFits(t *testing.T) {
	m, err := mixtral(4).load(t)
	if err != nil {
		t.Fatal(err)
	}
	for more, want := range map[int]string{-1: "", 0: "", 1: "the vocabulary has 25 tokens, the model knows 24"} {
		s := tokenizer.Spec{Model: "llama", BOS: -1, EOS: -1, EOT: -1, Pad: -1}
		for i := range m.Config.Vocab + more {
			s.Tokens = append(s.Tokens, strconv.Itoa(i))
		}
		tok, err := tokenizer.New(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Fits(tok); want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%d tokens: error is %v, want %q", len(s.Tokens), err, want)
		}
	}
}
