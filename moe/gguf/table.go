package gguf

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"moebot/moe/tensor"
)

// maxDims is the number of dimensions that ggml has.
const maxDims = 4

// entry is a row of the tensor table.
type entry struct {
	at     int // where in the file the row starts
	name   string
	dims   []uint64 // fastest first, as files have it
	typ    tensor.Type
	offset uint64 // from the start of the data section
}

func readEntry(c *cursor) entry {
	e := entry{at: c.at, name: string(c.bytes(what{part: "tensor name"}))}
	if c.err != nil {
		return e
	}
	w := what{of: "tensor", name: e.name}
	at := c.at
	n := c.u32(w)
	if c.err == nil && (n == 0 || n > maxDims) {
		// the length of the row is not known then, so nothing after it can be read
		c.fail(at, "%s has %d dimensions, want 1 to %d", w, n, maxDims)
		return e
	}
	e.dims = make([]uint64, n)
	for i := range e.dims {
		e.dims[i] = c.u64(w)
	}
	e.typ = tensor.Type(c.u32(w))
	e.offset = c.u64(w)
	return e
}

func (e entry) bad(format string, args ...any) error {
	return &FormatError{int64(e.at), fmt.Sprintf("tensor %q: ", e.name) + fmt.Sprintf(format, args...)}
}

// place cuts each tensor's bytes out of the file b, whose data section starts at base.
// It reports the faults of all of them; those whose data is not there, together.
func (f *File) place(table []entry, b []byte, base, align uint64) error {
	var errs []error
	type extent struct {
		start, end uint64
		e          *entry
	}
	var extents []extent
	var missing []*entry
	room := max(uint64(len(b)), base) - base
	f.tensors, f.names = make(map[string]tensor.Tensor, len(table)), make([]string, 0, len(table))
	for i := range table {
		e := &table[i]
		if _, ok := f.tensors[e.name]; ok {
			errs = append(errs, e.bad("stands twice"))
			continue
		}
		f.tensors[e.name] = tensor.Tensor{} // known by name even if faulty
		shape, size, err := e.shape()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		switch {
		case e.offset%align != 0:
			errs = append(errs, e.bad("offset %d is not a multiple of the alignment %d", e.offset, align))
			continue
		case e.offset > room || size > room-e.offset:
			missing = append(missing, e)
			continue
		}
		start := base + e.offset
		end := start + size
		extents = append(extents, extent{start, end, e})
		f.tensors[e.name] = tensor.Tensor{Name: e.name, Type: e.typ, Shape: shape, Data: b[start:end:end]}
		f.names = append(f.names, e.name)
	}
	if n := len(missing); n > 0 {
		e := missing[0]
		errs = append(errs, e.bad("its data at offset %d, and that of %d other tensors, is not within the %d bytes of data: the file is cut short or damaged", e.offset, n-1, room))
	}
	slices.SortStableFunc(extents, func(x, y extent) int { return cmp.Compare(x.start, y.start) })
	for i := 1; i < len(extents); i++ {
		if x, y := extents[i-1], extents[i]; y.start < x.end {
			errs = append(errs, y.e.bad("its data overlaps that of %q", x.e.name))
		}
	}
	return join(errs)
}

// shape checks type and dimensions; it returns the shape, slowest dimension first,
// and the size in bytes.
func (e entry) shape() ([]int, uint64, error) {
	if !e.typ.Known() {
		return nil, 0, &UnsupportedError{fmt.Sprintf("tensor %q has the unknown type %v", e.name, e.typ)}
	}
	n := uint64(1)
	shape := make([]int, len(e.dims))
	for i, d := range e.dims {
		// no type takes more than 8 bytes an element, so neither product overflows
		if d == 0 || d > math.MaxInt32 || n > math.MaxInt64/8/d {
			return nil, 0, e.bad("dimensions %v are out of range", e.dims)
		}
		n *= d
		shape[len(shape)-1-i] = int(d)
	}
	if e.dims[0]%uint64(e.typ.BlockLen()) != 0 {
		return nil, 0, e.bad("rows of %d elements are no whole blocks of %v (%d)", e.dims[0], e.typ, e.typ.BlockLen())
	}
	return shape, n / uint64(e.typ.BlockLen()) * uint64(e.typ.BlockBytes()), nil
}

// Tensor returns a tensor by name; its data lies in the file and starts at any
// address. It must not be used after Close.
func (f *File) Tensor(name string) (tensor.Tensor, bool) {
	f.mustBeOpen()
	t, ok := f.tensors[name]
	return t, ok
}

// Names lists the tensors in the order of the file. The caller must not change it.
func (f *File) Names() []string { return f.names }
