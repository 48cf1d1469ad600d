package main

import (
	"os"
	"path/filepath"
	"testing"

	"moebot/moe/checkpoint"
)

// A run's checkpoints are taken by their steps, without the part that a kill left of one.
func TestStagesOfARun(t *testing.T) {
	dir := t.TempDir()
	for name, step := range map[string]int{"a.ckpt": 9, "latest.ckpt": 4} {
		if err := checkpoint.Save(filepath.Join(dir, name), map[string]int{"step": step}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ".checkpoint-latest.ckpt"), []byte("moeckpt1 and no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := stagesOf([]string{dir})
	if err != nil || len(got) != 2 || got[0].step != 4 || filepath.Base(got[1].path) != "a.ckpt" {
		t.Errorf("stages are %+v (%v), want latest.ckpt at step 4 and a.ckpt", got, err)
	}
	for _, name := range []string{"a.ckpt", "latest.ckpt"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := stagesOf([]string{dir}); err == nil {
		t.Errorf("a part of a checkpoint gives the stages %+v", got)
	}
}
