package gguf

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moebot/moe/tensor"
)

func sample(t testing.TB) []byte {
	t.Helper()
	meta := []KV{{"general.architecture", "llama"}, {"a.flag", true}, {"a.count", uint32(7)}, {"a.minus", int32(-3)}, {"a.real", float32(1.5)},
		{"a.words", []string{"", "one", "zwei\x00"}}, {"a.types", []int32{1, -2}}, {"a.scores", []float32{0.5}}, {"a.big", uint64(1 << 40)}, {"a.huge", []uint64{1, 1 << 63}}}
	x := make([]float32, 3*64)
	for i := range x {
		x[i] = float32(i%17) - 8
	}
	var ts []tensor.Tensor
	for _, typ := range []tensor.Type{tensor.F32, tensor.F16, tensor.BF16, tensor.Q8_0, tensor.Q4_0} {
		data := make([]byte, typ.Bytes(len(x)))
		tensor.Quantize(data, typ, x)
		ts = append(ts, tensor.Tensor{Name: "t." + typ.String(), Type: typ, Shape: []int{3, 64}, Data: data})
	}
	var b bytes.Buffer
	if err := Write(&b, meta, ts); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	b := sample(t)
	f, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if s, _, err := f.String("general.architecture"); s != "llama" || err != nil {
		t.Errorf("architecture is %q, %v", s, err)
	}
	if v, ok, err := f.Bool("a.flag"); !v || !ok || err != nil {
		t.Errorf("flag is %v, %v, %v", v, ok, err)
	}
	if v, _, err := f.Uint("a.count"); v != 7 || err != nil {
		t.Errorf("count is %v, %v", v, err)
	}
	if v, _, err := f.Uint("a.big"); v != 1<<40 || err != nil {
		t.Errorf("big is %v, %v", v, err)
	}
	if v, _, err := f.Float("a.real"); v != 1.5 || err != nil {
		t.Errorf("real is %v, %v", v, err)
	}
	words, _, err := f.Strings("a.words")
	if d := cmp.Diff([]string{"", "one", "zwei\x00"}, words); d != "" || err != nil {
		t.Error(d, err)
	}
	ints, _, err := f.Ints("a.types")
	if d := cmp.Diff([]int64{1, -2}, ints); d != "" || err != nil {
		t.Error(d, err)
	}
	floats, _, err := f.Floats("a.scores")
	if d := cmp.Diff([]float64{0.5}, floats); d != "" || err != nil {
		t.Error(d, err)
	}
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		if d := cmp.Diff([]int{3, 64}, x.Shape); d != "" {
			t.Error(name, d)
		}
		if got := x.Float32()[20]; got < -5.6 || got > -4.4 { // 20 mod 17 - 8 = -5
			t.Errorf("%s: element 20 is %v, want about -5", name, got)
		}
	}
	if _, ok, err := f.Uint("none"); ok || err != nil {
		t.Errorf("a missing key gives %v, %v", ok, err)
	}
}

func TestWrongTypesAreErrors(t *testing.T) {
	f, err := Parse(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]func() error{
		"a.flag":               func() error { _, _, err := f.Uint("a.flag"); return err },
		"a.minus":              func() error { _, _, err := f.Uint("a.minus"); return err },
		"a.count":              func() error { _, _, err := f.Float("a.count"); return err },
		"a.real":               func() error { _, _, err := f.Bool("a.real"); return err },
		"a.words":              func() error { _, _, err := f.Ints("a.words"); return err },
		"a.types":              func() error { _, _, err := f.Strings("a.types"); return err },
		"a.scores":             func() error { _, _, err := f.String("a.scores"); return err },
		"general.architecture": func() error { _, _, err := f.Floats("general.architecture"); return err },
		"a.huge":               func() error { _, _, err := f.Ints("a.huge"); return err },
	}
	for key, call := range calls {
		var te *TypeError
		if err := call(); !errors.As(err, &te) || te.Key != key {
			t.Errorf("%s: error is %v", key, err)
		}
	}
}

func TestEveryTruncationIsAnError(t *testing.T) {
	b := sample(t)
	last := len(b) - 32 // the last tensor is padded to the alignment, which may be missing
	for i := range last {
		var fe *FormatError
		if _, err := Parse(b[:i:i]); !errors.As(err, &fe) {
			t.Fatalf("%d of %d bytes: error is %v", i, len(b), err)
		}
	}
}

// raw builds files that Write would refuse to.
type raw []byte

func header(version uint32, tensors, entries uint64) raw {
	return le.AppendUint64(le.AppendUint64(le.AppendUint32(raw(magic), version), tensors), entries)
}
func (r raw) str(s string) raw          { return append(le.AppendUint64(r, uint64(len(s))), s...) }
func (r raw) u32(v ...uint32) raw       { return appendAll(r, v, le.AppendUint32) }
func (r raw) u64(v ...uint64) raw       { return appendAll(r, v, le.AppendUint64) }
func (r raw) bytes(b ...byte) raw       { return append(r, b...) }
func (r raw) zeros(n int) raw           { return append(r, make([]byte, n)...) }
func (r raw) kv(key string, k Kind) raw { return r.str(key).u32(uint32(k)) }

