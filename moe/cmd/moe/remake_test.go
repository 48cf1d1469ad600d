package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"moebot/moe/backprop"
	"moebot/moe/gguf"
	"moebot/moe/tensor"
)

// smallRecipe is a directory as moe/defaultmodel is one, for a model of a moment.
func smallRecipe(t *testing.T) (recipe, corpus, held string) {
	t.Helper()
	dir := t.TempDir()
	recipe, corpus, held = filepath.Join(dir, "recipe"), filepath.Join(dir, "corpus"), filepath.Join(dir, "held")
	write := func(text string, name ...string) {
		path := filepath.Join(name...)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	talk := strings.Repeat(`{"messages":[{"role":"user","content":"Where does the cat sleep?"},{"role":"assistant","content":"It sleeps on the warm mat, and at night on the chair."}]}`+"\n", 40)
	talk += `{"messages":[{"role":"user","content":"And the mouse?"},{"role":"assistant","content":"Behind the third plank of the kitchen floor, where nobody has looked since the house was built by a man in a green hat."}]}` + "\n"
	for _, root := range []string{corpus, held} {
		write(talk, root, "chat", "talk.jsonl")
	}
	for n := range 5 { // the second with one layer more
		write(fmt.Sprintf(`{
 "model": {"vocab": 4096, "dim": 16, "layers": %d, "heads": 2, "kv_heads": 1, "head_dim": 8, "hidden": 16, "experts": 2, "top_k": 1,
  "context": 64, "rope_base": 10000, "norm_eps": 1e-5, "tied": true},
 "losses": {"load_balance": 0.01},
 "optim": {"beta1": 0.9, "beta2": 0.95, "eps": 1e-9},
 "schedule": {"kind": "wsd", "warmup": 0.1, "decay": 0.3, "floor": 0.1},
 "lr": 0.01, "clip": 1, "rows": 2, "length": 64, "micro": 1, "steps": 1000, "seed": 1, "log_steps": 1, "checkpoint_minutes": 1,
 "phases": [{"until": 1, "mix": {"prompt_weight": 1, "weights": {"talk": 1, "phrasebook": 1}}}]
}`, min(n+1, 2)), recipe, fmt.Sprintf("recipe-%d.json", n+1))
	}
	write(`{"again": {"How are you": 3, "Hello": 2}}`, recipe, "recipe-2-more.json")
	write(`{"seed": 8, "once": ["talk"]}`, recipe, "recipe-3-more.json")
	write(`{"average": {"2": 0.5}}`, recipe, "recipe-4-more.json")
	write(`{"name": "small", "average": {"4": 0.25, "2": 0.125}, "cool": 1.06, "type": "F32", "set": ["*attn_q*=F16"]}`, recipe, "recipe-end.json")
	write("intent greet\n  u hello | hi\n  m Hello! How are you?\n", recipe, "dialogues", "greet.txt")
	got, err := sum(filepath.Join(corpus, "chat", "talk.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"corpus.sha256", "held.sha256"} {
		write(got+"  chat/talk.jsonl\n", recipe, list)
	}
	return recipe, corpus, held
}

func TestRemake(t *testing.T) {
	recipe, corpus, held := smallRecipe(t)
	dir := t.TempDir()
	args := []string{"remake", "-recipe", recipe, "-corpus", corpus, "-held", held, "-o", dir, "-steps", "2", "-talks", "30", "-t", "1"}
	status, out, errOut := moe(t, "", args...)
	if status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	for _, want := range []string{"phrasebook.jsonl: 30 conversations", "1 sequences left out", "run 5 of 5", "sequences left out, they repeat earlier ones", "step 2 ", "default.gguf", "5-gram"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	made, err := os.ReadFile(filepath.Join(dir, "default.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	// the second run reads each conversation three times
	var sizes []int64
	for _, shard := range []string{"shards/phrasebook.shard", "shards-2/phrasebook.shard", "shards/talk.shard", "shards-2/talk.shard", "shards-3/phrasebook.shard", "shards-3/talk.shard"} {
		info, err := os.Stat(filepath.Join(dir, shard))
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, info.Size())
	}
	if sizes[1] < 2*sizes[0] || sizes[2] != sizes[3] {
		t.Errorf("shards of %d bytes; want about three times as much of the phrasebook", sizes)
	}
	if sizes[5] >= sizes[2] {
		t.Errorf("shards of %d bytes; want less of the source that is read once", sizes)
	}
	same := func(a, b string) bool {
		x, err := os.ReadFile(filepath.Join(dir, a))
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.ReadFile(filepath.Join(dir, b))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Equal(x, y)
	}
	if same("shards/phrasebook.shard", "shards-3/phrasebook.shard") {
		t.Error("another seed gave the same conversations")
	}
	weights := func(name string) []float32 {
		_, w, _, err := importModel(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	// run 4 is handed on with half of run 2, and the end is run 5 with a quarter of that, and cooler
	ok(t, "", "export", "-run", filepath.Join(dir, "run-4"), "-type", "F32", "-o", filepath.Join(dir, "alone.gguf"))
	alone, second, older := weights("alone.gguf"), weights("run-2.gguf"), weights("run-4.gguf")
	for i, w := range older {
		if want := float32(0.5*float64(alone[i]) + 0.5*float64(second[i])); w != want {
			t.Fatalf("weight %d of run 4 is %g, want %g", i, w, want)
		}
	}
	c, last, _, err := importModel(filepath.Join(dir, "run-5.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	embedded := weights("default.gguf")
	f, err := gguf.Open(filepath.Join(dir, "default.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	q, _ := f.Tensor("blk.0.attn_q.weight")
	k, _ := f.Tensor("blk.0.attn_k.weight")
	if q.Type != tensor.F16 || k.Type != tensor.F32 {
		t.Errorf("queries are %v, keys %v; want F16 by \"set\", and F32", q.Type, k.Type)
	}
	differ := 0
	for _, p := range backprop.Params(c) {
		for i := p.Offset; i < p.Offset+p.Len; i++ {
			want := 0.625*float64(last[i]) + 0.25*float64(older[i]) + 0.125*float64(second[i])
			if p.Name == "output_norm.weight" {
				want /= 1.06
			}
			if last[i] != older[i] {
				differ++
			}
			within := 1e-6
			if strings.Contains(p.Name, "attn_q") {
				within = 1e-3*math.Abs(want) + 1e-6
			}
			if math.Abs(float64(embedded[i])-want) > within {
				t.Fatalf("%s has %g, want %g", p.Name, embedded[i], want)
			}
		}
	}
	if differ == 0 {
		t.Error("the last run changed nothing")
	}
	var read []string
	for _, run := range []string{"run-1", "run-2"} {
		data, err := os.ReadFile(filepath.Join(dir, run, "latest.ckpt"))
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, string(regexp.MustCompile(`"phrasebook":\{"tokens":\d+`).Find(data)))
	}
	if read[0] == "" || read[0] == read[1] {
		t.Errorf("the runs read %q; want the second to read its own shards", read)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "shards-2", "*.jsonl")); err != nil || len(left) > 0 {
		t.Errorf("%q is left among the shards; %v", left, err)
	}
	// what is missing is made again, from what is there
	for _, name := range []string{"default.gguf", "eval.txt"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	status, out, errOut = moe(t, "", args...)
	if status != 0 || strings.Contains(out, "step 2 ") || !strings.Contains(out, "run-5.gguf is there") {
		t.Errorf("status %d, %s:\n%s", status, errOut, out)
	}
	if again, err := os.ReadFile(filepath.Join(dir, "default.gguf")); err != nil || !bytes.Equal(again, made) {
		t.Errorf("the file made again is another one: %d bytes, were %d; %v", len(again), len(made), err)
	}
	// products of a trial are not taken for those of the whole
	status, out, errOut = moe(t, "", append(args, "-steps", "3", "-talks", "31")...)
	if status != 1 || !strings.Contains(errOut, "another steps, talks") || out != "" {
		t.Errorf("status %d, %s:\n%s", status, errOut, out)
	}
}

// A run that trains an adapter goes on where it was stopped, beside the weights of the
// run before.
func TestRemakeGoesOnWithAnAdapter(t *testing.T) {
	recipe, corpus, held := smallRecipe(t)
	for _, later := range []string{"recipe-3.json", "recipe-4.json", "recipe-5.json", "recipe-2-more.json"} {
		if err := os.Remove(filepath.Join(recipe, later)); err != nil {
			t.Fatal(err)
		}
	}
	second := filepath.Join(recipe, "recipe-2.json")
	data, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Replace(data, []byte(`"lr":`), []byte(`"lora": {"rank": 2, "alpha": 4}, "lr":`), 1)
	end := []byte(`{"name": "small", "cool": 1, "type": "F32"}`)
	if err := errors.Join(os.WriteFile(second, data, 0o644), os.WriteFile(filepath.Join(recipe, "recipe-end.json"), end, 0o644)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{"remake", "-recipe", recipe, "-corpus", corpus, "-held", held, "-o", dir, "-steps", "2", "-talks", "30", "-t", "1"}
	ok(t, "", args...)
	trained := filepath.Join(dir, "run-2.gguf")
	whole, err := os.ReadFile(trained)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(trained); err != nil { // as if it had been stopped after its last checkpoint
		t.Fatal(err)
	}
	if out := ok(t, "", args...); !strings.Contains(out, "resumed at step 2") {
		t.Errorf("the run did not go on:\n%s", out)
	}
	if again, err := os.ReadFile(trained); err != nil || !bytes.Equal(again, whole) {
		t.Errorf("its end is another: %d bytes, were %d (%v)", len(again), len(whole), err)
	}
}

// A shard is in two directories, as one file or where that cannot be as two.
func TestLinkOrCopy(t *testing.T) {
	for name, link := range map[string]func(string, string) error{
		"link": os.Link, "no links": func(string, string) error { return os.ErrPermission },
	} {
		from, to := filepath.Join(t.TempDir(), "a.shard"), filepath.Join(t.TempDir(), "a.shard")
		if err := os.WriteFile(from, []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := linkOrCopy(from, to, link); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(to); err != nil || string(got) != "text" {
			t.Errorf("%s: %q (%v)", name, got, err)
		}
		if err := os.WriteFile(to+".own", []byte("another"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := linkOrCopy(from, to+".own", link); err != nil {
			t.Errorf("%s, to what is there: %v", name, err)
		}
		if got, err := os.ReadFile(to + ".own"); err != nil || string(got) != "another" {
			t.Errorf("%s, to what is there: %q (%v)", name, got, err)
		}
		if err := linkOrCopy(from+".absent", to+".absent", link); err == nil || !strings.Contains(err.Error(), from+".absent") {
			t.Errorf("%s, of nothing: %v", name, err)
		}
	}
}

// When a step fails, those that need its product are not begun.
func TestRemakeStopsAtTheFirstFailure(t *testing.T) {
	recipe, corpus, held := smallRecipe(t)
	if err := os.WriteFile(filepath.Join(recipe, "dialogues", "greet.txt"), []byte("no grammar\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	status, out, errOut := moe(t, "", "remake", "-recipe", recipe, "-corpus", corpus, "-held", held, "-o", dir, "-t", "1")
	if status != 1 || !strings.Contains(errOut, "greet.txt") {
		t.Errorf("status %d: %s", status, errOut)
	}
	if begun, err := filepath.Glob(filepath.Join(dir, "*shards")); err != nil || len(begun) != 0 {
		t.Errorf("the shards %q are begun (%v):\n%s", begun, err, out)
	}
}

// A slip anywhere in the recipe is found before anything is made.
func TestRemakeReadsTheRecipeFirst(t *testing.T) {
	for _, tc := range []struct{ file, text, want string }{
		{"recipe-3.json", `{"stepps": 1}`, "stepps"},
		{"recipe-2-more.json", `{"again": {"Hello": 0}}`, `"Hello": 0`},
		{"recipe-2-more.json", `{"Hello": 2}`, "Hello"},
		{"recipe-2-more.json", `{"seed": -1}`, "seed is -1"},
		{"recipe-2-more.json", `{"once": ["tale"]}`, `reads no source "tale"`},
		{"recipe-2-more.json", `{"average": {"2": 0.5}}`, "average has run 2"},
		{"recipe-2-more.json", `{"average": {"1": 0.5}}`, "another shape"},
		{"recipe-3-more.json", `{"average": {"2": 0}}`, "average has 0 of run 2"},
		{"recipe-5-more.json", `{"average": {"2": 0.5}}`, "belongs into recipe-end.json"},
		{"recipe-2-more.json", `{"again": `, "unexpected"},
		{"recipe-end.json", `{"name": "x", "average": {"5": 0.5}, "cool": 1, "type": "F32"}`, "average has run 5"},
		{"recipe-end.json", `{"name": "x", "average": {"2": 0.75, "3": 0.75}, "cool": 1, "type": "F32"}`, "at most of all together"},
		{"recipe-end.json", `{"name": "x", "cool": 0, "type": "F32"}`, "cool is 0"},
		{"recipe-end.json", `{"name": "x", "cool": 20, "type": "F32"}`, "cool is 20"},
		{"recipe-end.json", `{"name": "x", "average": {"0": 0.5}, "cool": 1, "type": "F32"}`, "average has run 0"},
		{"recipe-end.json", `{"name": "x", "average": {"2": 1.5}, "cool": 1, "type": "F32"}`, "average has 1.5 of run 2"},
		{"recipe-end.json", `{"name": "x", "average": {"1": 0.5}, "cool": 1, "type": "F32"}`, "another shape"},
		{"recipe-end.json", `{"name": "x", "cool": 1, "type": "F32"} {}`, "something follows"},
		{"recipe-end.json", `{"name": "x", "cool": 1, "type": "F32", "set": ["[=F32"]}`, "syntax error in pattern"},
		{"recipe-end.json", `{"name": "x", "cool": 1, "type": "Q9_9"}`, "Q9_9"},
		{"recipe-end.json", `{"name": "x", "cool": 1, "type": "F32", "set": ["*"]}`, `"*": want pattern=type`},
		{"recipe-end.json", `{"cool": 1, "type": "F32"}`, "no name"},
		{"recipe-end.json", `{"name": "x", "cold": 1}`, "cold"},
	} {
		recipe, corpus, held := smallRecipe(t)
		if err := os.WriteFile(filepath.Join(recipe, tc.file), []byte(tc.text), 0o644); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "made")
		status, _, errOut := moe(t, "", "remake", "-recipe", recipe, "-corpus", corpus, "-held", held, "-o", dir)
		if status != 1 || !strings.Contains(errOut, tc.file) || !strings.Contains(errOut, tc.want) {
			t.Errorf("%s in %s: status %d, %q; want %q", tc.text, tc.file, status, errOut, tc.want)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s in %s: something was made", tc.text, tc.file)
		}
	}
}

func TestRemakeRefusesAnotherCorpus(t *testing.T) {
	recipe, corpus, held := smallRecipe(t)
	file := filepath.Join(corpus, "chat", "talk.jsonl")
	made := filepath.Join(t.TempDir(), "made")
	args := []string{"remake", "-recipe", recipe, "-corpus", corpus, "-held", held, "-o", made, "-steps", "1", "-talks", "5", "-t", "1"}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if status, _, errOut := moe(t, "", args...); status != 1 || !strings.Contains(errOut, "chat/talk.jsonl is not the file of the recipe") {
		t.Errorf("status %d: %s", status, errOut)
	}
	if status, _, errOut := moe(t, "", append(args, "-other")...); status != 0 {
		t.Errorf("with -other, status %d: %s", status, errOut)
	}
	// what the other corpus gave is not taken for what the recipe's gives
	if err := os.WriteFile(file, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if status, _, errOut := moe(t, "", args...); status != 1 || !strings.Contains(errOut, "made with another corpus;") {
		t.Errorf("status %d: %s", status, errOut)
	}
	if err := os.Remove(filepath.Join(made, "made.json")); err != nil {
		t.Fatal(err)
	}
	if status, _, errOut := moe(t, "", args...); status != 1 || !strings.Contains(errOut, "not known what") {
		t.Errorf("status %d: %s", status, errOut)
	}
	extra := filepath.Join(corpus, "chat", "extra.jsonl")
	if err := os.WriteFile(extra, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if status, _, errOut := moe(t, "", args...); status != 1 || !strings.Contains(errOut, "extra.jsonl is not in") {
		t.Errorf("status %d: %s", status, errOut)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if status, _, errOut := moe(t, "", args...); status != 1 || !strings.Contains(errOut, "talk.jsonl") {
		t.Errorf("status %d: %s", status, errOut)
	}
}
