package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"moebot/moe/tensor"
)

var le = binary.LittleEndian

const (
	magic        = "GGUF"
	alignmentKey = "general.alignment"
	// maxDims is GGML_MAX_DIMS.
	maxDims = 4
)

// File is an open GGUF file.
type File struct {
	Version int

	meta    map[string]value
	keys    []string
	tensors map[string]tensor.Tensor
	names   []string
	close   func() error
}

// Tensor returns a tensor by name; its data lies in the file. It must not be used
// after Close.
func (f *File) Tensor(name string) (tensor.Tensor, bool) {
	t, ok := f.tensors[name]
	return t, ok
}

// Names lists the tensors in the order of the file.
func (f *File) Names() []string { return f.names }

// Close releases the mapping; tensors must not be used afterwards.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	c := f.close
	f.close = nil
	return c()
}

// Parse reads a file that is in memory. The File keeps b, which must not change.
// It returns a *FormatError or *UnsupportedError, or several tensors' joined.
func Parse(b []byte) (*File, error) {
	r := &reader{b: b}
	f := &File{meta: map[string]value{}, tensors: map[string]tensor.Tensor{}}
	if string(r.take(4, "magic")) != magic {
		if r.err != nil || len(b) < 4 {
			return nil, &FormatError{0, fmt.Sprintf("%d bytes are no GGUF file", len(b))}
		}
		return nil, &FormatError{0, fmt.Sprintf("starts with %q, not with %q: no GGUF file", b[:4], magic)}
	}
	version := r.u32("version")
	switch {
	case r.err != nil:
		return nil, r.err
	case version == 2 || version == 3:
	case version != 0 && version&0xffff == 0:
		return nil, &UnsupportedError{"a big-endian file"}
	default:
		return nil, &UnsupportedError{fmt.Sprintf("version %d of the format, want 2 or 3", version)}
	}
	f.Version = int(version)
	// a tensor takes at least 8+4+8+4+8 bytes in its table, a metadata entry 8+4+1
	nTensors := r.count("number of tensors", 32)
	nMeta := r.count("number of metadata entries", 13)
	for i := 0; i < nMeta && r.err == nil; i++ {
		f.readMeta(r)
	}
	if r.err != nil {
		return nil, r.err
	}
	align, err := f.alignment()
	if err != nil {
		return nil, err
	}
	table := make([]entry, 0, nTensors)
	for i := 0; i < nTensors && r.err == nil; i++ {
		table = append(table, r.entry())
	}
	if r.err != nil {
		return nil, r.err
	}
	base := (int64(r.at) + align - 1) / align * align
	var errs []error
	for _, e := range table {
		if err := f.place(e, b, base, align); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) readMeta(r *reader) {
	at := r.at
	key := r.str("metadata key")
	v := r.value(key)
	if r.err != nil {
		return
	}
	if key == "" {
		r.fail(at, "an empty metadata key")
		return
	}
	if _, ok := f.meta[key]; ok {
		r.fail(at, fmt.Sprintf("metadata key %s stands twice", key))
		return
	}
	f.meta[key] = v
	f.keys = append(f.keys, key)
}

func (f *File) alignment() (int64, error) {
	v, ok, err := f.Uint(alignmentKey)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 32, nil
	}
	if v == 0 || v > 1<<20 || v&(v-1) != 0 {
		return 0, &UnsupportedError{fmt.Sprintf("%s is %d, want a power of two up to %d", alignmentKey, v, 1<<20)}
	}
	return int64(v), nil
}

// entry is a row of the tensor table.
type entry struct {
	at     int
	name   string
	dims   []uint64 // fastest first, as files have it
	typ    tensor.Type
	offset uint64
}

func (r *reader) entry() entry {
	e := entry{at: r.at, name: r.str("tensor name")}
	at := r.at
	n := r.u32("number of dimensions")
	if r.err == nil && (n == 0 || n > maxDims) {
		r.fail(at, fmt.Sprintf("tensor %s has %d dimensions, want 1 to %d", e.name, n, maxDims))
	}
	for i := uint32(0); i < n && r.err == nil; i++ {
		e.dims = append(e.dims, r.u64("dimension of "+e.name))
	}
	e.typ = tensor.Type(r.u32("type of " + e.name))
	e.offset = r.u64("offset of " + e.name)
	return e
}

