package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
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
		{"attention", []string{"-tokens", "100", "-gaps", "0", "-layer", "1", "-head", "0", text}},
		{"neuron", []string{"-tokens", "100", text}},
		{"neuron", []string{"-tokens", "100", "-layer", "1", "-expert", "0", "-neuron", "3", "-contexts", "4", text}},
		{"neuron", []string{"-concept", "question", "-shuffles", "5"}},
		{"embed", []string{"-map", "30", "-tokens", "300"}},
		{"similarity", []string{"-places", "40", "-shuffles", "2", text}},
		{"circuit", []string{"-passes", "300"}},
		{"steer", []string{"-edit", "component:1.probe-tense=0", "-edit", "direction:0.question=1", "-n", "3", "-random", "1", "Hello"}},
		{"steer", []string{"-edit", "direction:1=3", "-concept", "numbers", "-edit", "head:1.0=0", "-n", "5", "-random", "2", "Hello"}},
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
			if tc.name == "attention" || tc.name == "embed" || tc.name == "circuit" {
				return // the longest ones once
			}
			rows, err := csv.NewReader(strings.NewReader(ok(t, "", append([]string{"inspect", tc.name, "-csv"}, tc.args...)...))).ReadAll()
			if err != nil || len(rows) < 2 {
				t.Errorf("CSV of %d rows, %v", len(rows), err)
			}
		})
	}
}

// A text to steer is a message, since a model that talks has nothing to add to what
// somebody else said.
func TestSteerAnswersAMessage(t *testing.T) {
	steer := func(args ...string) string {
		return ok(t, "", append([]string{"inspect", "steer", "-edit", "direction:2.question=2", "-random", "1", "-n", "12"}, args...)...)
	}
	text := "Hello, how are you today?"
	told, message, plain := steer(text), steer("-chat", text), steer("-chat=false", text)
	if told != message || told == plain {
		t.Errorf("steer says\n%s\nof a message\n%s\nof a plain text\n%s", told, message, plain)
	}
}

// What of a corpus could not be read is said beside the results.
func TestInspectTellsOfMalformedLines(t *testing.T) {
	corpus := filepath.Join(t.TempDir(), "talk.jsonl")
	if err := os.WriteFile(corpus, []byte(`{"text":"The dog saw the cat."}`+"\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, errOut := moe(t, "", "inspect", "neuron", "-json", corpus)
	if status != 0 || !json.Valid([]byte(out)) || !strings.Contains(errOut, "1 lines of the corpus skipped, the first: "+corpus+":2: ") {
		t.Errorf("status %d, %.100q, %q", status, out, errOut)
	}
	if err := os.WriteFile(corpus, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, errOut := moe(t, "", "inspect", "neuron", corpus); status != 1 || out != "" || !strings.Contains(errOut, corpus+":1: ") {
		t.Errorf("without a document: status %d, %.100q, %q", status, out, errOut)
	}
}

func TestInspectRefuses(t *testing.T) {
	m, f, err := openModel("")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := m.Config
	// none is the first number that the model does not have, and says what it has.
	none := func(what string, n int) (string, string) {
		return fmt.Sprint(n), fmt.Sprintf("%s is %d, want 0 to %d", what, n, n-1)
	}
	layer, noLayer := none("layer", c.Layers)
	head, noHead := none("head", c.Heads)
	expert, noExpert := none("expert", m.LayerExperts(0))
	neuron, noNeuron := none("neuron", m.LayerHidden(0))
	token, noToken := none("token", c.Vocab)
	for _, tc := range []struct {
		status int
		want   string
		args   []string
	}{
		{2, "unknown instrument \"nose\", want one of chain, lens", []string{"nose"}},
		{2, "or none for the metadata of a file, which -m names", []string{"model.gguf"}},
		{2, noLayer, []string{"attention", "-layer", layer, "-head", "0"}},
		{2, noHead, []string{"attention", "-layer", "0", "-head", head}},
		{1, noExpert, []string{"neuron", "-layer", "0", "-expert", expert, "-neuron", "0"}},
		{1, noNeuron, []string{"neuron", "-layer", "0", "-neuron", neuron}},
		{1, "layer is -1, want 0 to", []string{"neuron", "-expert", "3"}},
		{2, noToken, []string{"embed", "-words", "#" + token}},
		{2, "tokens (", []string{"circuit", "-clean", "a", "-corrupt", "b", "-answer", "hippopotamus and more", "-other", " is"}},
		{2, "unknown property \"smell\", want some of question, tense", []string{"probe", "smell"}},
		{2, "unknown concept \"smell\"", []string{"neuron", "-concept", "smell"}},
		{2, "no edit", []string{"steer", "-edit", "head:1"}},
		{2, noLayer, []string{"steer", "-edit", "force:" + layer + ".0"}},
		{2, noLayer, []string{"steer", "-edit", "direction:" + layer + ".question=1"}},
		{2, noHead, []string{"steer", "-edit", "head:0." + head + "=0"}},
		{2, noExpert, []string{"steer", "-edit", "forbid:0." + expert}},
		{2, noNeuron, []string{"steer", "-edit", "neuron:0.0." + neuron + "=0"}},
		{2, "unknown direction \"smell\", want one of question", []string{"steer", "-edit", "direction:1.smell=1"}},
		{2, "want a file .png or .svg", []string{"chain", "-plot", "x.jpg"}},
		{2, "no table \"legs\", want one of tokens", []string{"chain", "-shuffles", "0", "-table", "legs"}},
		{2, "-temperatures has \"warm\"", []string{"chain", "-temperatures", "warm"}},
		{2, "exclude each other", []string{"lens", "-json", "-csv"}},
		{1, "no such file", []string{"experts", "nowhere.jsonl"}},
		{2, "usage", []string{"history"}},
		{2, "not defined: -csv", []string{"report", "-csv"}},
		{2, "not defined: -plot", []string{"report", "-plot", "x.png"}},
	} {
		status, _, errOut := moe(t, "", append([]string{"inspect"}, tc.args...)...)
		if status != tc.status || !strings.Contains(errOut, tc.want) {
			t.Errorf("moe inspect %v: status %d, %q; want %d and %q", tc.args, status, errOut, tc.status, tc.want)
		}
	}
}
