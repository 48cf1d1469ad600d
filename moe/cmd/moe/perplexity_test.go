package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"moebot/moe/gguf"
	"moebot/moe/tensor"
)

// A vocabulary that the model does not know and a context window without room are told,
// neither a panic nor a measurement without end.
func TestPerplexityOfFilesThatCannotBeMeasured(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(kv *gguf.KV)
		want string
	}{
		{"more tokens than the model knows", func(kv *gguf.KV) {
			switch kv.Key {
			case "tokenizer.ggml.tokens":
				kv.Value = append(kv.Value.([]string), "Qqq", "Qqqq")
			case "tokenizer.ggml.token_type":
				kv.Value = append(kv.Value.([]int32), 4, 4) // found in any text
			}
		}, "tokens, the model knows"},
		{"a context window of one token", func(kv *gguf.KV) {
			if strings.HasSuffix(kv.Key, ".context_length") {
				kv.Value = uint32(1)
			}
			if strings.HasSuffix(kv.Key, ".add_bos_token") {
				kv.Value = true
			}
		}, "a context window of one token"},
	} {
		path := filepath.Join(t.TempDir(), "spoilt.gguf")
		f, err := openFile("")
		if err != nil {
			t.Fatal(err)
		}
		meta := f.Metadata()
		for i := range meta {
			tc.edit(&meta[i])
		}
		var tensors []tensor.Tensor
		for _, name := range f.Names() {
			x, _ := f.Tensor(name)
			tensors = append(tensors, x)
		}
		if err := writeFile(path, func(w io.Writer) error { return gguf.Write(w, meta, tensors) }); err != nil {
			t.Fatal(err)
		}
		if status, out, errOut := moe(t, "Hello. Qqqq?", "perplexity", "-m", path); status == 0 || !strings.Contains(errOut, tc.want) || !strings.Contains(errOut, path) {
			t.Errorf("%s: status %d, %q, %q; want %q of %s", tc.name, status, out, errOut, tc.want, path)
		}
	}
}
