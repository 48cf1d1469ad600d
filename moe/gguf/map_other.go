//go:build !unix

package gguf

import (
	"io"
	"os"
)

// mapFile makes the file's bytes readable, and returns how to let go of them.
func mapFile(f *os.File, size int) ([]byte, func() error, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, nil, err
	}
	return b, func() error { return nil }, nil
}
