package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moebot/moe/backprop"
	"moebot/moe/dataset"
	"moebot/moe/eval"
	"moebot/moe/kernel"
	"moebot/moe/optim"
	"moebot/moe/tokenizer"
)

func recipe(steps int) Config {
	return Config{
		Model: backprop.Config{Vocab: 40, Dim: 32, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8, Hidden: 32, Experts: 4, TopK: 2,
			Context: 32, RopeBase: 1e4, NormEps: 1e-5, Tied: true},
		Losses:   backprop.Losses{LoadBalance: 0.01, RouterZ: 0.001},
		Optim:    optim.Options{Beta1: 0.9, Beta2: 0.95, Eps: 1e-9, WeightDecay: 0.1, Momentum: 0.95, Muon: true},
		Schedule: optim.Schedule{Kind: "wsd", Warmup: 0.05, Decay: 0.3},
		LR:       0.01, Clip: 1, Rows: 4, Length: 32, Micro: 2, Steps: steps, Seed: 3, LogSteps: 5,
		Phases: []Phase{{Until: 0.5, Mix: dataset.Mix{Weights: map[string]float64{"a": 1, "b": 1}, PromptWeight: 1}},
			{Until: 1, Mix: dataset.Mix{Weights: map[string]float64{"b": 1}, PromptWeight: 0.1}}},
	}
}

func corpus() []*dataset.Shard {
	a, b := &dataset.Shard{Source: "a", Vocab: 40}, &dataset.Shard{Source: "b", Vocab: 40}
	for i := range 12 {
		var q dataset.Sequence
		for j := range 20 {
			q.Tokens = append(q.Tokens, int32((i*7+j*(1+i%3))%40))
			q.Reply = append(q.Reply, j > 8)
		}
		a.Append(q)
		b.Append(q)
	}
	return []*dataset.Shard{a, b}
}

func run(t *testing.T, dir string, c Config) Run {
	p := kernel.NewPool(2)
	t.Cleanup(p.Close)
	return Run{Dir: dir, Config: c, Train: corpus(), Held: corpus(), Pool: p, Out: io.Discard}
}

