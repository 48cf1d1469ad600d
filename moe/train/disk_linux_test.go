package train

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"moebot/moe/checkpoint"
)

// On a disk without room for the next checkpoint the run ends with an error that says
// so, and the newest checkpoint is a whole one from which it goes on elsewhere.
func TestFullDiskLeavesAWholeCheckpoint(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		if os.Getenv("MOEBOT_REQUIRE_SERVICES") == "1" {
			t.Fatalf("a small tmpfs cannot be mounted here: %v", err)
		}
		t.Skipf("a small tmpfs cannot be mounted here: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	c := recipe(60)
	c.CheckpointMinutes, c.LogSteps = 1e-9, 100
	c.Model.Dim, c.Model.Hidden = 48, 40 // 3 vectors of about 55 thousand weights: one checkpoint fits, two do not
	total, _ := c.Model.Parameters()
	if size := 12 * total; size < 524<<10 || size > 1<<20 {
		t.Fatalf("a checkpoint has %d bytes, the test needs between half a MiB and one", size)
	}
	r := run(t, dir, c)
	r.Held = nil
	_, err := r.Do(t.Context(), false)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "latest.ckpt") {
		t.Fatalf("a full disk gives %v", err)
	}
	var st state
	if _, err := checkpoint.Load(filepath.Join(dir, "latest.ckpt"), &st); err != nil {
		t.Fatalf("the newest checkpoint: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".checkpoint-*")); err != nil || len(left) != 0 {
		t.Errorf("parts are left behind: %v (%v)", left, err)
	}
	// with room, it goes on
	b, err := os.ReadFile(filepath.Join(dir, "latest.ckpt"))
	if err != nil {
		t.Fatal(err)
	}
	r = run(t, t.TempDir(), c)
	r.Held, r.Config.Steps = nil, st.Step+2
	if err := os.WriteFile(filepath.Join(r.Dir, "latest.ckpt"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Do(t.Context(), true); err != nil {
		t.Errorf("resuming on a disk with room: %v", err)
	}
}
