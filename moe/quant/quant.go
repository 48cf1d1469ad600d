// Package quant makes model files smaller: it chooses a type for each tensor, rounds
// the weights and reports what that cost. How a type rounds is moe/tensor's.
package quant

import (
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"moebot/moe/gguf"
	"moebot/moe/tensor"
)

// Rule sets the type of the tensors whose names match a pattern, as path.Match
// understands it.
type Rule struct {
	Pattern string
	Type    tensor.Type
}

// Plan says which type each tensor gets.
type Plan struct {
	Type  tensor.Type // of the matrices
	Rules []Rule      // exceptions; the last that matches counts
}

// Check reports a type that cannot be written and a pattern that is none.
func (p Plan) Check() error {
	for _, r := range append([]Rule{{"*", p.Type}}, p.Rules...) {
		if !r.Type.Writable() {
			return fmt.Errorf("quant: type %v cannot be written", r.Type)
		}
		if _, err := path.Match(r.Pattern, ""); err != nil {
			return fmt.Errorf("quant: pattern %q: %w", r.Pattern, err)
		}
	}
	return nil
}

// TypeOf is the type for a tensor. Vectors, routers and the biases of experts keep their
// numbers, which are few and on which much depends. Rows that are no whole blocks of the
// type get the nearest type that fits. A tensor does not grow, unless a rule says so or
// the type is F32, F16 or BF16, for who wants a file unpacked: rounded again it would be
// larger and worse, so it stays as it is.
func (p Plan) TypeOf(t tensor.Tensor) tensor.Type {
	if !changes(t) {
		return t.Type
	}
	typ, ruled := p.asked(t)
	cols := t.Shape[len(t.Shape)-1]
	fits := nearest(typ, cols)
	if grows := fits.Bytes(cols) > t.Type.Bytes(cols); grows && (fits != typ || !ruled && typ.BlockLen() > 1) {
		return t.Type
	}
	return fits
}

// asked is the type that the plan names for t, and whether a rule does.
func (p Plan) asked(t tensor.Tensor) (typ tensor.Type, ruled bool) {
	typ = p.Type
	for _, r := range p.Rules {
		if r.matches(t) {
			typ, ruled = r.Type, true
		}
	}
	return typ, ruled
}

// nearest is typ for rows of whole blocks of it, else the type that llama-quantize takes
// in its place, else F16.
func nearest(typ tensor.Type, cols int) tensor.Type {
	next := typ
	switch typ {
	case tensor.Q4_K:
		next = tensor.Q5_0
	case tensor.Q5_K:
		next = tensor.Q5_1
	case tensor.Q6_K:
		next = tensor.Q8_0
	}
	for _, t := range []tensor.Type{typ, next} {
		if cols%t.BlockLen() == 0 {
			return t
		}
	}
	return tensor.F16
}

// changes reports whether a plan sets the type of t.
func changes(t tensor.Tensor) bool {
	return len(t.Shape) > 1 && strings.HasSuffix(t.Name, "weight") && !strings.HasSuffix(t.Name, "ffn_gate_inp.weight") && !strings.Contains(t.Name, "_norm")
}

func (r Rule) matches(t tensor.Tensor) bool {
	ok, _ := path.Match(r.Pattern, t.Name)
	return ok
}

// Tensors returns the tensors of f in the types of the plan, in the order of the file,
// and what became of them. Tensors whose type stays share f's memory. A tensor of a
// type that cannot be read here is an error, and so is a rule that matches nothing, or
// only tensors that keep theirs.
func Tensors(f *gguf.File, p Plan) ([]tensor.Tensor, Report, error) {
	if err := p.Check(); err != nil {
		return nil, nil, err
	}
	for _, r := range p.Rules {
		if !slices.ContainsFunc(f.Names(), func(name string) bool {
			t, _ := f.Tensor(name)
			return changes(t) && r.matches(t)
		}) {
			return nil, nil, fmt.Errorf("quant: pattern %q matches no matrix whose type can be set", r.Pattern)
		}
	}
	var out []tensor.Tensor
	var report Report
	for _, name := range f.Names() {
		t, _ := f.Tensor(name)
		to := p.TypeOf(t)
		entry := Entry{Name: name, From: t.Type, To: to, Asked: to, Weights: t.Len(), Before: len(t.Data), Bytes: len(t.Data)}
		if changes(t) {
			entry.Asked, _ = p.asked(t)
		}
		if to != t.Type {
			if !t.Type.Supported() {
				return nil, nil, fmt.Errorf("quant: tensor %s has type %v, which cannot be read", name, t.Type)
			}
			t, entry.Error, entry.Square = convert(t, to)
			entry.Bytes = len(t.Data)
		}
		out = append(out, t)
		report = append(report, entry)
	}
	return out, report, nil
}

// convert rounds t to a type, its rows shared out among the processors, and returns the
// sums of the squares of the errors and of the weights.
func convert(t tensor.Tensor, to tensor.Type) (out tensor.Tensor, errSum, square float64) {
	cols := t.Shape[len(t.Shape)-1]
	rows := t.Len() / cols
	out = tensor.Tensor{Name: t.Name, Type: to, Shape: t.Shape, Data: make([]byte, to.Bytes(t.Len()))}
	from, size := t.Type.Bytes(cols), to.Bytes(cols)
	workers := min(runtime.GOMAXPROCS(0), rows)
	sums := make([][2]float64, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			x, y := make([]float32, cols), make([]float32, cols)
			for r := w * rows / workers; r < (w+1)*rows/workers; r++ {
				tensor.Dequantize(x, t.Type, t.Data[r*from:(r+1)*from])
				b := out.Data[r*size : (r+1)*size]
				tensor.Quantize(b, to, x)
				tensor.Dequantize(y, to, b)
				for i, v := range x {
					d := float64(v - y[i])
					sums[w][0] += d * d
					sums[w][1] += float64(v) * float64(v)
				}
			}
		})
	}
	wg.Wait()
	for _, s := range sums {
		errSum += s[0]
		square += s[1]
	}
	return out, errSum, square
}
