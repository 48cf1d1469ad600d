package gguf

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// KV is one metadata entry. Value is a bool, an integer or floating-point number of
// fixed size, a string, or a slice of one of these.
type KV struct {
	Key   string
	Value any
}

// Metadata returns all entries in the order of the file, with the types they have
// there. Writing them gives the same bytes again.
func (f *File) Metadata() []KV {
	f.mustBeOpen()
	out := make([]KV, 0, len(f.keys))
	for _, key := range f.keys {
		out = append(out, KV{key, f.meta[key].decode()})
	}
	return out
}

func (v value) decode() any {
	switch {
	case v.kind == String:
		return string(v.data)
	case v.kind == Array && v.elem == String:
		return v.strings()
	case v.kind == Array:
		return decodeArray(v.elem, v.data, v.n)
	case v.kind == Bool:
		return v.data[0] != 0
	case v.kind == Float32:
		return math.Float32frombits(le.Uint32(v.data)) // not by way of float64, which would change some NaNs
	case v.kind == Float64:
		return float(Float64, v.data, 0)
	}
	n, _ := integer(v.kind, v.data, 0)
	switch v.kind {
	case Uint8:
		return uint8(n)
	case Int8:
		return int8(n)
	case Uint16:
		return uint16(n)
	case Int16:
		return int16(n)
	case Uint32:
		return uint32(n)
	case Int32:
		return int32(n)
	case Uint64:
		return uint64(n)
	}
	return n
}

func decodeArray(k Kind, data []byte, n int) any {
	switch k {
	case Uint8:
		return append([]uint8{}, data...)
	case Int8:
		return each(n, func(i int) int8 { return int8(data[i]) })
	case Bool:
		return each(n, func(i int) bool { return data[i] != 0 })
	case Uint16:
		return each(n, func(i int) uint16 { return le.Uint16(data[2*i:]) })
	case Int16:
		return each(n, func(i int) int16 { return int16(le.Uint16(data[2*i:])) })
	case Uint32:
		return each(n, func(i int) uint32 { return le.Uint32(data[4*i:]) })
	case Int32:
		return each(n, func(i int) int32 { return int32(le.Uint32(data[4*i:])) })
	case Float32:
		return each(n, func(i int) float32 { return math.Float32frombits(le.Uint32(data[4*i:])) })
	case Uint64:
		return each(n, func(i int) uint64 { return le.Uint64(data[8*i:]) })
	case Int64:
		return each(n, func(i int) int64 { return int64(le.Uint64(data[8*i:])) })
	}
	return each(n, func(i int) float64 { return math.Float64frombits(le.Uint64(data[8*i:])) })
}

func each[T any](n int, f func(i int) T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = f(i)
	}
	return out
}

// Show writes a value for people: text in quotes, of arrays the length and the type.
// Long ones are cut to about limit bytes. A missing key gives "missing".
func (f *File) Show(key string, limit int) string {
	v, ok := f.lookup(key)
	if !ok || v.kind == Array {
		return f.Describe(key)
	}
	if v.kind != String {
		return fmt.Sprint(v.decode())
	}
	text, dots := string(v.data), ""
	if limit = max(limit, 0); len(text) > limit {
		for limit > 0 && !utf8.RuneStart(text[limit]) {
			limit--
		}
		text, dots = text[:limit], "..."
	}
	return fmt.Sprintf("%q%s", text, dots)
}
