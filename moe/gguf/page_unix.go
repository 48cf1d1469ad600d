//go:build unix

package gguf

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readAhead is the longest part of a file that is asked for at once: of more, Linux
// reads the beginning alone, how much depends on the disk's settings (128 KiB is
// the smallest in use).
const readAhead = 128 << 10

// Need has the system begin to read data, which is part of a tensor's, from a mapped
// file, and does not wait for it. Asking for what is in memory already costs some 20 ns
// a page. For a file that was not mapped it does nothing.
func (f *File) Need(data []byte) {
	f.mustBeOpen()
	if len(data) == 0 || len(f.mapped) == 0 {
		return
	}
	first := offset(f.mapped, data)
	if first < 0 || first+len(data) > len(f.mapped) {
		return
	}
	end := first + len(data)
	for at := first &^ (os.Getpagesize() - 1); at < end; at += readAhead {
		if unix.Madvise(f.mapped[at:min(at+readAhead, end)], unix.MADV_WILLNEED) != nil {
			return // it was only advice
		}
	}
}

// offset is the number of bytes from the start of whole to that of part, which has
// a meaning only if part lies in it.
func offset(whole, part []byte) int {
	return int(uintptr(unsafe.Pointer(&part[0])) - uintptr(unsafe.Pointer(&whole[0])))
}

// Faults is how often the program has waited until now for a page to be read from a
// disk, 0 for a file that was not mapped.
func (f *File) Faults() int64 {
	var use unix.Rusage
	if f.mapped == nil || unix.Getrusage(unix.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return int64(use.Majflt)
}
