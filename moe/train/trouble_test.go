package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"moebot/moe/checkpoint"
	"moebot/moe/dataset"
	"moebot/moe/kernel"
)

// killed is a recipe that saves after each step.
func killed() Config {
	c := recipe(60)
	c.CheckpointMinutes, c.LogSteps = 1e-9, 1
	return c
}

// waits is progress for people that stops the run for ever at a step.
type waits struct{ step int }

func (w waits) Write(b []byte) (int, error) {
	if strings.Contains(string(b), fmt.Sprintf("step %d ", w.step)) {
		select {} // what is left of the process waits to be killed
	}
	return len(b), nil
}

// TestMain lets the test binary be a training that another process can kill.
func TestMain(m *testing.M) {
	if dir := os.Getenv("MOEBOT_TEST_TRAIN_IN"); dir != "" {
		step, err := strconv.Atoi(os.Getenv("MOEBOT_TEST_WAIT_AT"))
		if err != nil {
			panic(err)
		}
		p := kernel.NewPool(1)
		defer p.Close()
		if _, err := (Run{Dir: dir, Config: killed(), Train: corpus(), Pool: p, Out: waits{step}}).Do(context.Background(), false); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

func readLog(t *testing.T, dir string) []Record {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	recs, err := ReadLog(f)
	if err != nil {
		t.Fatal(err)
	}
	return recs
}

// A training that is killed at any step goes on from its newest checkpoint, with the
// losses and to the weights of the training that was left alone, bit for bit.
func TestKilledRunEqualsTheUnbrokenOne(t *testing.T) {
	whole := run(t, t.TempDir(), killed())
	whole.Held = nil
	want, err := whole.Do(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	steps := readLog(t, whole.Dir)
	if len(steps) != 60 {
		t.Fatalf("%d records of 60 steps", len(steps))
	}
	for _, step := range []int{2 + rand.IntN(29), 31 + rand.IntN(29)} {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "MOEBOT_TEST_TRAIN_IN="+dir, fmt.Sprint("MOEBOT_TEST_WAIT_AT=", step))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			log, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
			if err == nil && bytes.Count(log, []byte("\n")) >= step {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the training does not come to step %d", step)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the training was over before it was killed")
		}
		// a kill within a write leaves half a line
		log, err := os.OpenFile(filepath.Join(dir, "log.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.WriteString(`{"event":"tr`); err != nil {
			t.Fatal(err)
		}
		log.Close()
		r := run(t, dir, killed())
		r.Held = nil
		got, err := r.Do(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if !equal(got, want) {
			t.Errorf("killed at step %d: the weights at the end differ", step)
		}
		again := readLog(t, dir)
		if len(again) != len(steps) {
			t.Fatalf("killed at step %d: %d records, want %d", step, len(again), len(steps))
		}
		for i, rec := range again {
			if w := steps[i]; rec.Step != w.Step || rec.Loss != w.Loss || rec.Norm != w.Norm || !maps.Equal(rec.Sources, w.Sources) {
				t.Fatalf("killed at step %d: step %d has loss %v, norm %v; unbroken step %d had %v, %v", step, rec.Step, rec.Loss, rec.Norm, w.Step, w.Loss, w.Norm)
			}
		}
	}
}

// A mix that no shard stands for shows before the first step, whatever its phase.
func TestMixesAreCheckedFirst(t *testing.T) {
	c := recipe(20)
	c.Phases[1].Mix.Weights = map[string]float64{"absent": 1}
	dir := t.TempDir()
	if _, err := run(t, dir, c).Do(t.Context(), false); err == nil || !strings.Contains(err.Error(), "phase 1") || !strings.Contains(err.Error(), "absent") {
		t.Errorf("a mix without a shard gives %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "log.jsonl")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the training began (%v)", err)
	}
}

// broken is a disk that takes no more after some lines.
type broken struct{ left *int }

func (b broken) Write(p []byte) (int, error) {
	if *b.left--; *b.left < 0 {
		return 0, errors.New("no more")
	}
	return len(p), nil
}

// A log that cannot be written ends the run, which loses no step.
func TestAnErrorOfTheLogLosesNoStep(t *testing.T) {
	left := 3
	l := &loop{Run: run(t, t.TempDir(), recipe(60)), log: json.NewEncoder(broken{&left})}
	if err := l.open(false); err != nil {
		t.Fatal(err)
	}
	if err := l.run(t.Context()); err == nil || !strings.Contains(err.Error(), "no more") {
		t.Fatalf("a log that takes no more gives %v", err)
	}
	var st state
	if _, err := checkpoint.Load(l.latest(), &st); err != nil || st.Step != 20 {
		t.Errorf("saved at step %d, want 20 (%v)", st.Step, err)
	}
}

// Where there are no hard links the checkpoint before the newest is a copy, and where
// it cannot be at all the training goes on without it and says so once.
func TestCheckpointsWithoutHardLinks(t *testing.T) {
	c := recipe(4)
	c.CheckpointMinutes = 1e-9
	said := new(bytes.Buffer)
	r := run(t, t.TempDir(), c)
	r.Held, r.Out = nil, said
	l := &loop{Run: r}
	refuse := func(string, string) error { return os.ErrPermission }
	if err := l.keep(refuse); err != nil {
		t.Errorf("without a checkpoint: %v", err)
	}
	if _, err := r.Do(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	newest, err := os.ReadFile(l.latest())
	if err != nil {
		t.Fatal(err)
	}
	previous := filepath.Join(r.Dir, "previous.ckpt")
	if err := l.keep(refuse); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(previous); err != nil || !bytes.Equal(got, newest) {
		t.Errorf("the copy has %d bytes, the newest checkpoint %d (%v)", len(got), len(newest), err)
	}
	if left, err := filepath.Glob(filepath.Join(r.Dir, ".*")); err != nil || len(left) != 0 {
		t.Errorf("parts are left behind: %v (%v)", left, err)
	}
	if strings.Contains(said.String(), "without the checkpoint") {
		t.Errorf("said without cause:\n%s", said)
	}
	// a directory in its place cannot be taken away
	r.Dir = t.TempDir()
	if err := os.MkdirAll(filepath.Join(r.Dir, "previous.ckpt", "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Do(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(said.String(), "without the checkpoint before the newest"); n != 1 {
		t.Errorf("said %d times:\n%s", n, said)
	}
	var st state
	if _, err := checkpoint.Load(filepath.Join(r.Dir, "latest.ckpt"), &st); err != nil || st.Step != 4 {
		t.Errorf("saved at step %d, want 4 (%v)", st.Step, err)
	}
}

// Two trainings in one directory would write over each other.
func TestTheDirectoryIsLocked(t *testing.T) {
	r := run(t, t.TempDir(), recipe(2))
	asked := false
	r.Sample = func(context.Context, []float32) ([]Sample, error) {
		asked = true
		if _, err := run(t, r.Dir, recipe(2)).Do(t.Context(), false); err == nil || !strings.Contains(err.Error(), "another training") {
			t.Errorf("a second training gives %v", err)
		}
		return nil, nil
	}
	if _, err := r.Do(t.Context(), false); err != nil || !asked {
		t.Errorf("the first: %v, asked %v", err, asked)
	}
}

func TestRecipesThatCannotWorkAreRefused(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"optim.eps is 0":         func(c *Config) { c.Optim.Eps = 0 },
		"optim.beta1 is 1":       func(c *Config) { c.Optim.Beta1 = 1 },
		"optim.beta2 is -0.1":    func(c *Config) { c.Optim.Beta2 = -0.1 },
		"optim.momentum is NaN":  func(c *Config) { c.Optim.Momentum = math.NaN() },
		"optim.weight_decay":     func(c *Config) { c.Optim.WeightDecay = -1 },
		"schedule.warmup is 2":   func(c *Config) { c.Schedule.Warmup = 2 },
		"schedule.decay is -1":   func(c *Config) { c.Schedule.Decay = -1 },
		"schedule.floor is 1.5":  func(c *Config) { c.Schedule.Floor = 1.5 },
		"losses.load_balance":    func(c *Config) { c.Losses.LoadBalance = -1 },
		"losses.router_z":        func(c *Config) { c.Losses.RouterZ = -1 },
		"dropout is 1":           func(c *Config) { c.Dropout = 1 },
		"ema is 1":               func(c *Config) { c.EMA = 1 },
		"routing.noise":          func(c *Config) { c.Routing.Noise = -1 },
		"data_parallel is 3":     func(c *Config) { c.DataParallel = 3 },
		"data_parallel is -1":    func(c *Config) { c.DataParallel = -1 },
		"clip is -1":             func(c *Config) { c.Clip = -1 },
		"optim.muon is for":      func(c *Config) { c.LoRA = &LoRA{Rank: 2, Alpha: 4} },
		"phase 1: prompt_weight": func(c *Config) { c.Phases[1].Mix.PromptWeight = -1 },
		"phase 0: weight of a":   func(c *Config) { c.Phases[0].Mix.Weights["a"] = -1 },
	} {
		c := recipe(10)
		change(&c)
		if err := c.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error about %q, have %v", want, err)
		}
	}
}

func TestLongSequencesAreRefused(t *testing.T) {
	c := recipe(2)
	c.Length = 64 // the model's context is 32
	if _, err := run(t, t.TempDir(), c).Do(t.Context(), false); err == nil || !strings.Contains(err.Error(), "length (64) is more than the model's context (32)") {
		t.Errorf("sequences longer than the context give %v", err)
	}
}

func TestHeldOutShardsOfAnotherVocabularyAreRefused(t *testing.T) {
	r := run(t, t.TempDir(), recipe(2))
	other := &dataset.Shard{Source: "other", Vocab: 77}
	other.Append(dataset.Sequence{Tokens: []int32{1, 2}, Reply: []bool{false, true}})
	r.Held = append(r.Held, other)
	if _, err := r.Do(t.Context(), false); err == nil || !strings.Contains(err.Error(), "other has a vocabulary of 77, the model one of 40") {
		t.Errorf("a held-out shard of another vocabulary gives %v", err)
	}
}
