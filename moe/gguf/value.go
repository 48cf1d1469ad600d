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
	if k.known() {
		return kindNames[k]
	}
	return fmt.Sprint(uint32(k))
}

func (k Kind) known() bool { return k < Kind(len(kindNames)) }

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

// integer decodes the i-th integer of data. Of a uint64 beyond int64, over is true.
func integer(k Kind, data []byte, i int) (n int64, over bool) {
	switch k {
	case Uint8:
		return int64(data[i]), false
	case Int8:
		return int64(int8(data[i])), false
	case Uint16:
		return int64(le.Uint16(data[2*i:])), false
	case Int16:
		return int64(int16(le.Uint16(data[2*i:]))), false
	case Uint32:
		return int64(le.Uint32(data[4*i:])), false
	case Int32:
		return int64(int32(le.Uint32(data[4*i:]))), false
	}
	u := le.Uint64(data[8*i:])
	return int64(u), k == Uint64 && u > math.MaxInt64
}

// float decodes the i-th floating-point number of data.
func float(k Kind, data []byte, i int) float64 {
	if k == Float32 {
		return float64(math.Float32frombits(le.Uint32(data[4*i:])))
	}
	return math.Float64frombits(le.Uint64(data[8*i:]))
}

func isInteger(k Kind) bool { return k <= Int32 || k == Uint64 || k == Int64 }
func isFloat(k Kind) bool   { return k == Float32 || k == Float64 }

// lookup finds a value. All getters go through it.
func (f *File) lookup(key string) (value, bool) {
	f.mustBeOpen()
	v, ok := f.meta[key]
	return v, ok
}

// Keys lists the metadata keys in the order of the file. The caller must not change it.
func (f *File) Keys() []string { return f.keys }

// Describe is the type of key's value, for messages; "missing" if it is not there.
func (f *File) Describe(key string) string {
	v, ok := f.lookup(key)
	if !ok {
		return "missing"
	}
	return v.describe()
}

// Uint returns an integer that is not negative. ok is false if the key is not there;
// the error is a *TypeError, as with all the getters.
func (f *File) Uint(key string) (v uint64, ok bool, err error) {
	x, ok := f.lookup(key)
	if !ok {
		return 0, false, nil
	}
	if !isInteger(x.kind) {
		return 0, true, &TypeError{key, x.describe(), "an integer"}
	}
	n, over := integer(x.kind, x.data, 0)
	if n < 0 && !over {
		return 0, true, &TypeError{key, fmt.Sprint(n), "an integer that is not negative"}
	}
	return uint64(n), true, nil
}

// Float returns a floating-point number.
func (f *File) Float(key string) (v float64, ok bool, err error) {
	x, ok := f.lookup(key)
	if !ok {
		return 0, false, nil
	}
	if !isFloat(x.kind) {
		return 0, true, &TypeError{key, x.describe(), "a floating-point number"}
	}
	return float(x.kind, x.data, 0), true, nil
}

// Bool returns a truth value.
func (f *File) Bool(key string) (v, ok bool, err error) {
	x, ok := f.lookup(key)
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
	x, ok := f.lookup(key)
	if !ok {
		return "", false, nil
	}
	if x.kind != String {
		return "", true, &TypeError{key, x.describe(), "a string"}
	}
	return string(x.data), true, nil
}

// Strings returns an array of strings. They share one copy of the file's bytes: to
// keep one of them keeps them all.
func (f *File) Strings(key string) (v []string, ok bool, err error) {
	x, ok := f.lookup(key)
	if !ok {
		return nil, false, nil
	}
	if x.kind != Array || x.elem != String {
		return nil, true, &TypeError{key, x.describe(), "an array of strings"}
	}
	return x.strings(), true, nil
}

func (v value) strings() []string {
	all := string(v.data)
	out := make([]string, v.n)
	at := 0
	for i := range out {
		n := int(le.Uint64(v.data[at:]))
		at += 8
		out[i] = all[at : at+n]
		at += n
	}
	return out
}

// Ints returns an array of integers. One beyond int64 is an error.
func (f *File) Ints(key string) (v []int64, ok bool, err error) {
	x, ok := f.lookup(key)
	if !ok {
		return nil, false, nil
	}
	if x.kind != Array || !isInteger(x.elem) {
		return nil, true, &TypeError{key, x.describe(), "an array of integers"}
	}
	v = make([]int64, x.n)
	for i := range v {
		var over bool
		if v[i], over = integer(x.elem, x.data, i); over {
			return nil, true, &TypeError{key, fmt.Sprintf("%d at %d", uint64(v[i]), i), "integers up to 2^63-1"}
		}
	}
	return v, true, nil
}

// Floats returns an array of floating-point numbers.
func (f *File) Floats(key string) (v []float64, ok bool, err error) {
	x, ok := f.lookup(key)
	if !ok {
		return nil, false, nil
	}
	if x.kind != Array || !isFloat(x.elem) {
		return nil, true, &TypeError{key, x.describe(), "an array of floating-point numbers"}
	}
	v = make([]float64, x.n)
	for i := range v {
		v[i] = float(x.elem, x.data, i)
	}
	return v, true, nil
}
