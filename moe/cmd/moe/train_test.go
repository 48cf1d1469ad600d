package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moebot/moe/backprop"
	"moebot/moe/gguf"
	"moebot/moe/train"
)

const tinyRecipe = `{"model":{"vocab":4096,"dim":16,"layers":1,"heads":2,"kv_heads":1,"head_dim":8,"hidden":16,"experts":2,"top_k":1,"context":32,"rope_base":10000,"norm_eps":1e-5,"tied":true},
	"optim":{"beta1":0.9,"beta2":0.95,"eps":1e-9},"schedule":{"kind":"cosine"},"lr":0.01,"clip":1,"rows":2,"length":32,"micro":1,"minutes":600,"seed":1,"log_steps":1,
	"phases":[{"until":1,"mix":{"weights":{"talk":1}}}]}`

// A vocabulary of the embedded model's size that is not its own shows wherever the two
// meet, and an adapter that was stopped goes on beside the weights that it changes.
func TestTrainingKeepsToItsVocabularyAndItsBase(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, b []byte) string {
		if err := os.WriteFile(file(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return file(name)
	}
	tok, err := openTokenizer("")
	if err != nil {
		t.Fatal(err)
	}
	spec := tok.Spec()
	spec.Tokens = append([]string(nil), spec.Tokens...)
	last := len(spec.Tokens) - 1
	spec.Tokens[last], spec.Tokens[last-1] = spec.Tokens[last-1], spec.Tokens[last]
	var b strings.Builder
	if err := gguf.Write(&b, append([]gguf.KV{{Key: "general.architecture", Value: "llama"}}, train.VocabularyMetadata(spec)...), nil); err != nil {
		t.Fatal(err)
	}
	other := write("other.gguf", []byte(b.String()))
	talk := write("talk.jsonl", []byte(strings.Repeat(`{"messages":[{"role":"user","content":"who are you"},{"role":"assistant","content":"a cat"}]}`+"\n", 20)))
	recipe := write("recipe.json", []byte(tinyRecipe))
	ok(t, "", "data", "-m", other, "-o", file("shards"), talk)
	status, said, note := moe(t, "", "train", "-config", recipe, "-steps", "3", "-data", file("shards"), "-o", file("run"), "-t", "1")
	if status != 0 || strings.Count(note, "top_k 1 of 2 experts") != 1 {
		t.Errorf("status %d, noted %q; want a word on a router that the text does not teach", status, note)
	}
	if !strings.Contains(said, "step 3 ") || strings.Contains(said, "step 4 ") {
		t.Errorf("train -steps 3 says %q", said)
	}
	ok(t, "", "export", "-run", file("run"), "-m", other, "-o", file("base.gguf"), "-type", "F32")
	lora := write("lora.json", []byte(strings.Replace(tinyRecipe, `"clip":1`, `"clip":1,"lora":{"rank":2,"alpha":4}`, 1)))
	adapter := []string{"train", "-config", lora, "-data", file("shards"), "-o", file("adapter"), "-t", "1", "-init", file("base.gguf")}
	ok(t, "", append(adapter, "-steps", "2")...)
	if said := ok(t, "", append(adapter, "-steps", "4", "-resume")...); !strings.Contains(said, "resumed at step 2") || !strings.Contains(said, "step 4 ") {
		t.Errorf("resuming an adapter says %q", said)
	}
	ok(t, "", "train", "-config", recipe, "-minutes", "0.0001", "-data", file("shards"), "-o", file("short"), "-t", "1")
	ok(t, "", "export", "-run", file("short"), "-m", other, "-o", file("short.gguf"), "-type", "F32")
	ok(t, "", "export", "-run", file("run"), "-m", other, "-o", file("mix.gguf"), "-type", "F32", "-average", file("short.gguf")+"=0.25")
	ok(t, "", "export", "-run", file("run"), "-m", other, "-o", file("cool.gguf"), "-type", "F32", "-cool", "1.25")
	mean := map[string][]float32{}
	var shape backprop.Config
	for _, name := range []string{"base", "short", "mix", "cool"} {
		c, w, _, err := importModel(file(name + ".gguf"))
		if err != nil {
			t.Fatal(err)
		}
		shape, mean[name] = c, w
	}
	for _, p := range backprop.Params(shape) {
		divisor := float32(1)
		if p.Name == "output_norm.weight" {
			divisor = 1.25
		}
		for i := p.Offset; i < p.Offset+p.Len; i++ {
			if got, want := mean["cool"][i], mean["base"][i]/divisor; math.Abs(float64(got-want)) > 1e-6 {
				t.Fatalf("%s: weight %d is %g with -cool 1.25, want %g", p.Name, i, got, want)
			}
		}
	}
	apart := false
	for i, got := range mean["mix"] {
		a, b := mean["base"][i], mean["short"][i]
		apart = apart || a != b
		if want := 0.75*float64(a) + 0.25*float64(b); math.Abs(float64(got)-want) > 1e-6 {
			t.Fatalf("weight %d of the average is %g, want %g of %g and %g", i, got, want, a, b)
		}
	}
	if !apart {
		t.Error("both runs ended with the same weights: nothing was averaged")
	}

	deeper := write("deeper.json", []byte(strings.Replace(tinyRecipe, `"layers":1`, `"layers":2`, 1)))
	ok(t, "", "train", "-config", deeper, "-steps", "1", "-data", file("shards"), "-o", file("deep"), "-t", "1", "-init", file("base.gguf"))
	shallow, deep := firstLoss(t, file("adapter")), firstLoss(t, file("deep"))
	if shallow != deep { // an adapter begins as what it changes, and with the same batch
		t.Errorf("the first loss is %g, of the deepened model %g", shallow, deep)
	}
	tooDeep := write("too-deep.json", []byte(strings.Replace(tinyRecipe, `"layers":1`, `"layers":3`, 1)))

	for _, tc := range []struct {
		status int
		want   string
		args   []string
	}{
		{1, "1 layers cannot be deepened to 3", []string{"train", "-config", tooDeep, "-steps", "1", "-data", file("shards"), "-o", file("x"), "-init", file("base.gguf")}},
		{1, "another vocabulary", []string{"export", "-run", file("run"), "-o", file("x.gguf")}},
		{1, "its shape is", []string{"export", "-run", file("run"), "-m", other, "-o", file("x.gguf"), "-average", "../../defaultmodel/default.gguf=0.5"}},
		{2, "-cool is 0", []string{"export", "-run", file("run"), "-o", file("x.gguf"), "-cool", "0"}},
		{2, "want OTHER.gguf=SHARE", []string{"export", "-run", file("run"), "-o", file("x.gguf"), "-average", "a.gguf=2"}},
		{2, "the shares come to 1.2", []string{"export", "-run", file("run"), "-o", file("x.gguf"), "-average", "a.gguf=0.6", "-average", "b.gguf=0.6"}},
		{1, "another vocabulary", []string{"eval", "-data", file("shards")}},
		{1, "another vocabulary", []string{"data", "-o", file("x"), "-without", file("shards"), talk}},
		{1, "another vocabulary", []string{"train", "-config", recipe, "-data", file("shards"), "-o", file("x"), "-listen", "127.0.0.1:0"}},
		{2, "exclude each other", []string{"train", "-config", recipe, "-data", file("shards"), "-o", file("x"), "-steps", "1", "-minutes", "1"}},
		{2, `-plot is "x.gif"`, []string{"train", "-config", recipe, "-data", file("shards"), "-o", file("x"), "-plot", "x.gif"}},
	} {
		status, _, errOut := moe(t, "", tc.args...)
		if status != tc.status || !strings.Contains(errOut, tc.want) {
			t.Errorf("moe %v: status %d, %q; want %d and %q", tc.args, status, errOut, tc.status, tc.want)
		}
	}
	if _, err := os.Stat(filepath.Join(file("x"), "log.jsonl")); err == nil {
		t.Error("a training began that was refused")
	}
}

// firstLoss is the loss of the first step of the run in dir, in nats.
func firstLoss(t *testing.T, dir string) float64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var first train.Record
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&first); err != nil || first.Step != 1 || first.Loss == 0 {
		t.Fatalf("%s: the first record is %+v: %v", dir, first, err)
	}
	return first.Loss
}
