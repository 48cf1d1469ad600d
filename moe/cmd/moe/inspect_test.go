package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every instrument answers on the embedded model as text, JSON, CSV and picture.
func TestInstruments(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("The dog saw the cat, and the cat saw the dog by the old house. ", 12)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
	}{
		{"chain", []string{"-shuffles", "2", "the", "dog", "ran"}},
		{"lens", []string{"-chat", "hello there"}},
		{"experts", []string{"-tokens", "100", "-shuffles", "2", "-effects", "30", "-silence=false", text}},
		{"attention", []string{"-tokens", "100", "-gaps", "0", "-layer", "2", "-head", "4", text}},
		{"neuron", []string{"-tokens", "100", text}},
		{"neuron", []string{"-tokens", "100", "-layer", "1", "-expert", "2", "-neuron", "3", "-contexts", "4", text}},
		{"neuron", []string{"-concept", "question", "-shuffles", "5"}},
		{"embed", []string{"-map", "30", "-tokens", "300"}},
		{"similarity", []string{"-places", "40", "-shuffles", "2", text}},
		{"circuit", []string{"-clean", "The dogs", "-corrupt", "The dog", "-answer", " are", "-other", " is"}},
		{"steer", []string{"-edit", "direction:2=3", "-concept", "numbers", "-edit", "head:1.4=0", "-n", "5", "-random", "2", "Hello"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			picture := filepath.Join(dir, tc.name+".png")
			out := ok(t, "", append([]string{"inspect", tc.name, "-json", "-plot", picture}, tc.args...)...)
			var got struct {
				Instrument, Finding string
				Data                any
			}
			if err := json.Unmarshal([]byte(out), &got); err != nil || got.Instrument != tc.name || got.Finding == "" || got.Data == nil {
				t.Errorf("JSON %.200s, %v", out, err)
			}
			if b, err := os.ReadFile(picture); err != nil || !strings.HasPrefix(string(b), "\x89PNG") {
				t.Errorf("picture: %v", err)
			}
			if tc.name == "attention" || tc.name == "embed" {
				return // the longest ones once
			}
			rows, err := csv.NewReader(strings.NewReader(ok(t, "", append([]string{"inspect", tc.name, "-csv"}, tc.args...)...))).ReadAll()
			if err != nil || len(rows) < 2 {
				t.Errorf("CSV of %d rows, %v", len(rows), err)
			}
		})
	}
}

func TestInspectRefuses(t *testing.T) {
	for _, tc := range []struct {
		status int
		want   string
		args   []string
	}{
		{2, "unknown instrument \"nose\", want one of chain, lens", []string{"nose"}},
		{2, "layer is 5, want 0 to 4", []string{"attention", "-layer", "5", "-head", "0"}},
		{2, "head is 6, want 0 to 5", []string{"attention", "-layer", "0", "-head", "6"}},
		{1, "expert is 8, want 0 to 7", []string{"neuron", "-layer", "0", "-expert", "8", "-neuron", "0"}},
		{1, "neuron is 256, want 0 to 255", []string{"neuron", "-layer", "0", "-neuron", "256"}},
		{2, "token is 4096, want 0 to 4095", []string{"embed", "-words", "#4096"}},
		{2, "tokens (", []string{"circuit", "-clean", "a", "-corrupt", "b", "-answer", "hippopotamus", "-other", " is"}},
		{2, "unknown property \"smell\", want some of question, tense", []string{"probe", "smell"}},
		{2, "unknown concept \"smell\"", []string{"neuron", "-concept", "smell"}},
		{2, "no edit", []string{"steer", "-edit", "head:1"}},
		{2, "layer is 9, want 0 to 4", []string{"steer", "-edit", "force:9.0"}},
		{2, "want a file .png or .svg", []string{"chain", "-plot", "x.jpg"}},
		{2, "no table \"legs\", want one of tokens", []string{"chain", "-shuffles", "0", "-table", "legs"}},
		{2, "-temperatures has \"warm\"", []string{"chain", "-temperatures", "warm"}},
		{2, "exclude each other", []string{"lens", "-json", "-csv"}},
		{1, "no such file", []string{"experts", "nowhere.jsonl"}},
		{2, "usage", []string{"history"}},
	} {
		status, _, errOut := moe(t, "", append([]string{"inspect"}, tc.args...)...)
		if status != tc.status || !strings.Contains(errOut, tc.want) {
			t.Errorf("moe inspect %v: status %d, %q; want %d and %q", tc.args, status, errOut, tc.status, tc.want)
		}
	}
}
