package gguf

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"

	"moebot/moe/tensor"
)

// Write writes a file of version 3: metadata and tensors in the order given, the
// tensors' data aligned to general.alignment if the metadata has it, else to 32 bytes.
// It panics on a tensor whose data does not fit its shape and type. What a reader
// would refuse, such as a name that stands twice, is an error, and nothing is written.
func Write(w io.Writer, meta []KV, tensors []tensor.Tensor) error {
	align, err := checkContents(meta, tensors)
	if err != nil {
		return err
	}
	b := []byte(magic)
	b = le.AppendUint32(b, 3)
	b = le.AppendUint64(b, uint64(len(tensors)))
	b = le.AppendUint64(b, uint64(len(meta)))
	for _, kv := range meta {
		b = appendString(b, kv.Key)
		if b, err = appendValue(b, kv.Value); err != nil {
			return fmt.Errorf("gguf: metadata %s: %w", kv.Key, err)
		}
	}
	offset := 0
	for _, t := range tensors {
		b = appendString(b, t.Name)
		b = le.AppendUint32(b, uint32(len(t.Shape)))
		for i := range t.Shape {
			b = le.AppendUint64(b, uint64(t.Shape[len(t.Shape)-1-i]))
		}
		b = le.AppendUint32(b, uint32(t.Type))
		b = le.AppendUint64(b, uint64(offset))
		offset += len(t.Data) + padding(len(t.Data), align)
	}
	zeros := make([]byte, align)
	bw := bufio.NewWriterSize(w, 1<<20) // its first error comes back from Flush
	bw.Write(b)
	if len(tensors) > 0 {
		bw.Write(zeros[:padding(len(b), align)])
	}
	for _, t := range tensors {
		bw.Write(t.Data)
		bw.Write(zeros[:padding(len(t.Data), align)])
	}
	return bw.Flush()
}

// padding is how many bytes are missing from n to the next multiple of align.
func padding(n, align int) int { return (align - n%align) % align }

// checkContents looks for what the reader would refuse, and finds the alignment.
func checkContents(meta []KV, tensors []tensor.Tensor) (align int, err error) {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("gguf: "+format, args...)) }
	align = defaultAlignment
	keys := make(map[string]bool, len(meta))
	for _, kv := range meta {
		if kv.Key == "" {
			bad("an empty metadata key")
		}
		if keys[kv.Key] {
			bad("metadata key %q stands twice", kv.Key)
		}
		keys[kv.Key] = true
		if kv.Key == alignmentKey {
			v, ok := kv.Value.(uint32)
			if !ok {
				bad("%s is a %T, want a uint32", alignmentKey, kv.Value)
			} else if err := checkAlignment(uint64(v)); err != nil {
				errs = append(errs, err)
			}
			align = int(v)
		}
	}
	names := make(map[string]bool, len(tensors))
	for _, t := range tensors {
		e := entry{name: t.Name, typ: t.Type}
		for i := range t.Shape {
			e.dims = append(e.dims, uint64(t.Shape[len(t.Shape)-1-i]))
		}
		if names[t.Name] {
			bad("tensor %q stands twice", t.Name)
		}
		names[t.Name] = true
		if n := len(t.Shape); n == 0 || n > maxDims {
			bad("tensor %q has %d dimensions, want 1 to %d", t.Name, n, maxDims)
			continue
		}
		_, size, err := e.shape()
		if err != nil {
			errs = append(errs, err)
		} else if size != uint64(len(t.Data)) {
			panic(fmt.Sprintf("gguf: tensor %s of shape %v and type %v has %d bytes", t.Name, t.Shape, t.Type, len(t.Data)))
		}
	}
	return align, errors.Join(errs...)
}

func appendString(b []byte, s string) []byte {
	return append(le.AppendUint64(b, uint64(len(s))), s...)
}

func appendValue(b []byte, v any) ([]byte, error) {
	kind := func(k Kind) []byte { return le.AppendUint32(b, uint32(k)) }
	switch v := v.(type) {
	case bool:
		return append(kind(Bool), truth(v)), nil
	case uint8:
		return append(kind(Uint8), v), nil
	case int8:
		return append(kind(Int8), byte(v)), nil
	case uint16:
		return le.AppendUint16(kind(Uint16), v), nil
	case int16:
		return le.AppendUint16(kind(Int16), uint16(v)), nil
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
	case []bool:
		return appendArray(b, Bool, v, func(b []byte, x bool) []byte { return append(b, truth(x)) }), nil
	case []uint8:
		return appendArray(b, Uint8, v, func(b []byte, x uint8) []byte { return append(b, x) }), nil
	case []int8:
		return appendArray(b, Int8, v, func(b []byte, x int8) []byte { return append(b, byte(x)) }), nil
	case []uint16:
		return appendArray(b, Uint16, v, le.AppendUint16), nil
	case []int16:
		return appendArray(b, Int16, v, func(b []byte, x int16) []byte { return le.AppendUint16(b, uint16(x)) }), nil
	case []uint32:
		return appendArray(b, Uint32, v, le.AppendUint32), nil
	case []int32:
		return appendArray(b, Int32, v, func(b []byte, x int32) []byte { return le.AppendUint32(b, uint32(x)) }), nil
	case []uint64:
		return appendArray(b, Uint64, v, le.AppendUint64), nil
	case []int64:
		return appendArray(b, Int64, v, func(b []byte, x int64) []byte { return le.AppendUint64(b, uint64(x)) }), nil
	case []float32:
		return appendArray(b, Float32, v, func(b []byte, x float32) []byte { return le.AppendUint32(b, math.Float32bits(x)) }), nil
	case []float64:
		return appendArray(b, Float64, v, func(b []byte, x float64) []byte { return le.AppendUint64(b, math.Float64bits(x)) }), nil
	case []string:
		return appendArray(b, String, v, appendString), nil
	}
	return nil, fmt.Errorf("a value of type %T cannot be written", v)
}

func appendArray[T any](b []byte, k Kind, v []T, one func([]byte, T) []byte) []byte {
	b = le.AppendUint32(b, uint32(Array))
	b = le.AppendUint32(b, uint32(k))
	b = le.AppendUint64(b, uint64(len(v)))
	for _, x := range v {
		b = one(b, x)
	}
	return b
}

func truth(v bool) byte {
	if v {
		return 1
	}
	return 0
}
