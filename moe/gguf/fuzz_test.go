package gguf

import (
	"bytes"
	"testing"

	"moebot/moe/tensor"
)

// Whatever parses can be read without a panic, and written and read again to the same.
func FuzzParse(f *testing.F) {
	b := sample(f)
	f.Add(b)
	f.Add(b[:200])
	f.Add(write(f, everyKind, nil))
	f.Add([]byte(header(2, 2, 1).kv(alignmentKey, Uint32).u32(8).tensor("a", tensor.F32, 16, 2).tensor("b", tensor.I8, 0, 3).zeros(40)))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			if len(err.Error()) > 1<<12+8*len(b) {
				t.Errorf("the error for %d bytes has %d", len(b), len(err.Error()))
			}
			return
		}
		for _, k := range file.Keys() {
			file.Uint(k)
			file.Float(k)
			file.Bool(k)
			file.String(k)
			file.Strings(k)
			file.Ints(k)
			file.Floats(k)
			file.Show(k, 20)
		}
		var ts []tensor.Tensor
		for _, n := range file.Names() {
			x, ok := file.Tensor(n)
			if !ok || x.Type.Bytes(x.Len()) != len(x.Data) {
				t.Errorf("tensor %s of shape %v and type %v has %d bytes", n, x.Shape, x.Type, len(x.Data))
			}
			ts = append(ts, x)
		}
		var first bytes.Buffer
		if err := Write(&first, file.Metadata(), ts); err != nil {
			t.Skip(err) // an alignment that is no uint32
		}
		again, err := Parse(first.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range again.Names() {
			if x, _ := again.Tensor(n); n != ts[i].Name || x.Type != ts[i].Type || !bytes.Equal(x.Data, ts[i].Data) {
				t.Errorf("tensor %s changes", n)
			}
		}
		var second bytes.Buffer
		if err := Write(&second, again.Metadata(), ts); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("written again it differs (%v)", err)
		}
	})
}
