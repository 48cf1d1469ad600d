package train

import (
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"moebot/moe/backprop"
	"moebot/moe/tokenizer"
)

// atWork is a run that has taken steps.
func atWork(t *testing.T, c Config, steps int) *loop {
	t.Helper()
	l := &loop{Run: run(t, t.TempDir(), c), log: json.NewEncoder(io.Discard)}
	if err := l.open(false); err != nil {
		t.Fatal(err)
	}
	if err := l.enter(0); err != nil {
		t.Fatal(err)
	}
	for range steps {
		if _, _, err := l.step(0.003); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// What a micro-batch adds to the gradient does not depend on what runs beside it: of the
// whole run, with all that changes on its way, only the rounding does, which soon grows.
func TestDataParallelRunsAreTheSame(t *testing.T) {
	plain := recipe(6)
	plain.Micro, plain.Dropout = 4, 0.1
	plain.Phases = slices.Clone(plain.Phases)
	plain.Phases[1].BF16 = true
	moved := plain
	moved.Routing = backprop.Routing{Noise: 0.3, BiasRate: 0.01}
	adapter := plain
	adapter.LoRA, adapter.Optim.Muon = &LoRA{Rank: 2, Alpha: 4}, false
	for name, c := range map[string]Config{"plain": plain, "noise and bias": moved, "adapter": adapter} {
		t.Run(name, func(t *testing.T) {
			losses := func(parallel int) (out []float64) {
				c.DataParallel = parallel
				r := run(t, t.TempDir(), c)
				if c.LoRA != nil {
					total, _ := c.Model.Parameters()
					r.Init = make([]float32, total)
					backprop.Init(c.Model, r.Init, 8)
				}
				l := &loop{Run: r, log: json.NewEncoder(io.Discard)}
				if err := l.open(false); err != nil {
					t.Fatal(err)
				}
				for i := range c.Steps {
					if err := l.enter(i * 2 / c.Steps); err != nil {
						t.Fatal(err)
					}
					s, norm, err := l.step(0.003)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, s.Loss/s.Weight, norm, s.LoadBalance)
					for k, n := range l.beside {
						if n.BF16 != l.net.BF16 {
							t.Errorf("step %d: bfloat16 is %v beside %d others", i, n.BF16, k)
						}
					}
				}
				if parallel > 1 != (len(l.beside) > 1) {
					t.Errorf("%d networks beside each other, want %d", len(l.beside), parallel)
				}
				return out
			}
			want := losses(0)
			for _, parallel := range []int{1, 2, 3, 4} {
				for i, v := range losses(parallel) {
					if d := math.Abs(v - want[i]); d > 5e-3*want[i] {
						t.Errorf("%d beside each other: step %d has %v, want %v", parallel, i/3, v, want[i])
					}
				}
			}
		})
	}
}

// With one set of batches the gradient is the same but for the order of its sums.
func TestDataParallelGradientIsTheSame(t *testing.T) {
	c := recipe(10)
	c.Micro, c.Dropout, c.Routing = 4, 0.1, backprop.Routing{Noise: 0.3, BiasRate: 0.01}
	gradient := func(parallel int) (backprop.Stats, float64, []float32) {
		c.DataParallel = parallel
		l := atWork(t, c, 0)
		s, norm := l.gradient()
		return s, norm, l.net.Grads
	}
	s, norm, want := gradient(0)
	for _, parallel := range []int{1, 2, 3, 4} {
		s2, norm2, got := gradient(parallel)
		if s2.Loss != s.Loss || s2.Weight != s.Weight || s2.LoadBalance != s.LoadBalance || math.Abs(norm2-norm) > 1e-5*norm {
			t.Errorf("%d: loss %v, weight %v, balance %v, norm %v; one after the other %v, %v, %v, %v", parallel, s2.Loss, s2.Weight, s2.LoadBalance, norm2, s.Loss, s.Weight, s.LoadBalance, norm)
		}
		for i := range want {
			if d := math.Abs(float64(got[i] - want[i])); d > 1e-5*norm {
				t.Fatalf("%d: gradient %d is %v, one after the other %v", parallel, i, got[i], want[i])
			}
		}
	}
}

func TestBrokenWeightsComeBackFromTheCheckpoint(t *testing.T) {
	l := atWork(t, recipe(100), 5)
	if err := l.save(); err != nil {
		t.Fatal(err)
	}
	good := append([]float32(nil), l.net.Weights...)
	l.net.Weights[7] = float32(math.NaN())
	s, norm, err := l.step(0)
	if err != nil {
		t.Fatal(err)
	}
	if !finite(norm) || !finite(s.Loss) {
		t.Errorf("the step after the reload has loss %v, norm %v", s.Loss, norm)
	}
	for i, w := range l.net.Weights {
		if math.Abs(float64(w-good[i])) > 1e-6 { // the learning rate is 0
			t.Fatalf("weight %d is %v, the checkpoint's is %v", i, w, good[i])
		}
	}
	if l.st.Skipped != maxSkips || l.st.Reloads != 1 || l.st.Step != 5+maxSkips+1 || l.opt.Step != 6 {
		t.Errorf("%d skipped, %d reloads, step %d, %d updates", l.st.Skipped, l.st.Reloads, l.st.Step, l.opt.Step)
	}
	// the count of updates survives the next checkpoint
	if err := l.save(); err != nil {
		t.Fatal(err)
	}
	again := &loop{Run: l.Run, log: l.log}
	if err := again.open(true); err != nil {
		t.Fatal(err)
	}
	if again.opt.Step != 6 || again.st.Step != l.st.Step {
		t.Errorf("resumed with %d updates at step %d", again.opt.Step, again.st.Step)
	}
}

func TestHopelessRunsEnd(t *testing.T) {
	l := atWork(t, recipe(100), 2)
	l.net.Weights[7] = float32(math.NaN())
	if _, _, err := l.step(0.01); err == nil || !strings.Contains(err.Error(), "no checkpoint") {
		t.Errorf("without a checkpoint: %v", err)
	}
	if err := l.save(); err != nil { // a checkpoint that is broken itself
		t.Fatal(err)
	}
	if _, _, err := l.step(0.01); err == nil || !strings.Contains(err.Error(), "did not help") || !strings.Contains(err.Error(), "latest.ckpt") {
		t.Errorf("with a checkpoint of NaN: %v", err)
	}
}

func TestSpikesAreSkipped(t *testing.T) {
	c := recipe(400)
	c.Phases = c.Phases[1:]
	l := atWork(t, c, 60)
	if l.st.Skipped != 0 {
		t.Fatalf("%d of 60 ordinary steps were skipped", l.st.Skipped)
	}
	if err := l.save(); err != nil {
		t.Fatal(err)
	}
	for i := range l.net.Weights {
		l.net.Weights[i] *= 30
	}
	s, _, err := l.step(0)
	if err != nil {
		t.Fatal(err)
	}
	if l.st.Skipped != maxSkips || l.st.Reloads != 1 || s.Loss/s.Weight > 4 {
		t.Errorf("%d skipped, %d reloads, loss %.2f", l.st.Skipped, l.st.Reloads, s.Loss/s.Weight)
	}
	l.Config.Spike = -1
	for i := range l.net.Weights {
		l.net.Weights[i] *= 30
	}
	if _, _, err := l.step(0); err != nil || l.st.Skipped != maxSkips {
		t.Errorf("with spikes allowed: %d skipped, %v", l.st.Skipped, err)
	}
}

func TestUsual(t *testing.T) {
	var u usual
	for i := range 200 {
		if u.spike(1e9, 0) != (i >= 50) {
			t.Fatalf("spike after %d steps is %v", i, i < 50)
		}
		u.add(3 + 0.1*float64(i%2*2-1))
	}
	if math.Abs(u.Mean-3) > 0.01 || math.Abs(math.Sqrt(u.Var)-0.1) > 0.01 {
		t.Errorf("mean %v, deviation %v, want 3 and 0.1", u.Mean, math.Sqrt(u.Var))
	}
	for _, tc := range []struct {
		loss, dev float64
		want      bool
	}{{3.9, 0, false}, {4.2, 0, true}, {4.2, 20, false}, {5.2, 20, true}, {3.9, 1, false}} {
		if got := u.spike(tc.loss, tc.dev); got != tc.want {
			t.Errorf("loss %g with %g deviations: spike is %v", tc.loss, tc.dev, got)
		}
	}
}

// The averaged weights follow the formula, are what a checkpoint exports and what is measured.
func TestAverageOfTheWeights(t *testing.T) {
	c := recipe(30)
	c.EMA = 0.8
	l := atWork(t, c, 0)
	want := append([]float32(nil), l.net.Weights...)
	for n := 1; n <= 12; n++ {
		if _, _, err := l.step(0.01); err != nil {
			t.Fatal(err)
		}
		keep := min(0.8, float64(n)/float64(n+10))
		for i, w := range l.net.Weights {
			want[i] = float32(keep*float64(want[i]) + (1-keep)*float64(w))
		}
	}
	for i := range want {
		if math.Abs(float64(l.ema[i]-want[i])) > 1e-5 {
			t.Fatalf("average %d is %v, want %v", i, l.ema[i], want[i])
		}
	}
	if equal(l.ema, l.net.Weights) {
		t.Fatal("the average equals the weights, the test sees nothing")
	}
	if err := l.save(); err != nil {
		t.Fatal(err)
	}
	if _, w, err := Weights(l.latest(), tokenizer.Spec{}); err != nil || !equal(w, l.ema) {
		t.Errorf("the checkpoint's weights are not the average (%v)", err)
	}
}

func TestWhatModelFilesCannotHold(t *testing.T) {
	c := recipe(3)
	c.Routing.BiasRate = 0.1
	dir := t.TempDir()
	if _, err := run(t, dir, c).Do(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Weights(filepath.Join(dir, "latest.ckpt"), tokenizer.Spec{}); err == nil || !strings.Contains(err.Error(), "bias") {
		t.Errorf("weights of experts chosen with a bias: %v", err)
	}
	m := recipe(1).Model
	m.FFN = backprop.GELU
	total, _ := m.Parameters()
	if err := Export(io.Discard, m, make([]float32, total), testVocabulary(40), About{}, 0); err == nil || !strings.Contains(err.Error(), "gelu") {
		t.Errorf("export of GELU experts: %v", err)
	}
}

// A log can be read whatever happened to the run.
func TestSkipsAreLogged(t *testing.T) {
	l := atWork(t, recipe(100), 3)
	if err := l.save(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(l.Dir, "log.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	l.log = json.NewEncoder(f)
	l.net.Weights[3] = float32(math.Inf(1))
	if _, _, err := l.step(0.01); err != nil {
		t.Fatal(err)
	}
	f.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	recs, err := ReadLog(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if len(recs) != maxSkips+1 || recs[0].Event != "skip" || !strings.Contains(recs[0].Why, "NaN") || recs[maxSkips].Event != "reload" {
		t.Errorf("log is %+v", recs)
	}
}

// A thousand steps need no more memory than the first fifty.
func TestMemoryDoesNotGrow(t *testing.T) {
	c := recipe(2000)
	c.Model.Dim, c.Model.Layers, c.Model.Heads, c.Model.KVHeads, c.Model.Hidden = 8, 1, 1, 1, 8
	c.EMA, c.Routing.BiasRate, c.Rows = 0.9, 0.01, 2
	l := atWork(t, c, 50)
	before := Heap()
	for range 1000 {
		if _, _, err := l.step(0.001); err != nil {
			t.Fatal(err)
		}
	}
	if grown := Heap() - before; grown > 64<<10 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	runtime.KeepAlive(l)
}
