package gguf

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moebot/moe/tensor"
)

func sample(t testing.TB) []byte {
	t.Helper()
	meta := []KV{{"general.architecture", "llama"}, {"a.flag", true}, {"a.count", uint32(7)}, {"a.minus", int32(-3)}, {"a.real", float32(1.5)},
		{"a.words", []string{"", "one", "zwei\x00"}}, {"a.types", []int32{1, -2}}, {"a.scores", []float32{0.5}}, {"a.big", uint64(1 << 40)}}
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

func TestFaultsAreNamed(t *testing.T) {
	b := sample(t)
	edit := func(old, new string) []byte { return bytes.Replace(bytes.Clone(b), []byte(old), []byte(new), 1) }
	at := func(i int, v byte) []byte { c := bytes.Clone(b); c[i] = v; return c }
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
		{"a key twice", edit("a.count", "a.minus"), "a.minus stands twice"},
		{"a tensor twice", edit("t.F16", "t.F32"), "t.F32: stands twice"},
	} {
		if _, err := Parse(tc.b); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error is %v, want it to say %q", tc.name, err, tc.want)
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

// oracleDir finds the reference files beside the checkout.
func oracleDir(t testing.TB) string {
	t.Helper()
	for dir := "../.."; len(dir) < 40; dir += "/.." {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			p := filepath.Join(dir, "../shared/oracle")
			if _, err := os.Stat(p); err == nil {
				return p
			}
			break
		}
	}
	if os.Getenv("MOEBOT_REQUIRE_SERVICES") == "1" {
		t.Fatal("the reference files ../shared/oracle are not there")
	}
	t.Skip("the reference files ../shared/oracle are not there")
	return ""
}

// Quantising the float32 model must give the bytes of the quantised ones, which
// ggml's own quantiser wrote.
func TestQuantizeEqualsTheReference(t *testing.T) {
	dir := oracleDir(t)
	for _, pair := range [][2]string{{"tinyA-f32", "tinyA-q8_0"}, {"tinyA-f32", "tinyA-q4_0"}, {"tinyA-f32", "tinyA-f16"}, {"tinyC-f32", "tinyC-q8_0"}, {"tinyC-f32", "tinyC-f16"}} {
		from, err := Open(filepath.Join(dir, pair[0]+".gguf"))
		if err != nil {
			t.Fatal(err)
		}
		to, err := Open(filepath.Join(dir, pair[1]+".gguf"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range to.Names() {
			want, _ := to.Tensor(name)
			src, ok := from.Tensor(name)
			if !ok {
				t.Fatalf("%s has no tensor %s", pair[0], name)
			}
			got := make([]byte, len(want.Data))
			tensor.Quantize(got, want.Type, src.Float32())
			if !bytes.Equal(got, want.Data) {
				n := 0
				for i := range got {
					if got[i] != want.Data[i] {
						n++
					}
				}
				t.Errorf("%s: tensor %s (%v): %d of %d bytes differ", pair[1], name, want.Type, n, len(got))
			}
		}
		from.Close()
		to.Close()
	}
}

func FuzzParse(f *testing.F) {
	b := sample(f)
	f.Add(b)
	f.Add(b[:200])
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
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
		}
		for _, n := range file.Names() {
			if x, _ := file.Tensor(n); x.Type.Bytes(x.Len()) != len(x.Data) {
				t.Errorf("tensor %s of shape %v and type %v has %d bytes", n, x.Shape, x.Type, len(x.Data))
			}
		}
	})
}
