//go:build unix

package gguf

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile makes the file's bytes readable, and returns how to let go of them. The
// system reads them as they are used.
func mapFile(f *os.File, size int) ([]byte, func() error, error) {
	if size == 0 { // which cannot be mapped
		return nil, func() error { return nil }, nil
	}
	b, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, os.NewSyscallError("mmap", err)
	}
	return b, func() error { return os.NewSyscallError("munmap", unix.Munmap(b)) }, nil
}
