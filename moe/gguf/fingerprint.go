package gguf

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// Fingerprint tells this file's network from others: it is a hash of the metadata, but
// for the vocabulary, of the tensors' names, types and shapes, and of the beginning,
// the middle and the end of each one's data. Files in which only other bytes differ
// have the same one.
func (f *File) Fingerprint() [sha256.Size]byte {
	f.mustBeOpen()
	const sample = 4 << 10
	h := sha256.New()
	for _, k := range f.keys {
		if !strings.HasPrefix(k, "tokenizer.") {
			fmt.Fprintf(h, "%q %q\n", k, f.Show(k, 16))
		}
	}
	for _, n := range f.names {
		t := f.tensors[n]
		fmt.Fprintf(h, "%q %v %v\n", n, t.Type, t.Shape)
		for part := range 3 {
			from := max(0, len(t.Data)-sample) * part / 2
			h.Write(t.Data[from:min(len(t.Data), from+sample)])
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}
