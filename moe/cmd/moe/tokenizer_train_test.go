package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moebot/moe/tokenizer"
)

// smallCorpus writes a chat and a text file and returns their paths. The chat has a
// line that is no document.
func smallCorpus(t *testing.T) (chat, text string) {
	t.Helper()
	dir := t.TempDir()
	chat, text = filepath.Join(dir, "chat", "talk.jsonl"), filepath.Join(dir, "text", "book.txt")
	for path, data := range map[string]string{
		chat: `{"messages":[{"role":"system","content":"Be kind."},{"role":"user","name":"Zuzanna","content":"zoology?"},{"role":"assistant","content":"zoology!"}]}
broken
{"messages":[{"role":"user","content":"<|end|> quokka"},{"role":"assistant","content":"quokka <|end|>"}]}
`,
		text: strings.Repeat("the cat and the dog and the bird\n", 20),
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return chat, text
}

func TestTokenizerTrain(t *testing.T) {
	chat, text := smallCorpus(t)
	path := filepath.Join(t.TempDir(), "v.gguf")
	status, out, errOut := moe(t, "", "tokenizer", "train", "-o", path, "-vocab", "300", "-weight", "50:chat/*", chat, text)
	if status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	for _, want := range []string{"talk", "2 documents", "weight 50", "1 lines skipped, the first: " + chat + ":2:", "book", "weight 1\n", "38 merges", "300 tokens"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
	tok, err := openTokenizer(path)
	if err != nil {
		t.Fatal(err)
	}
	s := tok.Spec()
	if d := cmp.Diff([]string{"<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|pad|>"}, s.Tokens[:6]); d != "" {
		t.Errorf("special tokens (-want +got):\n%s", d)
	}
	if s.Pre != "qwen2" || s.BOS != 0 || s.EOS != 1 || s.EOT != 1 || s.Pad != 5 || !s.AddBOS || s.AddEOS || !strings.Contains(s.ChatTemplate, "<|assistant|>") {
		t.Errorf("the vocabulary has pre %q, bos %d, eos %d, eot %d, pad %d, add bos %v, add eos %v, template %q", s.Pre, s.BOS, s.EOS, s.EOT, s.Pad, s.AddBOS, s.AddEOS, s.ChatTemplate)
	}
	for i, k := range s.Kinds {
		if want := tokenizer.Normal; (i < 6) != (k == tokenizer.Control) || i >= 6 && k != want {
			t.Errorf("token %d is of kind %d", i, k)
		}
	}
	// two files of equal words but for the weight: the heavier one's are whole tokens
	for word, want := range map[string]int{"zoology": 1, " quokka": 1, "Zuzanna": 1} {
		if ids := tok.Encode(word, false); len(ids) != want {
			t.Errorf("%q has %d tokens, want %d", word, len(ids), want)
		}
	}
	if ids := tok.Encode("<|end|>", false); len(ids) < 2 || ids[0] < 6 {
		t.Errorf("the text <|end|> encodes to %v", ids)
	}
	if got := ok(t, ok(t, "the dog <|end|> é", "tokenizer", "encode", "-m", path), "tokenizer", "decode", "-m", path); got != "the dog <|end|> é" {
		t.Errorf("the round trip gives %q", got)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("%d files are left, want the vocabulary alone", len(files))
	}
}

func TestTokenizerTrainIsTheSameForAnyThreadsAndOrder(t *testing.T) {
	chat, text := smallCorpus(t)
	dir := t.TempDir()
	var first []byte
	for _, args := range [][]string{{"-t", "1", chat, text}, {"-t", "3", chat, text}, {"-t", "2", text, chat}} {
		path := filepath.Join(dir, "v.gguf")
		ok(t, "", append([]string{"tokenizer", "train", "-o", path, "-vocab", "280"}, args...)...)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		} else if !bytes.Equal(first, b) {
			t.Errorf("%v gives another file", args)
		}
	}
}

func TestTokenizerTrainErrors(t *testing.T) {
	chat, text := smallCorpus(t)
	o := filepath.Join(t.TempDir(), "v.gguf")
	empty := filepath.Join(t.TempDir(), "empty.txt")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		status int
		want   string
		args   []string
	}{
		{2, "usage", nil},
		{2, "usage", []string{"-o", o}},
		{2, "usage", []string{text}},
		{2, "no file is called like -weight 3:chta/*", []string{"-o", o, "-weight", "3:chta/*", chat}},
		{2, "want a number from 0", []string{"-o", o, "-weight", "chat", chat}},
		{2, "want a number from 0", []string{"-o", o, "-weight", "-1:*", chat}},
		{2, "cannot be read", []string{"-o", o, "-weight", "1:[", chat}},
		{1, "at least 262", []string{"-o", o, "-vocab", "261", text}},
		{1, "pre-tokenizer", []string{"-o", o, "-pre", "none", text}},
		{1, "negative", []string{"-o", o, "-min", "-1", text}},
		{1, "talk.jsonl:2", []string{"-o", o, "-strict", chat}},
		{1, "no text", []string{"-o", o, empty}},
		{1, "no text", []string{"-o", o, "-weight", "0:*", text}},
		{1, "no such file", []string{"-o", o, filepath.Join(o, "none.txt")}},
		{1, "unknown kind of corpus file", []string{"-o", o, o}},
		{1, "no such file", []string{"-o", filepath.Join(filepath.Dir(o), "none", "v.gguf"), text}},
	} {
		if tc.want == "unknown kind of corpus file" {
			if err := os.WriteFile(o, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		status, _, errOut := moe(t, "", append([]string{"tokenizer", "train"}, tc.args...)...)
		if status != tc.status || !strings.Contains(errOut, tc.want) {
			t.Errorf("%v: status %d, %q; want %d and %q", tc.args, status, errOut, tc.status, tc.want)
		}
	}
	if status, _, errOut := moe(t, "", "tokenizer", "train", "-o", o, "-vocab", "9999", text); status != 0 || !strings.Contains(errOut, "tokens only, not for 9999") {
		t.Errorf("too large a vocabulary: status %d, %q", status, errOut)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status := run(ctx, []string{"tokenizer", "train", "-o", o + "2", text}, strings.NewReader(""), io.Discard, io.Discard); status != 1 {
		t.Errorf("status %d when cancelled, want 1", status)
	}
	if files, _ := os.ReadDir(filepath.Dir(o)); len(files) != 1 {
		t.Errorf("%d files are there, want one: failures leave nothing", len(files))
	}
}
