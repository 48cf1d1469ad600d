package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"moebot/moe/kernel"
	"moebot/moe/tensor"
)

// Load reads a model. Every missing, unused, misshapen and unsupported tensor is
// named in one error. The model uses src's tensors in place, so src must stay open.
func Load(src Source) (*Model, error) {
	c, err := readConfig(src)
	if err != nil {
		return nil, err
	}
	l := &loader{src: src, used: map[string]bool{}}
	embed, ok := src.Tensor("token_embd.weight")
	if ok && len(embed.Shape) == 2 {
		c.Vocab = embed.Shape[0]
	}
	m := &Model{Config: c}
	m.embed = l.matrix("token_embd.weight", c.Vocab, c.Dim)
	m.output.Matrix = m.embed
	if l.has("output.weight") {
		m.output.Matrix = l.matrix("output.weight", c.Vocab, c.Dim)
	}
	m.output.bias = l.bias("output", c.Vocab, c.biases.output)
	m.norm = l.norm("output_norm", c.Dim, c.biases.norms)
	for i := 0; i < c.Layers && len(l.errs) <= maxFaults; i++ {
		m.layers = append(m.layers, l.layer(c, i))
	}
	m.freq, m.longFreq = l.frequencies(c)
	if err := l.done(c); err != nil {
		return nil, err
	}
	m.parameters = l.parameters
	m.pager, _ = src.(pager)
	return m, nil
}

// loader takes tensors and collects what is wrong with them.
type loader struct {
	src        Source
	used       map[string]bool
	parameters int // weights taken
	errs       []error
}

func (l *loader) fail(format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf(format, args...))
}

func (l *loader) has(name string) bool {
	_, ok := l.src.Tensor(name)
	return ok
}

func (l *loader) matrix(name string, rows, cols int) kernel.Matrix {
	t, ok := l.take(name, rows, cols)
	if !ok {
		return kernel.Matrix{}
	}
	return kernel.Matrix{Type: t.Type, Rows: rows, Cols: cols, Data: t.Data}
}

// stack reads n matrices from one tensor [n, rows, cols].
func (l *loader) stack(name string, n, rows, cols int) []kernel.Matrix {
	t, ok := l.take(name, n, rows, cols)
	if !ok {
		return nil
	}
	whole := kernel.Matrix{Type: t.Type, Rows: n * rows, Cols: cols, Data: t.Data}
	out := make([]kernel.Matrix, n)
	for i := range out {
		out[i] = rowsOf(whole, i*rows, rows)
	}
	return out
}

// rowsOf is the matrix of some neighbouring rows of another.
func rowsOf(w kernel.Matrix, first, rows int) kernel.Matrix {
	size := w.Type.Bytes(w.Cols)
	return kernel.Matrix{Type: w.Type, Rows: rows, Cols: w.Cols, Data: w.Data[first*size : (first+rows)*size]}
}

func (l *loader) vector(name string, shape ...int) []float32 {
	t, ok := l.take(name, shape...)
	if !ok {
		return nil
	}
	return t.Float32()
}

// option is vector for a tensor that a file need not have, nil without it.
func (l *loader) option(name string, shape ...int) []float32 {
	if !l.has(name) {
		return nil
	}
	return l.vector(name, shape...)
}

func (l *loader) bias(of string, n int, required bool) []float32 {
	if name := of + ".bias"; required || l.has(name) {
		return l.vector(name, n)
	}
	return nil
}

// projection is a matrix with its bias, if there is one.
func (l *loader) projection(of string, rows, cols int, required bool) projection {
	return projection{l.matrix(of+".weight", rows, cols), l.bias(of, rows, required)}
}

func (l *loader) norm(of string, n int, biased bool) norm {
	out := norm{weight: l.vector(of+".weight", n)}
	if biased {
		out.bias = l.vector(of+".bias", n)
	}
	return out
}

// take finds a tensor and checks its type and shape.
func (l *loader) take(name string, shape ...int) (tensor.Tensor, bool) {
	t, ok := l.src.Tensor(name)
	if !ok {
		l.fail("tensor %s is missing", name)
		return t, false
	}
	l.used[name] = true
	ok = true
	if !t.Type.Supported() {
		l.fail("tensor %s has type %v, which is not supported", name, t.Type)
		ok = false
	}
	if !slices.Equal(squeezed(t.Shape), squeezed(shape)) {
		l.fail("tensor %s has shape %v, want %v", name, t.Shape, shape)
		ok = false
	}
	if ok {
		l.parameters += t.Len()
	}
	return t, ok
}

// squeezed is the shape without leading dimensions of 1, which writers leave out at will.
func squeezed(shape []int) []int {
	for len(shape) > 1 && shape[0] == 1 {
		shape = shape[1:]
	}
	return shape
}

// unneeded are tensors that follow from the metadata, which older files carry, and
// those of the layers behind the last that foretell further tokens.
func unneeded(c Config, name string) bool {
	var layer int
	if n, _ := fmt.Sscanf(name, "blk.%d.", &layer); n == 1 && c.foretold > 0 && layer >= c.Layers && layer < c.Layers+c.foretold {
		return true
	}
	return strings.HasSuffix(name, ".attn_rot_embd.weight")
}

// maxFaults bounds the faults listed, so that a foreign file does not print pages.
const maxFaults = 40

func (l *loader) done(c Config) error {
	if len(l.errs) <= maxFaults { // else not all tensors were looked for
		var unused []string
		for _, n := range l.src.Names() {
			if !l.used[n] && !unneeded(c, n) {
				unused = append(unused, n)
			}
		}
		slices.Sort(unused)
		for _, n := range unused {
			l.fail("tensor %q is not part of this architecture", n)
		}
	}
	if len(l.errs) == 0 {
		return nil
	}
	if n := len(l.errs); n > maxFaults {
		l.errs = append(l.errs[:maxFaults:maxFaults], errors.New("and more"))
	}
	return fmt.Errorf("model: %w", errors.Join(l.errs...))
}
