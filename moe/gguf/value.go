package gguf

import (
	"fmt"
	"math"
)

// Kind is the type of a metadata value, with the number that files use.
type Kind uint32

const (
	Uint8 Kind = iota
	Int8
	Uint16
	Int16
	Uint32
	Int32
	Float32
	Bool
	String
	Array
	Uint64
	Int64
	Float64
)

var kindNames = [...]string{"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "bool", "string", "array", "uint64", "int64", "float64"}

// kindBytes is the size of a value; strings and arrays have none of their own.
var kindBytes = [...]int{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint32(k))
}

// value is one metadata value where it lies in the file. Of arrays, elem and n tell
// what is in data: fixed-size elements, or strings each behind its length.
type value struct {
	kind Kind
	elem Kind
	n    int
	data []byte
}

func (v value) describe() string {
	if v.kind == Array {
		return fmt.Sprintf("an array of %d %v", v.n, v.elem)
	}
	return v.kind.String()
}

// number decodes the i-th fixed-size value of data as bits and as float.
func number(k Kind, data []byte, i int) (n int64, u uint64, f float64) {
	size := kindBytes[k]
	for j := range size {
		u |= uint64(data[i*size+j]) << (8 * j)
	}
	switch k {
	case Int8:
		n = int64(int8(u))
	case Int16:
		n = int64(int16(u))
	case Int32:
		n = int64(int32(u))
	case Int64:
		n = int64(u)
	case Float32:
		f = float64(math.Float32frombits(uint32(u)))
		return int64(f), uint64(max(f, 0)), f
	case Float64:
		f = math.Float64frombits(u)
		return int64(f), uint64(max(f, 0)), f
	default:
		n = int64(u)
		return n, u, float64(u)
	}
	return n, uint64(n), float64(n)
}

func isInteger(k Kind) bool {
	return k <= Int32 || k == Uint64 || k == Int64
}

// Has reports whether the metadata has key.
func (f *File) Has(key string) bool { _, ok := f.meta[key]; return ok }

// Keys lists the metadata keys in the order of the file.
func (f *File) Keys() []string { return f.keys }

// Describe is the type of key's value, for messages.
func (f *File) Describe(key string) string { return f.meta[key].describe() }

// Uint returns an integer that is not negative. ok is false if the key is not there.
func (f *File) Uint(key string) (v uint64, ok bool, err error) {
	x, ok := f.meta[key]
	if !ok {
		return 0, false, nil
	}
	if !isInteger(x.kind) {
		return 0, true, &TypeError{key, x.describe(), "an integer"}
	}
	n, u, _ := number(x.kind, x.data, 0)
	if n < 0 && x.kind != Uint64 {
		return 0, true, &TypeError{key, fmt.Sprint(n), "not negative"}
	}
	return u, true, nil
}

// Float returns a floating-point number.
func (f *File) Float(key string) (v float64, ok bool, err error) {
	x, ok := f.meta[key]
	if !ok {
		return 0, false, nil
	}
	if x.kind != Float32 && x.kind != Float64 {
		return 0, true, &TypeError{key, x.describe(), "a floating-point number"}
	}
	_, _, v = number(x.kind, x.data, 0)
	return v, true, nil
}

// Bool returns a truth value.
func (f *File) Bool(key string) (v, ok bool, err error) {
	x, ok := f.meta[key]
	if !ok {
		return false, false, nil
	}
	if x.kind != Bool {
		return false, true, &TypeError{key, x.describe(), "bool"}
	}
	return x.data[0] != 0, true, nil
}

// String returns a string. It is not checked to be UTF-8.
func (f *File) String(key string) (v string, ok bool, err error) {
	x, ok := f.meta[key]
	if !ok {
		return "", false, nil
	}
	if x.kind != String {
		return "", true, &TypeError{key, x.describe(), "a string"}
	}
	return string(x.data), true, nil
}

// Strings returns an array of strings.
func (f *File) Strings(key string) (v []string, ok bool, err error) {
	x, ok := f.meta[key]
	if !ok {
		return nil, false, nil
	}
	if x.kind != Array || x.elem != String {
		return nil, true, &TypeError{key, x.describe(), "an array of strings"}
	}
	// one copy for all: the elements are parts of it
	all := string(x.data)
	v = make([]string, x.n)
	at := 0
	for i := range v {
		n := int(le.Uint64(x.data[at:]))
		at += 8
		v[i] = all[at : at+n]
		at += n
	}
	return v, true, nil
}

// Ints returns an array of integers.
func (f *File) Ints(key string) (v []int64, ok bool, err error) {
	x, ok := f.meta[key]
	if !ok {
		return nil, false, nil
	}
	if x.kind != Array || !isInteger(x.elem) {
		return nil, true, &TypeError{key, x.describe(), "an array of integers"}
	}
	v = make([]int64, x.n)
	for i := range v {
		v[i], _, _ = number(x.elem, x.data, i)
	}
	return v, true, nil
}

// Floats returns an array of floating-point numbers.
func (f *File) Floats(key string) (v []float64, ok bool, err error) {
	x, ok := f.meta[key]
	if !ok {
		return nil, false, nil
	}
	if x.kind != Array || x.elem != Float32 && x.elem != Float64 {
		return nil, true, &TypeError{key, x.describe(), "an array of floating-point numbers"}
	}
	v = make([]float64, x.n)
	for i := range v {
		_, _, v[i] = number(x.elem, x.data, i)
	}
	return v, true, nil
}

// Show writes a value for people, long ones cut to about limit characters.
func (f *File) Show(key string, limit int) string {
	v := f.meta[key]
	var s string
	switch {
	case v.kind == String:
		s = fmt.Sprintf("%q", v.data[:min(len(v.data), limit)])
	case v.kind == Array:
		return v.describe()
	case v.kind == Bool:
		s = fmt.Sprint(v.data[0] != 0)
	default:
		n, u, x := number(v.kind, v.data, 0)
		switch {
		case v.kind == Float32 || v.kind == Float64:
			s = fmt.Sprint(x)
		case v.kind == Uint64:
			s = fmt.Sprint(u)
		default:
			s = fmt.Sprint(n)
		}
	}
	if len(s) > limit {
		s = s[:limit] + "..."
	}
	return s
}
