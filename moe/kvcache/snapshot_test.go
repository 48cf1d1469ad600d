package kvcache

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"moebot/moe/tensor"
)

func snapshot(t testing.TB, c *Cache, of [32]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.Write(&b, of); err != nil {
		t.Fatal(err)
	}
	if b.Len() != c.SnapshotBytes() {
		t.Errorf("%d bytes written, %d foretold", b.Len(), c.SnapshotBytes())
	}
	return b.Bytes()
}

func TestSnapshotRoundTrip(t *testing.T) {
	of := [32]byte{1, 2, 3}
	c := New(tensor.F32, 2, 2, 2, 300)
	fill(c, 5, 6, 7, 8)
	c.Truncate(3)
	b := snapshot(t, c, of)
	d := New(tensor.F32, 2, 2, 2, 300)
	if err := d.Read(bytes.NewReader(b), of, 10); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Tokens, c.Tokens) {
		t.Errorf("tokens %v, want %v", d.Tokens, c.Tokens)
	}
	for l := range 2 {
		if n := 3 * 2 * 4; !bytes.Equal(d.Keys(l)[:n], c.Keys(l)[:n]) || !bytes.Equal(d.Values(l)[:n], c.Values(l)[:n]) {
			t.Errorf("layer %d differs", l)
		}
	}
	if d.Append(9) != 3 {
		t.Error("it does not go on where it was")
	}
	for name, other := range map[string]*Cache{"type": New(tensor.F16, 2, 2, 2, 300), "layers": New(tensor.F32, 1, 2, 2, 300), "width": New(tensor.F32, 2, 4, 2, 300), "limit": New(tensor.F32, 2, 2, 2, 299)} {
		if err := other.Read(bytes.NewReader(b), of, 10); !errors.Is(err, ErrForeign) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	fresh := func() *Cache { return New(tensor.F32, 2, 2, 2, 300) }
	if err := fresh().Read(bytes.NewReader(b), [32]byte{9}, 10); !errors.Is(err, ErrForeign) {
		t.Errorf("another model: %v", err)
	}
	if err := fresh().Read(bytes.NewReader(b), of, 7); err == nil {
		t.Error("a token outside the vocabulary is taken")
	}
	// any bit that flips, any end that is missing
	for i := range b {
		bad := slices.Clone(b)
		bad[i] ^= 1 << (i % 8)
		d := fresh()
		if err := d.Read(bytes.NewReader(bad), of, 10); err == nil || len(d.Tokens) != 0 {
			t.Fatalf("byte %d of %d differs, and it is read (%v), %d tokens", i, len(b), err, len(d.Tokens))
		}
		if err := d.Read(bytes.NewReader(b[:i]), of, 10); err == nil {
			t.Fatalf("%d of %d bytes are read", i, len(b))
		}
	}
}

// Whatever a file holds, reading it ends well and takes no more memory than a cache may.
func FuzzReadSnapshot(f *testing.F) {
	c := New(tensor.Q8_0, 1, 32, 32, 20)
	for range 3 {
		c.Append(1)
	}
	of := [32]byte{4}
	f.Add(snapshot(f, c, of))
	f.Add([]byte("moekv\r\n\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := New(tensor.Q8_0, 1, 32, 32, 20)
		if err := c.Read(bytes.NewReader(b), of, 10); err != nil {
			if len(c.Tokens) != 0 {
				t.Errorf("%v, but %d tokens", err, len(c.Tokens))
			}
			return
		}
		if again := snapshot(t, c, of); !bytes.Equal(again, b[:len(again)]) {
			t.Error("written again it differs")
		}
	})
}
