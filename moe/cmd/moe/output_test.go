package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A place where nothing can be written is said before the work, by the name that was
// typed: all else that these commands are given is absent, which they would find first.
func TestOutputIsTriedFirst(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "file")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file, run, none := filepath.Join(dir, "none", "x"), filepath.Join(taken, "deep", "run"), filepath.Join(dir, "absent")
	for _, tc := range []struct {
		where, want string
		args        []string
	}{
		{file, "no such file or directory", []string{"inspect", "report", "-o", file, none}},
		{file + ".png", "no such file or directory", []string{"inspect", "experts", "-plot", file + ".png", none}},
		{dir, "it is a directory", []string{"quantize", "-m", none, "-o", dir}},
		{file, "no such file or directory", []string{"export", "-run", none, "-o", file}},
		{file, "no such file or directory", []string{"classify", "-lines", none, "-o", file}},
		{file, "no such file or directory", []string{"phrasebook", "-o", file, "../../defaultmodel/dialogues/facts.txt"}},
		{run, "not a directory", []string{"train", "-config", none, "-data", none, "-o", run}},
		{file + ".svg", "no such file or directory", []string{"train", "-config", none, "-data", none, "-o", dir, "-plot", file + ".svg"}},
		{run, "not a directory", []string{"compare", "-config", none, "-data", none, "-held", none, "-o", run}},
		{run, "not a directory", []string{"tune", "-m", none, "-o", run, none}},
		{taken, "not a directory", []string{"data", "-m", none, "-o", taken, none}},
		{run, "not a directory", []string{"remake", "-corpus", none, "-held", none, "-recipe", "../../defaultmodel", "-o", run}},
	} {
		status, out, errOut := moe(t, "", tc.args...)
		if want := tc.where + " cannot be written: " + tc.want; status != 1 || out != "" || !strings.Contains(errOut, want) {
			t.Errorf("moe %v: status %d, %q, %q; want 1 and %q", tc.args, status, out, errOut, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("to try left %v, %v", left, err)
	}
}

// A directory that is yet to be made can be filled, and trying does not make it.
func TestOutputYetToBeMade(t *testing.T) {
	dir := t.TempDir()
	if err := canFill(filepath.Join(dir, "a", "b")); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("to try left %v, %v", left, err)
	}
}
