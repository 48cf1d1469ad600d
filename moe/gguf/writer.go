package gguf

import (
	"bufio"
	"fmt"
	"io"
	"math"

	"moebot/moe/tensor"
)

// KV is one metadata entry to write. Value is a bool, an integer or float of fixed
// size, a string, or a slice of strings or of fixed-size integers or floats.
type KV struct {
	Key   string
	Value any
}

// alignment of tensor data in written files, bytes.
const alignment = 32

// Write writes a file of version 3: metadata and tensors in the order given.
func Write(w io.Writer, meta []KV, tensors []tensor.Tensor) error {
	var b []byte
	b = append(b, magic...)
	b = le.AppendUint32(b, 3)
	b = le.AppendUint64(b, uint64(len(tensors)))
	b = le.AppendUint64(b, uint64(len(meta)))
	for _, kv := range meta {
		b = appendString(b, kv.Key)
		var err error
		if b, err = appendValue(b, kv.Value); err != nil {
			return fmt.Errorf("gguf: metadata %s: %w", kv.Key, err)
		}
	}
	offset := 0
	for _, t := range tensors {
		if t.Type.Bytes(t.Len()) != len(t.Data) {
			panic(fmt.Sprintf("gguf: tensor %s of shape %v and type %v has %d bytes", t.Name, t.Shape, t.Type, len(t.Data)))
		}
		b = appendString(b, t.Name)
		b = le.AppendUint32(b, uint32(len(t.Shape)))
		for i := range t.Shape {
			b = le.AppendUint64(b, uint64(t.Shape[len(t.Shape)-1-i]))
		}
		b = le.AppendUint32(b, uint32(t.Type))
		b = le.AppendUint64(b, uint64(offset))
		offset += pad(len(t.Data))
	}
	b = append(b, make([]byte, pad(len(b))-len(b))...)
	bw := bufio.NewWriterSize(w, 1<<20)
	bw.Write(b)
	for _, t := range tensors {
		bw.Write(t.Data)
		bw.Write(make([]byte, pad(len(t.Data))-len(t.Data)))
	}
	return bw.Flush()
}

func pad(n int) int { return (n + alignment - 1) / alignment * alignment }

func appendString(b []byte, s string) []byte {
	return append(le.AppendUint64(b, uint64(len(s))), s...)
}

func appendValue(b []byte, v any) ([]byte, error) {
	kind := func(k Kind) []byte { return le.AppendUint32(b, uint32(k)) }
	array := func(k Kind, n int) []byte {
		return le.AppendUint64(le.AppendUint32(kind(Array), uint32(k)), uint64(n))
	}
	switch v := v.(type) {
	case bool:
		if v {
			return append(kind(Bool), 1), nil
		}
		return append(kind(Bool), 0), nil
	case uint32:
		return le.AppendUint32(kind(Uint32), v), nil
	case int32:
		return le.AppendUint32(kind(Int32), uint32(v)), nil
	case uint64:
		return le.AppendUint64(kind(Uint64), v), nil
	case int64:
		return le.AppendUint64(kind(Int64), uint64(v)), nil
	case float32:
		return le.AppendUint32(kind(Float32), math.Float32bits(v)), nil
	case float64:
		return le.AppendUint64(kind(Float64), math.Float64bits(v)), nil
	case string:
		return appendString(kind(String), v), nil
	case []string:
		b = array(String, len(v))
		for _, s := range v {
			b = appendString(b, s)
		}
		return b, nil
	case []int32:
		b = array(Int32, len(v))
		for _, x := range v {
			b = le.AppendUint32(b, uint32(x))
		}
		return b, nil
	case []float32:
		b = array(Float32, len(v))
		for _, x := range v {
			b = le.AppendUint32(b, math.Float32bits(x))
		}
		return b, nil
	}
	return nil, fmt.Errorf("a value of type %T cannot be written", v)
}