// tensor adds a row of the tensor table, dimensions fastest first.
func (r raw) tensor(name string, typ tensor.Type, offset uint64, dims ...uint64) raw {
	return r.str(name).u32(uint32(len(dims))).u64(dims...).u32(uint32(typ)).u64(offset)
}

func appendAll[T any](r raw, v []T, one func([]byte, T) []byte) raw {
	for _, x := range v {
		r = one(r, x)
	}
	return r
}

func TestFaultsAreNamed(t *testing.T) {
	b := sample(t)
	edit := func(old, new string) []byte { return bytes.Replace(bytes.Clone(b), []byte(old), []byte(new), 1) }
	at := func(i int, v byte) []byte { c := bytes.Clone(b); c[i] = v; return c }
	one := func(key string, k Kind) raw { return header(3, 0, 1).kv(key, k) }
	for _, tc := range []struct {
		name string
		b    []byte
		want string
	}{
		{"foreign", []byte("PK\x03\x04 a zip file"), "no GGUF file"},
		{"empty", nil, "no GGUF file"},
		{"version 1", at(4, 1), "version 1"},
		{"version 99", at(4, 99), "version 99"},
		{"big-endian", edit("GGUF\x03\x00\x00\x00", "GGUF\x00\x00\x00\x03"), "big-endian"},
		{"a huge number of tensors", at(14, 0xff), "number of tensors"},
		{"a huge number of entries", at(22, 0xff), "number of metadata entries"},
		{"the largest number of entries", header(3, 0, 1<<64-1).zeros(99), "number of metadata entries"},
		{"too many entries", header(3, 0, 1<<16+1).zeros(1 << 20), "the limits are"},
		{"a key twice", edit("a.count", "a.minus"), `"a.minus" stands twice`},
		{"an empty key", header(3, 0, 1).kv("", Uint32).u32(7), "empty metadata key"},
		{"an unknown kind", one("a", 13).u32(7), `"a" has the unknown type 13`},
		{"an array of an unknown kind", one("a", Array).u32(13).u64(0), `"a" is an array of the unknown type 13`},
		{"an array of arrays", one("a", Array).u32(9).u64(0), `"a" is an array of arrays`},
		{"a truth value of 2", one("a", Bool).bytes(2), "truth value of 2"},
		{"truth values of 2", one("a", Array).u32(7).u64(3).bytes(0, 1, 2), "offset 51"},
		{"a long string", one("a", String).u64(1 << 62).zeros(99), `"a": 4611686018427387904 bytes wanted`},
		{"a long key", header(3, 0, 1).u64(1 << 63).zeros(99), "metadata key: 9223372036854775808 bytes wanted"},
		{"a long array", one("a", Array).u32(10).u64(1 << 61).zeros(99), `number of elements of metadata "a"`},
		{"a long array of strings", one("a", Array).u32(8).u64(1 << 61).zeros(99), `number of strings of metadata "a"`},
		{"an alignment of 0", one(alignmentKey, Uint32).u32(0), "general.alignment is 0"},
		{"an alignment of 3", one(alignmentKey, Uint32).u32(3), "general.alignment is 3"},
		{"a huge alignment", one(alignmentKey, Uint32).u32(1 << 31), "general.alignment is 2147483648"},
		{"an alignment in words", one(alignmentKey, String).str("32"), "general.alignment is string"},
		{"a tensor twice", edit("t.F16", "t.F32"), `"t.F32": stands twice`},
		{"no dimensions", header(3, 1, 0).tensor("t", tensor.F32, 0).zeros(99), `"t" has 0 dimensions`},
		{"five dimensions", header(3, 1, 0).tensor("t", tensor.F32, 0, 1, 1, 1, 1, 1).zeros(99), `"t" has 5 dimensions`},
		{"a dimension of 0", header(3, 1, 0).tensor("t", tensor.F32, 0, 4, 0).zeros(99), "[4 0] are out of range"},
		{"a product beyond 64 bits", header(3, 1, 0).tensor("t", tensor.F32, 0, 1<<30, 1<<30, 1<<30).zeros(99), "out of range"},
		{"a product that wraps to 0", header(3, 1, 0).tensor("t", tensor.I8, 0, 1<<31-1, 1<<31-1, 4, 1<<31-1).zeros(99), "out of range"},
		{"an unknown type", header(3, 1, 0).tensor("t", 77, 0, 4).zeros(99), `"t" has the unknown type type 77`},
		{"a withdrawn type", header(3, 1, 0).tensor("t", 4, 0, 4).zeros(99), "Q4_2 (withdrawn)"},
		{"half a block", header(3, 1, 0).tensor("t", tensor.Q8_0, 0, 48).zeros(99), "rows of 48 elements"},
		{"an offset off the alignment", header(3, 1, 0).tensor("t", tensor.F32, 4, 4).zeros(99), "offset 4 is not a multiple of the alignment 32"},
		{"an offset beyond the file", header(3, 1, 0).tensor("t", tensor.F32, 1<<40, 4).zeros(99), "cut short"},
		{"the largest offset", header(3, 1, 0).tensor("t", tensor.F32, 1<<64-32, 4).zeros(99), "cut short"},
		{"no data at all", header(3, 1, 0).tensor("t", tensor.F32, 0, 4), "cut short"},
		{"overlapping tensors", header(3, 2, 0).tensor("t", tensor.F32, 0, 16).tensor("u", tensor.F32, 32, 4).zeros(199), `"u": its data overlaps that of "t"`},
		{"tensors in one place", header(3, 2, 0).tensor("t", tensor.F32, 0, 4).tensor("u", tensor.F32, 0, 4).zeros(199), "overlaps"},
	} {
		_, err := Parse(tc.b)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error is %v, want it to say %q", tc.name, err, tc.want)
		}
		var fe *FormatError
		var ue *UnsupportedError
		var te *TypeError
		if !errors.As(err, &fe) && !errors.As(err, &ue) && !errors.As(err, &te) {
			t.Errorf("%s: error is a %T", tc.name, err)
		}
	}
}

