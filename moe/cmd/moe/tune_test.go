package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moebot/moe/backprop"
	"moebot/moe/tensor"
	"moebot/moe/tokenizer"
	"moebot/moe/train"
)

// A few conversations are learnt too: -epochs alone would be two steps, the first of them
// at the learning rate of the warm-up.
func TestTuneOfAFewConversations(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mine.jsonl")
	const line = `{"messages":[{"role":"user","content":"%s"},{"role":"assistant","content":"%s"}]}` + "\n"
	text := fmt.Sprintf(line+line+line+line, "What is the code word?", "The code word is marzipan.", "Tell me the code word.", "The code word is marzipan.",
		"Who is Anna?", "Anna is the miller.", "Where does Anna live?", "Anna lives in the old mill.")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, rank := range []string{"0", "4"} {
		out := filepath.Join(dir, "run"+rank)
		said := ok(t, "", "tune", "-o", out, "-length", "32", "-held", "0", "-rank", rank, file)
		for _, want := range []string{"4 conversations; 0 held out (-held), 4 sequences to learn from, 81 tokens in all\n", "-epochs 3 of so few tokens would be 2 steps, which change little: it makes 20 (-steps)\n"} {
			if !strings.Contains(said, want) {
				t.Errorf("tune -rank %s says %q, want %q in it", rank, said, want)
			}
		}
		if got := ok(t, "What is the code word?\n", "chat", "-m", filepath.Join(out, "tuned.gguf"), "-temperature", "0"); !strings.Contains(got, "The code word is marzipan.") {
			t.Errorf("with -rank %s the tuned model says %q", rank, got)
		}
	}
}

// The embedded model learns an answer that it cannot know, with all weights and with
// adapters.
func TestTune(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mine.jsonl")
	var lines strings.Builder
	for range 40 {
		lines.WriteString(`{"messages":[{"role":"user","content":"Who owns the green boat?"},{"role":"assistant","content":"Zebulon owns the green boat."}]}` + "\n")
	}
	lines.WriteString("{}\n" + `{"text":"a story"}` + "\n")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
	}{
		{"all weights", []string{"-lr", "1e-3", "-epochs", "8"}},
		{"adapters", []string{"-rank", "4", "-lr", "1e-2", "-epochs", "8"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "run")
			text := ok(t, "", append(append([]string{"tune", "-o", out, "-length", "32", "-rows", "4", "-held", "0"}, tc.args...), file)...)
			for _, want := range []string{"40 conversations", "1 texts without turns left out", "mine.jsonl:41"} {
				if !strings.Contains(text, want) {
					t.Errorf("tune says %q, want %q in it", text, want)
				}
			}
			if got := ok(t, "Who owns the green boat?\n", "chat", "-m", filepath.Join(out, "tuned.gguf"), "-temperature", "0", "-repeat-penalty", "1"); !strings.Contains(got, "Zebulon owns the green boat.") {
				t.Errorf("the tuned model says %q", got)
			}
		})
	}
	for _, tc := range []struct {
		status int
		want   string
		args   []string
	}{
		{2, "usage", []string{"tune", "-o", dir}},
		{2, "-held", []string{"tune", "-o", dir, "-held", "1", file}},
		{2, "-length 100000", []string{"tune", "-o", dir, "-length", "100000", file}},
		{1, "nothing to learn from", []string{"tune", "-o", filepath.Join(dir, "x"), "-length", "3", file}},
		{1, "no such file", []string{"tune", "-o", filepath.Join(dir, "x"), file + "x.jsonl"}},
	} {
		status, _, errOut := moe(t, "", tc.args...)
		if status != tc.status || !strings.Contains(errOut, tc.want) {
			t.Errorf("moe %v: status %d, %q; want %d and %q", tc.args, status, errOut, tc.status, tc.want)
		}
	}
}

// A model that never talked learns to, in a format of plain words that its file then holds.
func TestTuneGivesAFormat(t *testing.T) {
	dir := t.TempDir()
	spec := tokenizer.Spec{Model: "gpt2", Pre: "gpt-2", BOS: 0, EOS: 1, EOT: -1, Pad: -1, AddBOS: true}
	spec.Tokens, spec.Kinds = []string{"<s>", "</s>"}, []tokenizer.Kind{tokenizer.Control, tokenizer.Control}
	next := rune(256)
	for b := range 256 { // one token a byte, written as GPT-2 writes bytes
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) {
			r = next
			next++
		}
		spec.Tokens, spec.Kinds = append(spec.Tokens, string(r)), append(spec.Kinds, tokenizer.Normal)
	}
	c := backprop.Config{Vocab: len(spec.Tokens), Dim: 48, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 24, Hidden: 48, Experts: 2, TopK: 1, Context: 64, RopeBase: 1e4, NormEps: 1e-5, Tied: true}
	total, _ := c.Parameters()
	w := make([]float32, total)
	backprop.Init(c, w, 1)
	var file bytes.Buffer
	if err := train.Export(&file, c, w, spec, train.About{License: "mit"}, tensor.F32); err != nil {
		t.Fatal(err)
	}
	base, mine := filepath.Join(dir, "base.gguf"), filepath.Join(dir, "mine.jsonl")
	if err := os.WriteFile(base, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	line := `{"messages":[{"role":"user","content":"Knock?"},{"role":"assistant","content":"Who is it"}]}` + "\n"
	if err := os.WriteFile(mine, []byte(strings.Repeat(line, 50)), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "run")
	if text := ok(t, "", "tune", "-m", base, "-o", out, "-lr", "0.01", "-epochs", "15", "-held", "0", "-type", "F32", mine); !strings.Contains(text, "plain words") {
		t.Errorf("tune says %q", text)
	}
	if got, err := licenseOf(filepath.Join(out, "tuned.gguf")); err != nil || got != "mit" {
		t.Errorf("the base's license is mit, the tuned model's %q (%v)", got, err)
	}
	if got := ok(t, "Knock?\n", "chat", "-m", filepath.Join(out, "tuned.gguf"), "-temperature", "0", "-repeat-penalty", "1"); !strings.Contains(got, "Who is it\n") {
		t.Errorf("the tuned model says %q", got)
	}
}
