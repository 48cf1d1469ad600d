package gguf

import (
	"errors"
	"fmt"
)

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

// maxFaults is how many tensors' faults one error lists. A file that is foreign or
// damaged can have a fault in each of its rows.
const maxFaults = 20

// join makes one error of many, nil of none.
func join(errs []error) error {
	if n := len(errs) - maxFaults; n > 0 {
		errs = append(errs[:maxFaults:maxFaults], fmt.Errorf("gguf: and %d more faults like these", n))
	}
	return errors.Join(errs...)
}