func TestAllTensorsFaultsInOneError(t *testing.T) {
	b := header(3, 4, 0).tensor("a", 77, 0, 4).tensor("b", tensor.Q8_0, 0, 48).tensor("c", tensor.F32, 0, 1<<20).tensor("d", tensor.F32, 0, 4).zeros(199)
	_, err := Parse(b)
	for _, name := range []string{`"a"`, `"b"`, `"c"`} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error is %v, want it to name %s", err, name)
		}
	}
	if strings.Contains(err.Error(), `"d"`) {
		t.Errorf("error is %v, want nothing of d", err)
	}
	b = header(3, 500, 0)
	for i := range 500 {
		b = b.tensor(fmt.Sprint(i), 77, 0, 4)
	}
	if _, err := Parse(b); err == nil || !strings.Contains(err.Error(), "and 480 more") || len(err.Error()) > 4000 {
		t.Errorf("500 faults give %v", err)
	}
}

// Data may lie in any order, with holes, and at any alignment the file asks for.
func TestPlacesOfTensors(t *testing.T) {
	r := header(2, 2, 1).kv(alignmentKey, Uint32).u32(8).tensor("second", tensor.F32, 16, 2).tensor("first", tensor.I8, 0, 3)
	r = r.zeros((8-len(r)%8)%8).bytes(7, 8, 9).zeros(13).u32(0x3f800000, 0x40000000)
	for shift := range 3 { // the bytes themselves may start anywhere
		b := append(make([]byte, shift, shift+len(r)), r...)[shift:]
		f, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := f.Tensor("second")
		if d := cmp.Diff([]float32{1, 2}, x.Float32()); d != "" {
			t.Error(d)
		}
		y, _ := f.Tensor("first")
		if d := cmp.Diff([]byte{7, 8, 9}, y.Data); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"second", "first"}, f.Names()); d != "" || f.Version != 2 {
			t.Error(d, f.Version)
		}
		if &y.Data[0] != &b[len(b)-24] {
			t.Error("tensor data is a copy")
		}
		if cap(y.Data) != 3 {
			t.Errorf("tensor data has room for %d bytes, want 3", cap(y.Data))
		}
	}
}

// The memory for a hostile file is bounded by a small multiple of its size.
func TestMemoryIsBounded(t *testing.T) {
	many := header(3, 0, maxMeta)
	for i := range maxMeta {
		many = many.str(string([]byte{'k', byte(i), byte(i >> 8)})).u32(uint32(Uint8)).bytes(1)
	}
	for name, b := range map[string][]byte{
		"counts alone":     header(3, 1<<60, 1<<60).zeros(1 << 10),
		"an array's count": header(3, 0, 1).kv("a", Array).u32(uint32(String)).u64(1 << 40).zeros(1 << 10),
		"a full table":     many,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		Parse(b)
		runtime.ReadMemStats(&after)
		if got, bound := after.TotalAlloc-before.TotalAlloc, uint64(20*len(b)+1<<16); got > bound {
			t.Errorf("%s: %d bytes allocated for a file of %d", name, got, len(b))
		}
	}
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gguf")
	if err := os.WriteFile(path, sample(t), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	for name, call := range map[string]func(){
		"Tensor": func() { f.Tensor("t.F32") }, "Uint": func() { f.Uint("a.count") }, "Strings": func() { f.Strings("a.words") }, "Metadata": func() { f.Metadata() },
	} {
		func() {
			defer func() {
				if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "closed") {
					t.Errorf("%s after Close: panic is %v", name, r)
				}
			}()
			call()
		}()
	}
	if err := os.Truncate(path, 500); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a truncated file gives %v, want the path in it", err)
	}
	if _, err := Open(filepath.Dir(path)); err == nil {
		t.Error("a directory is accepted")
	}
}
