package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moebot/moe/dataset"
)

// moe runs a command line and returns its exit status and outputs.
func moe(t *testing.T, in string, args ...string) (int, string, string) {
	t.Helper()
	var out, errOut bytes.Buffer
	status := run(context.Background(), args, strings.NewReader(in), &out, &errOut)
	return status, out.String(), errOut.String()
}

func ok(t *testing.T, in string, args ...string) string {
	t.Helper()
	status, out, errOut := moe(t, in, args...)
	if status != 0 {
		t.Fatalf("moe %s: status %d, %s", strings.Join(args, " "), status, errOut)
	}
	return out
}

func TestTokenizerIsItsOwnInverse(t *testing.T) {
	for _, text := range []string{"", "Hello there!\n", "  two  spaces\n\nétoile 漢字 😀 <|end|> \x00", "שלום"} {
		ids := ok(t, text, "tokenizer", "encode")
		if strings.Count(ids, "\n") != 1 {
			t.Errorf("%q gives %q, want one line", text, ids)
		}
		if got := ok(t, ids, "tokenizer", "decode"); got != text {
			t.Errorf("%q comes back as %q", text, got)
		}
	}
	if got, want := ok(t, "not read", "tokenizer", "encode", "Hello", "there!"), ok(t, "Hello there!", "tokenizer", "encode"); got != want {
		t.Errorf("as arguments a text gives %q, from standard input %q", got, want)
	}
	if got := ok(t, "not read", "tokenizer", "decode", strings.TrimSpace(ok(t, "", "tokenizer", "encode", "Hello"))); got != "Hello" {
		t.Errorf("ids as arguments are %q", got)
	}
	if ids := ok(t, "<|end|>", "tokenizer", "encode", "-special"); ids != "1\n" {
		t.Errorf("an allowed special token gives %q, want 1", ids)
	}
}

// A page may be opened before its run begins, which is said.
func TestWatchWaitsForARun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := filepath.Join(t.TempDir(), "run")
	var out, errOut bytes.Buffer
	status := run(ctx, []string{"watch", "-run", dir, "-listen", "127.0.0.1:0"}, strings.NewReader(""), &out, &errOut)
	if !strings.Contains(out.String(), dir+" is not there yet; the page waits for it\nwatch the training at http://127.0.0.1:") {
		t.Errorf("status %d, %q, %q", status, out.String(), errOut.String())
	}
}

