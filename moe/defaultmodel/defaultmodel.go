// Package defaultmodel holds the model that moebot answers with when it is given no
// other. README.md beside this file is its card: what it was trained on and how,
// what it can do and what it cannot.
package defaultmodel

import (
	_ "embed"
	"unsafe"
)

//go:embed default.gguf
var data string

// GGUF returns the model file. The bytes lie in the program itself, are shared by
// all callers and must not be changed.
func GGUF() []byte { return unsafe.Slice(unsafe.StringData(data), len(data)) }
