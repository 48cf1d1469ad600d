package gguf

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"moebot/moe/tensor"
)

// What is needed is in memory soon after, although nobody has touched it. On a file
// system that keeps files in memory, such as tmpfs, all of it is there before and after.
func TestNeedReadsAhead(t *testing.T) {
	f, w := forgotten(t)
	needed := w[len(w)/2 : len(w)/2+2<<20+77]
	inMemory := resident(t, f, w)
	f.Need(nil)
	f.Need(make([]byte, 10)) // not of the file
	f.Need(needed)
	for deadline := time.Now().Add(time.Minute); !resident(t, f, needed); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what was needed is not in memory after a minute")
		}
	}
	if all := resident(t, f, w); all != inMemory {
		t.Errorf("all is in memory: %v, before a part was needed: %v", all, inMemory)
	}
}

// A page that must come from the disk is counted as a wait, one that is in memory is not.
func TestFaultsCountWaits(t *testing.T) {
	f, w := forgotten(t)
	onDisk := !resident(t, f, w) // false where the file system keeps files in memory
	before, all := f.Faults(), byte(weight)
	for i := len(w) - 1; i >= 0; i -= 4096 { // backwards, since systems read ahead forwards
		all &= w[i]
	}
	if after := f.Faults(); (after > before) != onDisk || all != weight {
		t.Errorf("%d waits before reading, %d after it; on the disk: %v", before, after, onDisk)
	}
	inMemory, err := Parse(write(t, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	if n := inMemory.Faults(); n != 0 {
		t.Errorf("a file in memory has waited %d times", n)
	}
}

// weight is each byte of the file of forgotten.
const weight = 77

// forgotten opens a file whose one tensor, longer than what systems read ahead by
// themselves, is not in memory, if the file system allows that.
func forgotten(t *testing.T) (*File, []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.gguf")
	const n = 12 << 20
	ts := []tensor.Tensor{{Name: "w", Type: tensor.F32, Shape: []int{n}, Data: bytes.Repeat([]byte{weight}, 4*n)}}
	if err := os.WriteFile(path, write(t, nil, ts), 0o600); err != nil {
		t.Fatal(err)
	}
	forget(t, path)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	w, _ := f.Tensor("w")
	return f, w.Data
}

// forget has the system drop a file's pages, which it may refuse.
func forget(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Sync(); err != nil { // what is not on the disk cannot be dropped
		t.Fatal(err)
	}
	if err := unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
}

// resident reports whether all pages of data are in memory.
func resident(t *testing.T, f *File, data []byte) bool {
	t.Helper()
	page := os.Getpagesize()
	state := make([]byte, (len(f.mapped)+page-1)/page)
	if _, _, err := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&f.mapped[0])), uintptr(len(f.mapped)), uintptr(unsafe.Pointer(&state[0]))); err != 0 {
		t.Fatal(err)
	}
	first := offset(f.mapped, data)
	for i := first / page; i <= (first+len(data)-1)/page; i++ {
		if state[i]&1 == 0 {
			return false
		}
	}
	return true
}
