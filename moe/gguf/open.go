package gguf

import (
	"fmt"
	"os"
)

// Open maps a file (on systems without mapping it is read whole) and parses it.
// The file must not be made shorter while it is open: reading what is gone ends the
// program. Errors name path.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // a mapping outlives its file
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	if int64(int(info.Size())) != info.Size() {
		return nil, fmt.Errorf("%s: %d bytes are more than this machine can address", path, info.Size())
	}
	b, unmap, err := mapFile(f, int(info.Size()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	g, err := Parse(b)
	if err != nil {
		unmap()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	g.mapped, g.unmap = b, unmap
	return g, nil
}

// Close releases the mapping. Tensors got from the File must not be used afterwards,
// and its methods panic; strings and slices of metadata stay good. Closing again does
// nothing. Close must not run beside other methods.
func (f *File) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	if f.unmap == nil {
		return nil
	}
	return f.unmap()
}

// mustBeOpen panics where reading would touch memory that is no longer mapped.
func (f *File) mustBeOpen() {
	if f.closed {
		panic("gguf: use of a closed File")
	}
}
