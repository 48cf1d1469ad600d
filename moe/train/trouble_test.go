package train

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moebot/moe/dataset"
	"moebot/moe/kernel"
)

// killed is a recipe that saves after each step.
func killed() Config {
	c := recipe(60)
	c.CheckpointMinutes, c.LogSteps = 1e-9, 1
	return c
}

// TestMain lets the test binary be a training that another process can kill.
func TestMain(m *testing.M) {
	if dir := os.Getenv("MOEBOT_TEST_TRAIN_IN"); dir != "" {
		p := kernel.NewPool(1)
		defer p.Close()
		if _, err := (Run{Dir: dir, Config: killed(), Train: corpus(), Pool: p, Out: io.Discard}).Do(context.Background(), false); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// A training that is killed at any moment goes on from its newest checkpoint, and
// ends with the weights of the training that was left alone.
func TestKilledRunEqualsTheUnbrokenOne(t *testing.T) {
	whole := run(t, t.TempDir(), killed())
	whole.Held = nil
	want, err := whole.Do(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, steps := range []int{3, 17} {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "MOEBOT_TEST_TRAIN_IN="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			log, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
			if err == nil && bytes.Count(log, []byte("\n")) >= steps {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the training does not begin")
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Log("the training was over before it was killed")
		}
		r := run(t, dir, killed())
		r.Held = nil
		got, err := r.Do(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if !equal(got, want) {
			t.Errorf("killed after about %d steps: the weights at the end differ", steps)
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
