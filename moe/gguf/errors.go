package gguf

import "fmt"

// FormatError is a file that breaks the format.
type FormatError struct {
	Offset int64  // where in the file, bytes
	What   string // what is wrong there
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("gguf: offset %d: %s", e.Offset, e.What)
}

// UnsupportedError is a file that is right but not for this program.
type UnsupportedError struct{ What string }

func (e *UnsupportedError) Error() string { return "gguf: " + e.What }

// TypeError is a metadata value of another type than was asked for.
type TypeError struct{ Key, Got, Want string }

func (e *TypeError) Error() string {
	return fmt.Sprintf("gguf: metadata %s is %s, want %s", e.Key, e.Got, e.Want)
}
