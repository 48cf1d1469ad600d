package gguf

import (
	"bytes"
	"testing"

	"moebot/moe/tensor"
)

func TestFingerprint(t *testing.T) {
	with := func(arch string, words uint32, data []byte) [32]byte {
		t.Helper()
		var b bytes.Buffer
		x := tensor.Tensor{Name: "a.weight", Type: tensor.F32, Shape: []int{len(data) / 4}, Data: data}
		if err := Write(&b, []KV{{Key: "general.architecture", Value: arch}, {Key: "tokenizer.x", Value: words}}, []tensor.Tensor{x}); err != nil {
			t.Fatal(err)
		}
		f, err := Parse(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return f.Fingerprint()
	}
	open := func(arch string, data []byte) [32]byte { return with(arch, 1, data) }
	data := make([]byte, 100<<10)
	want := open("llama", data)
	if open("llama", bytes.Clone(data)) != want {
		t.Error("the same file has another fingerprint")
	}
	if with("llama", 2, data) != want {
		t.Error("another vocabulary has another fingerprint")
	}
	if open("olmoe", data) == want || open("llama", data[:len(data)-4]) == want {
		t.Error("other metadata or another shape has the same fingerprint")
	}
	for _, at := range []int{0, len(data) / 2, len(data) - 1} {
		other := bytes.Clone(data)
		other[at] = 1
		if open("llama", other) == want {
			t.Errorf("another byte at %d has the same fingerprint", at)
		}
	}
}
