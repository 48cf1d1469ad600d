package gguf

import (
	"fmt"

	"moebot/moe/tensor"
)

const (
	magic        = "GGUF"
	alignmentKey = "general.alignment"
	// defaultAlignment of tensor data where the file does not say, bytes.
	defaultAlignment = 32
	maxAlignment     = 1 << 20
	// The tables are bounded since a row takes more memory here than in the file.
	// Models have some dozens of metadata entries and at most thousands of tensors.
	maxMeta    = 1 << 16
	maxTensors = 1 << 17
)

// File is an open GGUF file.
type File struct {
	Version int // of the format, 2 or 3

	meta    map[string]value
	keys    []string
	tensors map[string]tensor.Tensor
	names   []string
	mapped  []byte       // the whole file, if the system reads it as it is used; else nil
	unmap   func() error // nil for a file in memory
	closed  bool
}

// Parse reads a file that is in memory. The File keeps b, which must not change.
// It returns a *FormatError or *UnsupportedError, several tensors' faults joined in
// one error.
func Parse(b []byte) (*File, error) {
	c := &cursor{b: b}
	f := &File{}
	var err error
	if f.Version, err = version(c); err != nil {
		return nil, err
	}
	nTensors := c.count(what{part: "number of tensors"}, 8+4+8+4+8)     // name, a dimension, type, offset
	nMeta := c.count(what{part: "number of metadata entries"}, 8+1+4+1) // key, type, a byte
	if nTensors > maxTensors || nMeta > maxMeta {
		return nil, &UnsupportedError{fmt.Sprintf("%d tensors and %d metadata entries, the limits are %d and %d", nTensors, nMeta, maxTensors, maxMeta)}
	}
	f.meta, f.keys = make(map[string]value, nMeta), make([]string, 0, nMeta)
	for i := 0; i < nMeta && c.err == nil; i++ {
		f.readMeta(c)
	}
	if c.err != nil {
		return nil, c.err
	}
	align, err := f.alignment()
	if err != nil {
		return nil, err
	}
	table := make([]entry, 0, nTensors)
	for i := 0; i < nTensors && c.err == nil; i++ {
		table = append(table, readEntry(c))
	}
	if c.err != nil {
		return nil, c.err
	}
	base := (uint64(c.at) + align - 1) / align * align
	if err := f.place(table, b, base, align); err != nil {
		return nil, err
	}
	return f, nil
}

func version(c *cursor) (int, error) {
	if len(c.b) < 4 {
		return 0, &FormatError{0, fmt.Sprintf("%d bytes are no GGUF file", len(c.b))}
	}
	if m := c.take(4, what{part: "magic"}); string(m) != magic {
		return 0, &FormatError{0, fmt.Sprintf("starts with %q, not with %q: no GGUF file", m, magic)}
	}
	v := c.u32(what{part: "version"})
	switch {
	case c.err != nil:
		return 0, c.err
	case v == 2 || v == 3:
		return int(v), nil
	case v != 0 && v&0xffff == 0: // the number's bytes the other way round
		return 0, &UnsupportedError{"a big-endian file"}
	}
	return 0, &UnsupportedError{fmt.Sprintf("version %d of the format, want 2 or 3", v)}
}

func (f *File) readMeta(c *cursor) {
	at := c.at
	key := string(c.bytes(what{part: "metadata key"}))
	if c.err == nil && key == "" {
		c.fail(at, "an empty metadata key")
	}
	v := c.value(key)
	if _, ok := f.meta[key]; ok {
		c.fail(at, "metadata key %q stands twice", key)
	}
	if c.err != nil {
		return
	}
	f.meta[key] = v
	f.keys = append(f.keys, key)
}

// alignment of tensor data, bytes.
func (f *File) alignment() (uint64, error) {
	v, ok, err := f.Uint(alignmentKey)
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return defaultAlignment, nil
	}
	return v, checkAlignment(v)
}

func checkAlignment(v uint64) error {
	if v == 0 || v > maxAlignment || v&(v-1) != 0 {
		return &UnsupportedError{fmt.Sprintf("%s is %d, want a power of two up to %d", alignmentKey, v, maxAlignment)}
	}
	return nil
}