// place checks one tensor and cuts its bytes out of the file.
func (f *File) place(e entry, b []byte, base, align int64) error {
	bad := func(format string, args ...any) error {
		return &FormatError{int64(e.at), "tensor " + e.name + ": " + fmt.Sprintf(format, args...)}
	}
	if _, ok := f.tensors[e.name]; ok {
		return bad("stands twice")
	}
	if !e.typ.Known() {
		return &UnsupportedError{fmt.Sprintf("tensor %s has the unknown %v", e.name, e.typ)}
	}
	n := uint64(1)
	shape := make([]int, len(e.dims))
	for i, d := range e.dims {
		if d == 0 || d > math.MaxInt32 || n > math.MaxInt64/8/d {
			return bad("dimensions %v are out of range", e.dims)
		}
		n *= d
		shape[len(shape)-1-i] = int(d)
	}
	if e.dims[0]%uint64(e.typ.BlockLen()) != 0 {
		return bad("rows of %d elements are no whole blocks of %v (%d)", e.dims[0], e.typ, e.typ.BlockLen())
	}
	if e.offset%uint64(align) != 0 {
		return bad("offset %d is not a multiple of the alignment %d", e.offset, align)
	}
	size := n / uint64(e.typ.BlockLen()) * uint64(e.typ.BlockBytes())
	room := int64(len(b)) - base
	if room < 0 || e.offset > uint64(room) || size > uint64(room)-e.offset {
		return bad("%d bytes at offset %d do not fit the file of %d bytes: it is cut short or damaged", size, uint64(base)+e.offset, len(b))
	}
	start := uint64(base) + e.offset
	f.tensors[e.name] = tensor.Tensor{Name: e.name, Type: e.typ, Shape: shape, Data: b[start : start+size : start+size]}
	f.names = append(f.names, e.name)
	return nil
}

// reader walks over the header; after the first fault it returns zeros.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) fail(at int, what string) {
	if r.err == nil {
		r.err = &FormatError{int64(at), what}
	}
}

func (r *reader) take(n uint64, what string) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.b)-r.at) {
		r.fail(r.at, fmt.Sprintf("%s: %d bytes wanted, %d left: the file is cut short or damaged", what, n, len(r.b)-r.at))
		return nil
	}
	b := r.b[r.at : r.at+int(n)]
	r.at += int(n)
	return b
}

func (r *reader) u32(what string) uint32 {
	if b := r.take(4, what); b != nil {
		return le.Uint32(b)
	}
	return 0
}

func (r *reader) u64(what string) uint64 {
	if b := r.take(8, what); b != nil {
		return le.Uint64(b)
	}
	return 0
}

// count reads a number of things of which each takes at least size bytes, so that
// no allocation is larger than the file justifies.
func (r *reader) count(what string, size int) int {
	at := r.at
	n := r.u64(what)
	if r.err == nil && n > uint64(len(r.b)-r.at)/uint64(size) {
		r.fail(at, fmt.Sprintf("%s is %d, more than the file has room for", what, n))
		return 0
	}
	return int(n)
}

func (r *reader) str(what string) string {
	return string(r.take(r.u64(what+" (length)"), what))
}

func (r *reader) value(key string) value {
	v := value{kind: Kind(r.u32("type of " + key))}
	switch {
	case r.err != nil:
	case v.kind == String:
		v.data = r.take(r.u64("length of "+key), key)
	case v.kind == Array:
		r.array(key, &v)
	case int(v.kind) < len(kindBytes):
		v.data = r.take(uint64(kindBytes[v.kind]), key)
	default:
		r.fail(r.at-4, fmt.Sprintf("metadata %s has the unknown %v", key, v.kind))
	}
	return v
}

func (r *reader) array(key string, v *value) {
	at := r.at
	v.elem = Kind(r.u32("element type of " + key))
	if r.err != nil {
		return
	}
	if int(v.elem) >= len(kindBytes) || v.elem == Array {
		r.fail(at, fmt.Sprintf("metadata %s is an array of %v, which is not supported", key, v.elem))
		return
	}
	size := kindBytes[v.elem]
	if v.elem == String {
		size = 8
	}
	v.n = r.count("length of "+key, size)
	start := r.at
	if v.elem != String {
		v.data = r.take(uint64(v.n*size), key)
		return
	}
	for i := 0; i < v.n && r.err == nil; i++ {
		r.take(r.u64(key), key)
	}
	v.data = r.b[start:r.at]
}