func TestFewDocumentsAreLearntByHeart(t *testing.T) {
	c := recipe(150)
	c.EvalTokens = 1000
	dir := t.TempDir()
	if _, err := run(t, dir, c).Do(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	recs, err := ReadLog(strings.NewReader(string(log)))
	if err != nil {
		t.Fatal(err)
	}
	// the sources' losses make up the whole
	for _, r := range recs {
		if r.Event != "train" {
			continue
		}
		low, high := math.Inf(1), math.Inf(-1)
		for _, v := range r.Sources {
			low, high = min(low, v), max(high, v)
		}
		if want := 2 - r.Phase; len(r.Sources) != want || !(low <= r.Loss+1e-9 && r.Loss <= high+1e-9) {
			if r.Phase == 0 || len(r.Sources) > 2 { // the first line of a phase still counts the one before
				t.Errorf("step %d, phase %d: loss %v of sources %v", r.Step, r.Phase, r.Loss, r.Sources)
			}
		}
	}
	last := recs[len(recs)-1]
	if last.Event != "held" || !(last.Mean < 0.05) {
		t.Errorf("after training the loss on 12 documents is %v (%s), want below 0.05", last.Mean, last.Event)
	}
}

func TestBestWeightsAreKept(t *testing.T) {
	c := recipe(60)
	c.EvalTokens, c.EvalMinutes, c.Judge = 1000, 1e-9, []string{"a"} // phase 2 trains on b alone
	dir := t.TempDir()
	r := run(t, dir, c)
	if _, err := r.Do(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	recs, err := ReadLog(strings.NewReader(string(log)))
	if err != nil {
		t.Fatal(err)
	}
	best := math.Inf(1)
	for _, rec := range recs {
		if rec.Event == "held" {
			best = min(best, rec.Held["a"].Reply)
		}
	}
	_, w, err := Weights(filepath.Join(dir, "best.ckpt"), tokenizer.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	net, err := backprop.New(c.Model, w, r.Pool)
	if err != nil {
		t.Fatal(err)
	}
	if got := eval.Sources(net, r.Held[:1], eval.Options{Rows: c.Rows, Length: c.Length, MaxTokens: c.EvalTokens})["a"].Reply; got != best {
		t.Errorf("best.ckpt has a loss of %v on a, the log's lowest is %v", got, best)
	}
	c.Judge = []string{"absent"}
	if _, err := run(t, t.TempDir(), c).Do(t.Context(), false); err == nil || !strings.Contains(err.Error(), `"absent"`) {
		t.Errorf("a judge without a shard: %v", err)
	}
}

func TestResumedRunEqualsTheUnbrokenOne(t *testing.T) {
	plain, all := recipe(40), recipe(40)
	all.EMA, all.Dropout, all.Routing = 0.9, 0.1, backprop.Routing{Noise: 0.3, BiasRate: 0.01}
	all.Phases = slices.Clone(all.Phases)
	all.Phases[1].BF16 = true
	beside := all
	beside.Micro, beside.DataParallel = 3, 2
	for name, c := range map[string]Config{"plain": plain, "average, dropout, noise, bias and bfloat16": all, "data parallel": beside} {
		t.Run(name, func(t *testing.T) { testResume(t, c) })
	}
}

func TestPhaseInBF16(t *testing.T) {
	var loss [2]float64
	var weights [2][]float32
	for i := range loss {
		c := recipe(20)
		c.Phases = slices.Clone(c.Phases)
		c.Phases[1].BF16 = i == 1
		r := run(t, t.TempDir(), c)
		var err error
		if weights[i], err = r.Do(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(filepath.Join(r.Dir, "log.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		log, err := ReadLog(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range log {
			if rec.Event == "train" {
				loss[i] = rec.Loss
			}
		}
	}
	if slices.Equal(weights[0], weights[1]) || math.Abs(loss[0]-loss[1]) > 0.05*loss[0] {
		t.Errorf("weights equal is %v, losses are %v", slices.Equal(weights[0], weights[1]), loss)
	}
}

func testResume(t *testing.T, c Config) {
	whole, err := run(t, t.TempDir(), c).Do(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i := 0; ; i++ {
		ctx, cancel := context.WithCancel(t.Context())
		r := run(t, dir, c)
		r.Out = cancelAfter{cancel, new(int), 2}
		w, err := r.Do(ctx, i > 0)
		cancel()
		if err == nil {
			if i < 2 {
				t.Fatalf("the run was broken %d times, want at least 2", i)
			}
			for j := range w {
				if w[j] != whole[j] {
					t.Fatalf("weight %d is %v, without the breaks %v", j, w[j], whole[j])
				}
			}
			return
		}
		if i > 10 {
			t.Fatal(err)
		}
	}
}

// cancelAfter ends a context at the n-th line of progress.
type cancelAfter struct {
	cancel context.CancelFunc
	seen   *int
	n      int
}

func (c cancelAfter) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "tok/s") {
		if *c.seen++; *c.seen == c.n {
			c.cancel()
		}
	}
	return len(b), nil
}

func TestClearErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := run(t, dir, recipe(2)).Do(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, dir, recipe(2)).Do(t.Context(), false); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second run in one directory gives %v", err)
	}
	other := recipe(2)
	other.Model.Dim = 16
	if _, err := run(t, dir, other).Do(t.Context(), true); err == nil || !strings.Contains(err.Error(), "latest.ckpt") {
		t.Errorf("resuming another model gives %v", err)
	}
	vocab := recipe(2)
	vocab.Model.Vocab = 50
	if _, err := run(t, t.TempDir(), vocab).Do(t.Context(), false); err == nil || !strings.Contains(err.Error(), "50") {
		t.Errorf("a model of another vocabulary gives %v", err)
	}
	latest := filepath.Join(dir, "latest.ckpt")
	if err := os.Truncate(latest, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, dir, recipe(2)).Do(t.Context(), true); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a truncated checkpoint gives %v", err)
	}
	bad := filepath.Join(t.TempDir(), "recipe.json")
	if err := os.WriteFile(bad, []byte(`{"lrr": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadConfig(bad); err == nil || !strings.Contains(err.Error(), "lrr") || !strings.Contains(err.Error(), bad) {
		t.Errorf("an unknown key gives %v", err)
	}
	whole, err := json.Marshal(recipe(2))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := ParseConfig(append(whole, '\n')); err != nil || c.Steps != 2 {
		t.Errorf("a recipe of %d steps, want 2 (%v)", c.Steps, err)
	}
	if _, err := ParseConfig(append(whole, `{"lr": 1}`...)); err == nil || !strings.Contains(err.Error(), "something follows") {
		t.Errorf("two values give %v", err)
	}
}

func TestSamplesAreLogged(t *testing.T) {
	c := recipe(50)
	dir := t.TempDir()
	r := run(t, dir, c)
	asked := 0
	r.Sample = func(_ context.Context, w []float32) ([]Sample, error) {
		if asked++; asked == 5 {
			return nil, errors.New("no more")
		}
		return []Sample{{"hi", fmt.Sprint(w[0])}}, nil
	}
	if _, err := r.Do(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	recs, err := ReadLog(f)
	if err != nil {
		t.Fatal(err)
	}
	var steps []int
	said := map[string]bool{}
	for _, rec := range recs {
		if rec.Event == "sample" {
			steps = append(steps, rec.Step)
			said[rec.Samples[0].Reply] = true
		}
	}
	if !slices.Equal(steps, []int{0, 20, 40, 50}) || len(said) != 4 {
		t.Errorf("samples at steps %v, %d of them different", steps, len(said))
	}
	if asked != 4 {
		t.Errorf("asked %d times", asked)
	}
}