func TestLogits(t *testing.T) {
	dir := t.TempDir()
	tokens, whole, parts := filepath.Join(dir, "t.json"), filepath.Join(dir, "a.f32"), filepath.Join(dir, "b.f32")
	if err := os.WriteFile(tokens, []byte(`{"tokens":[0,3,300,400,1,4]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ok(t, "", "logits", "-tokens", tokens, "-o", whole)
	ok(t, "", "logits", "-tokens", tokens, "-o", parts, "-chunk", "1", "-t", "1")
	a, b := readFloats(t, whole), readFloats(t, parts)
	if len(a)%6 != 0 || len(a) == 0 || len(a) != len(b) {
		t.Fatalf("%d and %d logits for 6 positions", len(a), len(b))
	}
	for i := range a {
		if math.Abs(float64(a[i]-b[i])) > 1e-3 {
			t.Fatalf("logit %d is %v in one batch, %v one by one", i, a[i], b[i])
		}
	}
	// stopped, it leaves the file that was there
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status := run(ctx, []string{"logits", "-tokens", tokens, "-o", whole}, strings.NewReader(""), io.Discard, io.Discard); status != 1 {
		t.Errorf("stopped: status %d", status)
	}
	if info, err := os.Stat(whole); err != nil || info.Size() != int64(4*len(a)) {
		t.Errorf("stopped: the older file is gone (%v)", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".moe-*")); err != nil || len(left) > 0 {
		t.Errorf("stopped: %q is left (%v)", left, err)
	}
}

func readFloats(t *testing.T, path string) (out []float32) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for ; len(b) >= 4; b = b[4:] {
		out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return out
}

func TestChat(t *testing.T) {
	talk := func(seed string) string {
		return ok(t, "hi\n/temperature 5\n/temperature 0.8\n/nonsense\n/reset\nhello\n/quit\nnever read\n", "chat", "-seed", seed, "-n", "12", "-t", "1")
	}
	a := talk("4")
	if a != talk("4") {
		t.Error("one seed gives two conversations")
	}
	for _, want := range []string{"temperature is 5, want 0 to 2", "unknown command /nonsense"} {
		if !strings.Contains(a, want) {
			t.Errorf("conversation %q lacks %q", a, want)
		}
	}
}

func TestInspectAndBench(t *testing.T) {
	out := ok(t, "", "inspect")
	for _, want := range []string{"llama.expert_count", "blk.0.ffn_gate_exps.weight", "token_embd.weight"} {
		if !strings.Contains(out, want) {
			t.Errorf("inspect lacks %q", want)
		}
	}
	var rows []benchRow
	if err := json.Unmarshal([]byte(ok(t, "", "bench", "-json", "-r", "1", "-t", "1")), &rows); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.Test)
		if r.Median <= 0 || r.Min > r.Median || r.Max < r.Median {
			t.Errorf("bench gives %+v", r)
		}
	}
	if got := strings.Join(names, " "); got != "load pp64 pp512 tg128 tg64x8 tg64x16 rss" {
		t.Errorf("bench gives %s", got)
	}
	var training []trainRow
	if err := json.Unmarshal([]byte(ok(t, "", "bench", "-train", "-bf16", "-shape", "default", "-json", "-r", "1")), &training); err != nil {
		t.Fatal(err)
	}
	// weights, gradients and two moments of 4 bytes each, and some activations
	if len(training) != 1 || !training[0].BF16 || training[0].Median <= 0 || training[0].MiB < 4*4*float64(training[0].Parameters)/(1<<20) ||
		!(training[0].Peak > 0.95 && training[0].Peak < 1.3) {
		t.Errorf("bench -train gives %+v", training)
	}
}

// From text to a model that answers, by the commands of the README.
func TestFromCorpusToModel(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	var corpus strings.Builder
	for range 60 {
		corpus.WriteString(`{"source":"s","kind":"open","messages":[{"role":"user","content":"what do cats say"},{"role":"assistant","content":"meow meow"}]}` + "\n")
	}
	corpus.WriteString("a broken line\n")
	if err := os.WriteFile(file("talk.jsonl"), []byte(corpus.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out := ok(t, "", "data", "-o", file("shards"), file("talk.jsonl"))
	if !strings.Contains(out, "60 documents") || !strings.Contains(out, "talk.jsonl:61") {
		t.Errorf("moe data says %q", out)
	}
	recipe := `{"model":{"vocab":4096,"dim":16,"layers":1,"heads":2,"kv_heads":1,"head_dim":8,"hidden":16,"experts":4,"top_k":2,"context":64,"rope_base":10000,"norm_eps":1e-5,"tied":true},
		"optim":{"beta1":0.9,"beta2":0.95,"eps":1e-9},"schedule":{"kind":"wsd","warmup":0.05,"decay":0.5},"lr":0.05,"clip":1,"rows":4,"length":32,"micro":1,"steps":60,"seed":1,"log_steps":20,
		"phases":[{"until":1,"mix":{"weights":{"talk":1},"prompt_weight":0.1}}]}`
	if err := os.WriteFile(file("recipe.json"), []byte(recipe), 0o600); err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	var progress, failed strings.Builder
	if status := run(stopped, []string{"train", "-config", file("recipe.json"), "-data", file("shards"), "-o", file("stopped"), "-t", "1"}, strings.NewReader(""), &progress, &failed); status != 1 ||
		!strings.Contains(progress.String(), "saved at step 0; -resume goes on") || failed.String() != "moe train: stopped\n" {
		t.Errorf("train stopped by Ctrl-C: status %d, %q, %q", status, progress.String(), failed.String())
	}
	if text := ok(t, "", "train", "-config", file("recipe.json"), "-data", file("shards"), "-o", file("run"), "-t", "1", "-plot", filepath.Join(file("run"), "mine.svg"), "-listen", "127.0.0.1:0"); !strings.Contains(text, "http://127.0.0.1:") {
		t.Errorf("train -listen says %q", text)
	}
	if log, err := os.ReadFile(filepath.Join(file("run"), "log.jsonl")); err != nil || !strings.Contains(string(log), "What is your name?") {
		t.Errorf("the log holds no samples (%v)", err)
	}
	ok(t, "", "plot", "-run", file("run"))
	for _, name := range []string{filepath.Join(file("run"), "mine.svg"), filepath.Join(file("run"), "curves.png"), filepath.Join(file("run"), "curves.svg")} {
		if info, err := os.Stat(name); err != nil || info.Size() < 5000 {
			t.Errorf("no picture %s (%v)", name, err)
		}
	}
	ok(t, "", "export", "-run", file("run"), "-o", file("cat.gguf"), "-type", "f16", "-name", "cat")
	if got := ok(t, "what do cats say\n", "chat", "-m", file("cat.gguf"), "-temperature", "0", "-repeat-penalty", "1", "-t", "1"); !strings.Contains(got, "meow meow\n") {
		t.Errorf("the trained model says %q", got)
	}
	var losses map[string]struct{ Reply float64 }
	if err := json.Unmarshal([]byte(ok(t, "", "eval", "-m", file("cat.gguf"), "-data", file("shards"), "-json", "-t", "1")), &losses); err != nil {
		t.Fatal(err)
	}
	if l := losses["talk"].Reply; l > 0.5 {
		t.Errorf("loss on what was learnt is %v", l)
	}
	comparison := `{"base":` + strings.Replace(recipe, `"steps":60`, `"steps":4`, 1) + `,"seeds":[1,2],"variants":[{"name":"experts"},{"name":"dense","set":{"model":{"experts":1,"top_k":1,"hidden":32}}}]}`
	if err := os.WriteFile(file("compare.json"), []byte(comparison), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := ok(t, "", "compare", "-config", file("compare.json"), "-data", file("shards"), "-held", file("shards"), "-o", file("compare"), "-t", "1"); !strings.Contains(text, "from the first") {
		t.Errorf("compare says %q", text)
	}
	var compared compareResult
	if err := json.Unmarshal([]byte(ok(t, "", "compare", "-config", file("compare.json"), "-data", file("shards"), "-held", file("shards"), "-o", file("compare"), "-t", "1", "-json")), &compared); err != nil {
		t.Fatal(err)
	}
	if len(compared.Rows) != 2 || len(compared.Results) != 4 || compared.Rows[1].Difference == 0 {
		t.Errorf("compare gives %+v", compared.Rows)
	}
	for _, name := range []string{"compare.json", "compare.png", "compare.svg"} {
		if info, err := os.Stat(filepath.Join(file("compare"), name)); err != nil || info.Size() < 500 {
			t.Errorf("no file %s (%v)", name, err)
		}
	}
	var res evalResult
	if err := json.Unmarshal([]byte(ok(t, "", "eval", "-m", file("cat.gguf"), "-data", file("shards"), "-ngram", file("shards"), "-order", "3", "-pairs", "-recall", "-replies", "3", "-json", "-t", "1")), &res); err != nil {
		t.Fatal(err)
	}
	one, three := res.NGram["1-gram"]["talk"], res.NGram["3-gram"]["talk"]
	if !(three.Reply < one.Reply && one.Bits > three.Bits && three.Bits > 0) || one.Tokens != res.Loss["talk"].Tokens {
		t.Errorf("one token of memory gives %+v, three give %+v", one, three)
	}
	if len(res.Pairs) < 8 || res.Pairs[0].Pairs < 8 || len(res.Replies) != 3 || res.Variety == nil || res.Variety.Replies != 3 {
		t.Errorf("eval gives %d kinds of pairs, replies %q, %+v", len(res.Pairs), res.Replies, res.Variety)
	}
	if len(res.Recall) < 5 || res.Recall[0].Asked != res.Recall[0].Right+len(res.Recall[0].Missed) {
		t.Errorf("eval says of what was said again: %+v", res.Recall)
	}
	if text := ok(t, "", "eval", "-m", file("cat.gguf"), "-data", file("shards"), "-novel", file("shards"), "-t", "1"); !strings.Contains(text, "talk ") {
		t.Errorf("what is new of the training text: %q", text)
	}
	if text := ok(t, "", "eval", "-m", file("cat.gguf"), "-replies", "2", "-v", "-t", "1"); !strings.Contains(text, "distinct-2") || !strings.Contains(text, "> Hello! How are you today?") {
		t.Errorf("eval -replies says %q", text)
	}
	// And to looking inside it.
	grown := ok(t, "", "inspect", "history", "-null=false", "-csv", "-tokens", "100", "-corpus", file("talk.jsonl"), file("run"))
	if !strings.HasPrefix(grown, "model,step,loss_nats") || !strings.Contains(grown, "latest.ckpt,60,") {
		t.Errorf("history says %q", grown)
	}
	said := ok(t, "", "inspect", "report", "-m", file("cat.gguf"), "-tokens", "200", "-o", file("inside.html"), file("talk.jsonl"))
	page, err := os.ReadFile(file("inside.html"))
	if err != nil || !strings.Contains(string(page), "data:image/svg") || strings.Count(said, "\n\n") != 12 {
		t.Errorf("report of %d bytes, %v: %s", len(page), err, said)
	}
}

func TestPhrasebook(t *testing.T) {
	dir := t.TempDir()
	book := filepath.Join(dir, "b.txt")
	if err := os.WriteFile(book, []byte("intent a\n u hi there\n m hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "b.jsonl")
	for _, tc := range []struct {
		flags []string
		want  int
	}{{nil, 7}, {[]string{"-again", "Hel=3", "-again", "hello=4", "-again", "o=2"}, 21}} {
		said := ok(t, "", append(append([]string{"phrasebook", "-n", "7"}, tc.flags...), "-o", file, book)...)
		if want := fmt.Sprintf("%d conversations", tc.want); !strings.Contains(said, want) {
			t.Errorf("%q: no %q in %q", tc.flags, want, said)
		}
		n := 0
		if err := dataset.ReadFile(file, func(d dataset.Document, err error) bool {
			if err != nil || d.Messages[1].Content != "Hello" {
				t.Errorf("%+v %v", d, err)
			}
			n++
			return true
		}); err != nil || n != tc.want {
			t.Errorf("%q: %d conversations, want %d; %v", tc.flags, n, tc.want, err)
		}
	}
	for _, bad := range []string{"Hello", "=3", "Hello=0", "Hello=many"} {
		if status, _, errOut := moe(t, "", "phrasebook", "-again", bad, "-o", file, book); status != 2 || !strings.Contains(errOut, "want text=N") {
			t.Errorf("%q: status %d: %s", bad, status, errOut)
		}
	}
	if got := ok(t, "", "phrasebook", "-n", "3", "-show", book); strings.Count(got, "Assistant: Hello\n") != 3 {
		t.Errorf("shown: %q", got)
	}
}

func TestErrorsNameFileAndPlace(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	cut := t.TempDir()
	if err := os.WriteFile(filepath.Join(cut, "cut.shard"), []byte("moeshrd1 and then nothing of a shard"), 0o600); err != nil {
		t.Fatal(err)
	}
	recipe := filepath.Join("..", "..", "defaultmodel", "recipe-1.json")
	foreign, bad := write("foreign.gguf", "not a model"), write("bad.json", `{"tokens":[1,99999]}`)
	for _, tc := range []struct {
		status int
		want   string
		args   []string
	}{
		{2, "unknown command", []string{"fly"}},
		{2, "commands:", nil},
		{2, "flag provided but not defined", []string{"chat", "-x"}},
		{2, "temperature is 3", []string{"chat", "-temperature", "3"}},
		{2, `invalid value "hot"`, []string{"chat", "-temperature", "hot"}},
		{2, "NaN", []string{"chat", "-temperature", "NaN"}},
		{1, "foreign.gguf", []string{"chat", "-m", foreign}},
		{1, "no such file", []string{"inspect", "-m", filepath.Join(dir, "none.gguf")}},
		{1, "bad.json: token 1 is 99999", []string{"logits", "-tokens", bad, "-o", filepath.Join(dir, "o")}},
		{1, "foreign.gguf", []string{"eval", "-m", foreign, "-data", dir}},
		{1, "foreign.gguf", []string{"logits", "-m", foreign, "-tokens", bad, "-o", filepath.Join(dir, "o")}},
		{1, "standard input: number 2", []string{"tokenizer", "decode"}},
		{1, "arguments: number 3", []string{"tokenizer", "decode", "5", "6 x"}},
		{2, "usage", []string{"tokenizer", "sing"}},
		{2, "Q9", []string{"export", "-run", dir, "-o", "x", "-type", "Q9"}},
		{1, "cut.shard: checksum", []string{"train", "-config", recipe, "-data", cut, "-o", filepath.Join(dir, "run")}},
		{1, "cut.shard: checksum", []string{"eval", "-data", cut}},
		{2, "-length 1000000", []string{"eval", "-data", cut, "-length", "1000000"}},
		{1, "no *.shard files", []string{"train", "-config", recipe, "-data", dir, "-o", filepath.Join(dir, "run")}},
		{1, "cut.shard", []string{"train", "-config", recipe, "-data", cut, "-o", filepath.Join(dir, "run"), "-listen", "0.0.0.0:0"}},
		{2, "usage", []string{"plot"}},
		{2, "usage", []string{"watch"}},
		{1, "no such file", []string{"watch", "-run", filepath.Join(dir, "none", "run"), "-listen", "127.0.0.1:0"}},
		{1, "bad.json is a file", []string{"watch", "-run", bad, "-listen", "127.0.0.1:0"}},
		{1, "this machine alone", []string{"watch", "-run", dir, "-listen", "0.0.0.0:0"}},
		{2, "usage", []string{"compare"}},
		{1, "bad.json", []string{"compare", "-config", bad, "-data", dir, "-held", dir, "-o", dir}},
		{2, "usage", []string{"eval"}},
		{2, "usage", []string{"eval", "-ngram", dir}},
		{2, "-order is 9", []string{"eval", "-data", dir, "-ngram", dir, "-order", "9"}},
		{1, "log.jsonl", []string{"plot", "-run", dir}},
		{1, "line 1", []string{"plot", "-run", foreign, "-o", "x.png"}},
		{2, "x.gif", []string{"plot", "-run", write("other.jsonl", "{}\n"), "-o", "x.gif"}},
		{1, "unknown kind of corpus file", []string{"data", "-o", dir, foreign}},
		{2, "-limit -1", []string{"data", "-o", dir, "-limit", "-1", foreign}},
		{2, "-length is 0", []string{"data", "-o", dir, "-length", "0", foreign}},
		{2, `-only names "pp63", want some of load, pp64`, []string{"bench", "-only", "load,pp63"}},
		{2, "-shape goes with -train", []string{"bench", "-shape", "mini"}},
		{2, "-bf16 goes with -train", []string{"bench", "-serve", "-bf16"}},
		{2, "-train and -serve exclude each other", []string{"bench", "-train", "-serve"}},
		{2, "-only does not go with -serve", []string{"bench", "-serve", "-only", "load"}},
		{2, "-kv does not go with -train", []string{"bench", "-train", "-kv", "F16"}},
	} {
		status, _, errOut := moe(t, "1 x", tc.args...)
		if status != tc.status || !strings.Contains(errOut, tc.want) {
			t.Errorf("moe %v: status %d, %q; want %d and %q", tc.args, status, errOut, tc.status, tc.want)
		}
	}
}
