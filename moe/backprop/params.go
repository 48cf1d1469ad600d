package backprop

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Kind says how a parameter is to be optimised.
type Kind uint8

const (
	Embedding Kind = iota // the token table: decayed, not orthogonalised
	Matrix                // hidden matrices: decayed, Muon applies
	Router                // router matrices: decayed, small, AdamW
	Gain                  // RMSNorm weights: not decayed
)

// Param names one parameter tensor inside the flat weight vector.
type Param struct {
	Name   string // GGUF tensor name
	Kind   Kind
	Shape  []int // row-major, slowest first
	Offset int   // of the first element in the flat vector
	Len    int   // elements
}

// layout places all parameters of a Config in one flat vector, so that the
// optimizer, the clipping and the checkpoint need no knowledge of layers.
type layout struct {
	params []Param
	size   int
	embed  int
	output int // equals embed when tied
	norm   int
	layers []layerOffsets
}

type layerOffsets struct {
	attnNorm, q, k, v, o, ffnNorm, router, gate, up, down int // no gate unless Config.Gated
}

func newLayout(c Config) *layout {
	l := &layout{}
	add := func(name string, kind Kind, shape ...int) int {
		n := 1
		for _, s := range shape {
			n *= s
		}
		off := l.size
		l.params = append(l.params, Param{Name: name, Kind: kind, Shape: shape, Offset: off, Len: n})
		l.size += n
		return off
	}
	qd, kvd := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	l.embed = add("token_embd.weight", Embedding, c.Vocab, c.Dim)
	for i := range c.Layers {
		name := func(s string) string { return fmt.Sprintf("blk.%d.%s.weight", i, s) }
		var o layerOffsets
		o.attnNorm = add(name("attn_norm"), Gain, c.Dim)
		o.q = add(name("attn_q"), Matrix, qd, c.Dim)
		o.k = add(name("attn_k"), Matrix, kvd, c.Dim)
		o.v = add(name("attn_v"), Matrix, kvd, c.Dim)
		o.o = add(name("attn_output"), Matrix, c.Dim, qd)
		o.ffnNorm = add(name("ffn_norm"), Gain, c.Dim)
		if c.Dense() {
			if c.Gated() {
				o.gate = add(name("ffn_gate"), Matrix, c.Hidden, c.Dim)
			}
			o.up = add(name("ffn_up"), Matrix, c.Hidden, c.Dim)
			o.down = add(name("ffn_down"), Matrix, c.Dim, c.Hidden)
		} else {
			o.router = add(name("ffn_gate_inp"), Router, c.Experts, c.Dim)
			if c.Gated() {
				o.gate = add(name("ffn_gate_exps"), Matrix, c.Experts, c.Hidden, c.Dim)
			}
			o.up = add(name("ffn_up_exps"), Matrix, c.Experts, c.Hidden, c.Dim)
			o.down = add(name("ffn_down_exps"), Matrix, c.Experts, c.Dim, c.Hidden)
		}
		l.layers = append(l.layers, o)
	}
	l.norm = add("output_norm.weight", Gain, c.Dim)
	l.output = l.embed
	if !c.Tied {
		l.output = add("output.weight", Embedding, c.Vocab, c.Dim)
	}
	return l
}

// Params lists the parameter tensors of c in the order of the flat vector.
func Params(c Config) []Param { return newLayout(c).params }

// Init fills w, of the length that Config.Parameters gives, with fresh weights:
// normal with deviation 0.02 for the token tables, 1/sqrt(fan-in) for hidden
// matrices, the two that write to the residual stream scaled down by
// sqrt(2·layers) (Radford et al. 2019, GPT-2, section 2.3), ones for the gains.
func Init(c Config, w []float32, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x6d6f65))
	for _, p := range newLayout(c).params {
		x := w[p.Offset : p.Offset+p.Len]
		fanIn := float64(p.Shape[len(p.Shape)-1])
		sigma := 1 / math.Sqrt(fanIn)
		switch p.Kind {
		case Gain:
			for i := range x {
				x[i] = 1
			}
			continue
		case Embedding:
			sigma = 0.02
		case Router:
			sigma = 0.02
		case Matrix:
			if isResidual(p.Name) {
				sigma /= math.Sqrt(2 * float64(c.Layers))
			}
		}
		for i := range x {
			x[i] = float32(sigma * rng.NormFloat64())
		}
	}
}

func isResidual(name string) bool {
	var layer int
	var rest string
	if n, _ := fmt.Sscanf(name, "blk.%d.%s", &layer, &rest); n != 2 {
		return false
	}
	return rest == "attn_output.weight" || rest == "ffn_down.weight" || rest == "ffn_down_exps.weight"
}
