package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
