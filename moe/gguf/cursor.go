package gguf

import (
	"encoding/binary"
	"fmt"
)

var le = binary.LittleEndian

// what says what is being read. It becomes text only for an error.
type what struct{ part, of, name string }

func (w what) String() string {
	if w.of == "" {
		return w.part
	}
	return fmt.Sprintf("%s%s %q", w.part, w.of, w.name)
}

// its is a part of w.
func (w what) its(part string) what { w.part = part + " of "; return w }

// cursor walks over the header; after the first fault it stays where it is and
// returns zeros, so that callers check err once for many reads.
type cursor struct {
	b   []byte
	at  int
	err error
}

func (c *cursor) fail(at int, format string, args ...any) {
	if c.err == nil {
		c.err = &FormatError{int64(at), fmt.Sprintf(format, args...)}
	}
}

// take returns the next n bytes, which lie in the file.
func (c *cursor) take(n uint64, w what) []byte {
	if c.err != nil {
		return nil
	}
	if n > uint64(len(c.b)-c.at) {
		c.fail(c.at, "%s: %d bytes wanted, %d left: the file is cut short or damaged", w, n, len(c.b)-c.at)
		return nil
	}
	b := c.b[c.at : c.at+int(n)]
	c.at += int(n)
	return b
}

func (c *cursor) u32(w what) uint32 {
	if b := c.take(4, w); b != nil {
		return le.Uint32(b)
	}
	return 0
}

func (c *cursor) u64(w what) uint64 {
	if b := c.take(8, w); b != nil {
		return le.Uint64(b)
	}
	return 0
}

// count reads a number of things of which each takes at least size bytes, so that
// no allocation is larger than the file justifies.
func (c *cursor) count(w what, size int) int {
	at := c.at
	n := c.u64(w)
	if c.err == nil && n > uint64(len(c.b)-c.at)/uint64(size) {
		c.fail(at, "%s is %d, more than the file has room for: it is cut short or damaged", w, n)
		return 0
	}
	return int(n)
}

// bytes reads a string, which lies in the file.
func (c *cursor) bytes(w what) []byte {
	return c.take(c.u64(w), w)
}

// value reads a metadata value, from its type on.
func (c *cursor) value(key string) value {
	w := what{of: "metadata", name: key}
	at := c.at
	v := value{kind: Kind(c.u32(w))}
	switch {
	case c.err != nil:
	case v.kind == String:
		v.data = c.bytes(w)
	case v.kind == Array:
		c.array(w, &v)
	case v.kind.known():
		at = c.at
		v.data = c.take(uint64(kindBytes[v.kind]), w)
		c.checkBools(at, w, v.kind, v.data)
	default:
		c.fail(at, "%s has the unknown type %v", w, v.kind)
	}
	return v
}

func (c *cursor) array(w what, v *value) {
	at := c.at
	v.elem = Kind(c.u32(w))
	switch {
	case c.err != nil:
		return
	case v.elem == Array:
		c.err = &UnsupportedError{w.String() + " is an array of arrays"}
		return
	case !v.elem.known():
		c.fail(at, "%s is an array of the unknown type %v", w, v.elem)
		return
	}
	if v.elem != String {
		size := kindBytes[v.elem]
		v.n = c.count(w.its("number of elements"), size)
		at = c.at
		v.data = c.take(uint64(v.n*size), w)
		c.checkBools(at, w, v.elem, v.data)
		return
	}
	v.n = c.count(w.its("number of strings"), 8)
	start := c.at
	for range v.n { // vocabularies have hundreds of thousands: c.bytes, in short
		rest := c.b[c.at:]
		if len(rest) < 8 || le.Uint64(rest) > uint64(len(rest)-8) {
			c.bytes(w) // which makes the error
			return
		}
		c.at += 8 + int(le.Uint64(rest))
	}
	v.data = c.b[start:c.at]
}

// checkBools sees to it that truth values are 0 or 1, as the format wants.
func (c *cursor) checkBools(at int, w what, k Kind, data []byte) {
	if k != Bool {
		return
	}
	for i, b := range data {
		if b > 1 {
			c.fail(at+i, "%s has a truth value of %d, want 0 or 1", w, b)
			return
		}
	}
}
