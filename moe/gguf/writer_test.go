package gguf

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moebot/moe/tensor"
)

// everyKind has a value of each type that metadata can have.
var everyKind = []KV{
	{"u8", uint8(200)}, {"i8", int8(-100)}, {"u16", uint16(60000)}, {"i16", int16(-30000)}, {"u32", uint32(4e9)}, {"i32", int32(-2e9)},
	{"f32", float32(-0.1)}, {"bool", true}, {"str", "é\x00\xff"}, {"u64", uint64(1<<64 - 1)}, {"i64", int64(math.MinInt64)}, {"f64", 1e300},
	{"u8s", []uint8{0, 255}}, {"i8s", []int8{-128, 127}}, {"u16s", []uint16{0, 65535}}, {"i16s", []int16{-32768, 32767}},
	{"u32s", []uint32{0, 1<<32 - 1}}, {"i32s", []int32{math.MinInt32, math.MaxInt32}}, {"f32s", []float32{1, float32(math.Inf(-1))}},
	{"bools", []bool{true, false, true}}, {"strs", []string{"", "a", "\n"}}, {"u64s", []uint64{0, 1<<64 - 1}},
	{"i64s", []int64{math.MinInt64, math.MaxInt64}}, {"f64s", []float64{math.SmallestNonzeroFloat64, -0.5}},
	{"none", []uint8{}}, {"nothing", []string{}}, {"empty", ""},
}

func write(t testing.TB, meta []KV, ts []tensor.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, meta, ts); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEveryKindComesBack(t *testing.T) {
	b := write(t, everyKind, nil)
	f, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(everyKind, f.Metadata()); d != "" {
		t.Error(d)
	}
	for _, kv := range everyKind {
		if f.Describe(kv.Key) == "missing" || f.Show(kv.Key, 80) == "" {
			t.Errorf("%s is described as %q, shown as %q", kv.Key, f.Describe(kv.Key), f.Show(kv.Key, 80))
		}
	}
	for key, want := range map[string]string{"str": `"é\x00\xff"`, "i32": "-2000000000", "bool": "true", "strs": "an array of 3 string", "f32": "-0.1", "absent": "missing"} {
		if got := f.Show(key, 80); got != want {
			t.Errorf("%s is shown as %s, want %s", key, got, want)
		}
	}
	if got := f.Show("str", 1); got != `""...` { // half a character is not shown
		t.Errorf("cut to a byte it is shown as %s", got)
	}
	if v, _, err := f.Uint("u64"); v != 1<<64-1 || err != nil {
		t.Errorf("the largest integer is %d, %v", v, err)
	}
}

// NaNs keep their bits, signalling ones too.
func TestNaNBitsComeBack(t *testing.T) {
	b := header(3, 0, 2).kv("one", Float32).u32(0x7f800001).kv("many", Array).u32(uint32(Float32)).u64(1).u32(0xffa00001)
	f, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := write(t, f.Metadata(), nil); !bytes.Equal(got[:len(b)], b) {
		t.Errorf("% x becomes\n% x", b, got)
	}
}

func TestAlignmentIsHonoured(t *testing.T) {
	a := tensor.Tensor{Name: "a", Type: tensor.I8, Shape: []int{3}, Data: []byte{1, 2, 3}}
	c := tensor.Tensor{Name: "c", Type: tensor.I8, Shape: []int{5}, Data: []byte{4, 5, 6, 7, 8}}
	for _, align := range []uint32{1, 8, 32, 64, 4096} {
		b := write(t, []KV{{alignmentKey, align}}, []tensor.Tensor{a, c})
		if len(b)%int(align) != 0 {
			t.Errorf("aligned to %d the file has %d bytes", align, len(b))
		}
		f, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []tensor.Tensor{a, c} {
			got, _ := f.Tensor(want.Name)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("aligned to %d: %s", align, d)
			}
			if at := bytes.Index(b, want.Data); at%int(align) != 0 {
				t.Errorf("aligned to %d tensor %s is at %d", align, want.Name, at)
			}
		}
	}
}

func TestWriteRefusesWhatCannotBeRead(t *testing.T) {
	x := tensor.Tensor{Name: "x", Type: tensor.F32, Shape: []int{1}, Data: make([]byte, 4)}
	shaped := func(shape ...int) []tensor.Tensor {
		y := x
		y.Shape = shape
		return []tensor.Tensor{y}
	}
	for _, tc := range []struct {
		name string
		meta []KV
		ts   []tensor.Tensor
		want string
	}{
		{"a key twice", []KV{{"k", true}, {"k", false}}, nil, `"k" stands twice`},
		{"an empty key", []KV{{"", true}}, nil, "empty metadata key"},
		{"a foreign type", []KV{{"k", complex(1, 2)}}, nil, "metadata k: a value of type complex128"},
		{"a plain int", []KV{{"k", 1}}, nil, "type int"},
		{"an alignment of 3", []KV{{alignmentKey, uint32(3)}}, nil, "general.alignment is 3"},
		{"an alignment of another type", []KV{{alignmentKey, "32"}}, nil, "general.alignment is a string"},
		{"a tensor twice", nil, []tensor.Tensor{x, x}, `"x" stands twice`},
		{"no dimension", nil, shaped(), `"x" has 0 dimensions`},
		{"five dimensions", nil, shaped(1, 1, 1, 1, 1), `"x" has 5 dimensions`},
		{"a dimension of 0", nil, shaped(0, 1), "out of range"},
		{"a negative dimension", nil, shaped(-1, -1), "out of range"},
		{"an unknown type", nil, []tensor.Tensor{{Name: "x", Type: 77, Shape: []int{1}}}, "unknown type"},
	} {
		var b bytes.Buffer
		err := Write(&b, tc.meta, tc.ts)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error is %v, want it to say %q", tc.name, err, tc.want)
		}
		if b.Len() > 0 {
			t.Errorf("%s: %d bytes are written", tc.name, b.Len())
		}
	}
}

type fullDisk struct{ room int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(b []byte) (int, error) {
	n := min(len(b), d.room)
	d.room -= n
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

func TestWriteErrorsComeBack(t *testing.T) {
	x := tensor.Tensor{Name: "x", Type: tensor.I8, Shape: []int{3 << 20}, Data: make([]byte, 3<<20)}
	for _, room := range []int{0, 100, 1 << 20, 3 << 20} {
		if err := Write(&fullDisk{room}, nil, []tensor.Tensor{x}); !errors.Is(err, errFull) {
			t.Errorf("with room for %d bytes the error is %v", room, err)
		}
	}
}
