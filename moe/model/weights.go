package model

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"moebot/moe/kernel"
	"moebot/moe/tensor"
)

// Model is a network with its weights, which stay where the Source has them.
type Model struct {
	Config Config

	embed  kernel.Matrix // [V, D]
	output kernel.Matrix // [V, D]; the embedding if tied
	norm   []float32     // [D]
	layers []layer
	freq   []float64 // [RopeDims/2] radians that RoPE turns each pair by per position
}

type layer struct {
	attnNorm, ffnNorm []float32     // [D]
	q, k, v           kernel.Matrix // [H·hd, D], [KV·hd, D] twice
	o                 kernel.Matrix // [D, H·hd]
	router            kernel.Matrix // [E, D]; no rows for a dense FFN
	gate, up          []kernel.Matrix
	down              []kernel.Matrix // one for each expert: [F, D] twice, [D, F]; one for a dense FFN
}

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
	for i := range c.Layers {
		m.layers = append(m.layers, l.layer(c, i))
	}
	if err := l.done(); err != nil {
		return nil, err
	}
	m.freq = ropeFrequencies(c)
	return m, nil
}

// Bytes is the size of the weights.
func (m *Model) Bytes() int {
	n := len(m.embed.Data)
	if !m.Tied() {
		n += len(m.output.Data)
	}
	for _, l := range m.layers {
		n += len(l.q.Data) + len(l.k.Data) + len(l.v.Data) + len(l.o.Data) + len(l.router.Data)
		for e := range l.gate {
			n += len(l.gate[e].Data) + len(l.up[e].Data) + len(l.down[e].Data)
		}
	}
	return n
}

// Tied reports whether the output matrix is the embedding.
func (m *Model) Tied() bool { return &m.output.Data[0] == &m.embed.Data[0] }

// Parameters returns the number of weights, and of those that one token uses.
func (m *Model) Parameters() (total, active int) {
	c := m.Config
	total = c.Vocab*c.Dim + c.Dim
	if !m.Tied() {
		total += c.Vocab * c.Dim
	}
	attn := c.Dim*c.HeadDim*2*(c.Heads+c.KVHeads) + 2*c.Dim
	ffn := 3 * c.Dim * c.Hidden
	experts, used := max(c.Experts, 1), max(c.TopK, 1)
	active = total + c.Layers*(attn+used*ffn+c.Experts*c.Dim)
	return total + c.Layers*(attn+experts*ffn+c.Experts*c.Dim), active
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
// files, from one tensor each.
func (l *loader) experts(layer int, part string, n, rows, cols int) []kernel.Matrix {
	out := make([]kernel.Matrix, n)
	if _, ok := l.src.Tensor(fmt.Sprintf("blk.%d.%s.0.weight", layer, part)); ok {
		for e := range out {
			out[e] = l.matrix(fmt.Sprintf("blk.%d.%s.%d.weight", layer, part, e), rows, cols)
		}
		return out
	}
	t, ok := l.take(fmt.Sprintf("blk.%d.%s_exps.weight", layer, part), n, rows, cols)
	if !ok {
		return out
	}
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
	if fmt.Sprint(t.Shape) != fmt.Sprint(shape) {
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
	var unused []string
	for _, n := range l.src.Names() {
		if !l.used[n] && !unneeded(n) {
			unused = append(unused, n)
		}
	}
	sort.Strings(unused)
	for _, n := range unused {
		l.fail("tensor %s is not part of this architecture", n)
	}
	if len(l.errs) == 0 {
		return nil
	}
	if n := len(l.errs); n > maxFaults {
		l.errs = append(l.errs[:maxFaults:maxFaults], fmt.Errorf("and %d more", n-maxFaults))
	}
	return fmt.Errorf("model: %w", errors.Join(l.errs...))
}
