//go:build !unix

package gguf

// Need does nothing where files are not mapped.
func (f *File) Need([]byte) { f.mustBeOpen() }

// Faults is 0 where files are not mapped.
func (f *File) Faults() int64 { return 0 }
