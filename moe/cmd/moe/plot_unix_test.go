//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// What is no file, as /dev/null, is written to and not replaced.
func TestWritingToADevice(t *testing.T) {
	link := filepath.Join(t.TempDir(), "null") // so that a fault replaces the link alone
	if err := os.Symlink(os.DevNull, link); err != nil {
		t.Fatal(err)
	}
	ok(t, "", "phrasebook", "-n", "1", "-o", link, "../../defaultmodel/dialogues/facts.txt")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link to the device is replaced by %v (%v)", info.Mode(), err)
	}
}
