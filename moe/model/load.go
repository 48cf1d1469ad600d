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
	m.output = m.embed
	if _, ok := src.Tensor("output.weight"); ok {
		m.output = l.matrix("output.weight", c.Vocab, c.Dim)
	}
	m.norm = l.vector("output_norm.weight", c.Dim)
	for i := 0; i < c.Layers && len(l.errs) <= maxFaults; i++ {
		m.layers = append(m.layers, l.layer(c, i))
	}
	if err := l.done(); err != nil {
		return nil, err
	}
	m.freq = ropeFrequencies(c)
	return m, nil
}

// loader collects what is wrong with the tensors.
type loader struct {
	src  Source
	used map[string]bool
	errs []error
}

func (l *loader) fail(format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf(format, args...))
}

func (l *loader) layer(c Config, i int) layer {
	name := func(s string) string { return fmt.Sprintf("blk.%d.%s", i, s) }
	qd, kvd := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	out := layer{
		attnNorm: l.vector(name("attn_norm.weight"), c.Dim), ffnNorm: l.vector(name("ffn_norm.weight"), c.Dim),
		q: l.matrix(name("attn_q.weight"), qd, c.Dim), k: l.matrix(name("attn_k.weight"), kvd, c.Dim), v: l.matrix(name("attn_v.weight"), kvd, c.Dim),
		o: l.matrix(name("attn_output.weight"), c.Dim, qd),
	}
	if c.Experts == 0 {
		out.gate = []kernel.Matrix{l.matrix(name("ffn_gate.weight"), c.Hidden, c.Dim)}
		out.up = []kernel.Matrix{l.matrix(name("ffn_up.weight"), c.Hidden, c.Dim)}
		out.down = []kernel.Matrix{l.matrix(name("ffn_down.weight"), c.Dim, c.Hidden)}
		return out
	}
	out.router = l.matrix(name("ffn_gate_inp.weight"), c.Experts, c.Dim)
	out.gate = l.experts(i, "ffn_gate", c.Experts, c.Hidden, c.Dim)
	out.up = l.experts(i, "ffn_up", c.Experts, c.Hidden, c.Dim)
	out.down = l.experts(i, "ffn_down", c.Experts, c.Dim, c.Hidden)
	return out
}

// experts reads one matrix for each expert, from the merged tensor or, in older
// files, from one tensor each. It takes no memory for tensors that are not there.
func (l *loader) experts(layer int, part string, n, rows, cols int) []kernel.Matrix {
	if _, ok := l.src.Tensor(fmt.Sprintf("blk.%d.%s.0.weight", layer, part)); ok {
		var out []kernel.Matrix
		for e := 0; e < n && len(l.errs) <= maxFaults; e++ {
			out = append(out, l.matrix(fmt.Sprintf("blk.%d.%s.%d.weight", layer, part, e), rows, cols))
		}
		return out
	}
	t, ok := l.take(fmt.Sprintf("blk.%d.%s_exps.weight", layer, part), n, rows, cols)
	if !ok {
		return nil
	}
	out := make([]kernel.Matrix, n)
	size := t.Type.Bytes(rows * cols)
	for e := range out {
		out[e] = kernel.Matrix{Type: t.Type, Rows: rows, Cols: cols, Data: t.Data[e*size : (e+1)*size]}
	}
	return out
}

func (l *loader) matrix(name string, rows, cols int) kernel.Matrix {
	t, ok := l.take(name, rows, cols)
	if !ok {
		return kernel.Matrix{}
	}
	return kernel.Matrix{Type: t.Type, Rows: rows, Cols: cols, Data: t.Data}
}

func (l *loader) vector(name string, n int) []float32 {
	t, ok := l.take(name, n)
	if !ok {
		return nil
	}
	return t.Float32()
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
	if !slices.Equal(t.Shape, shape) {
		l.fail("tensor %s has shape %v, want %v", name, t.Shape, shape)
		ok = false
	}
	return t, ok
}

// unneeded are tensors that older files carry and that follow from the metadata.
func unneeded(name string) bool { return strings.HasSuffix(name, ".attn_rot_embd.weight") }

// maxFaults bounds the faults listed, so that a foreign file does not print pages.
const maxFaults = 40

func (l *loader) done() error {
	if len(l.errs) <= maxFaults { // else not all tensors were looked for
		var unused []string
		for _, n := range l.src.Names() {
			if !l.used[n] && !unneeded(n) {
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
