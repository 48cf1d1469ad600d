package model

import (
	"errors"
	"fmt"
	"math"

	"moebot/moe/kvcache"
	"moebot/moe/tensor"
)

// Source is where a model comes from.
type Source interface {
	Tensor(name string) (tensor.Tensor, bool)
	Names() []string
	Keys() []string
	// The getters return ok = false for a missing key and an error for another type.
	Uint(key string) (v uint64, ok bool, err error)
	Float(key string) (v float64, ok bool, err error)
	Bool(key string) (v, ok bool, err error)
	String(key string) (v string, ok bool, err error)
	Strings(key string) (v []string, ok bool, err error)
	Ints(key string) (v []int64, ok bool, err error)
	Floats(key string) (v []float64, ok bool, err error)
}

// Config is the shape of a network and what its family does in its own way. Sizes
// are counts of elements. Of the options, the zero value is what Llama does, and
// each multiplier is 1 where nothing is multiplied.
type Config struct {
	Architecture string // general.architecture
	Name         string // general.name, may be empty
	Vocab        int    // V, rows of the token embedding
	Dim          int    // D, width of the residual stream
	Layers       int
	Heads        int // query heads
	KVHeads      int // key and value heads, a divisor of Heads
	HeadDim      int // width of a query and of a key
	ValueDim     int // width of a value
	RopeDims     int // elements of each head that RoPE turns: the leading ones, or the last ones of latent attention; 0 for none
	Hidden       int // F, width of one expert or of the dense FFN
	Experts      int // E, 0 for a dense FFN
	TopK         int // experts per token
	DenseLayers  int // leading layers with a dense FFN in a model with experts
	DenseHidden  int // its width
	SharedHidden int // width of the expert that sees every token beside the chosen ones, 0 for none
	Context      int // tokens the model was made for
	NormEps      float64

	QKNorm         QKNorm
	AttentionScale float64 // attention scores are multiplied by it
	Window         int     // tokens that a windowed layer sees, its own position included; 0 for all
	WindowPeriod   int     // the last of each so many layers has no window
	Temperature    Temperature
	Latent         Latent // multi-head latent attention; zero for none

	RopeHalves bool    // pairs are i and i+RopeDims/2 of a head, not neighbours
	RopeBase   float64 // 1 / radians per position of the last pair, about
	RopeScale  float64 // positions are divided by it, 1 for none
	Yarn       bool    // only the slow pairs are divided (Peng et al. 2023, arXiv 2309.00071)
	RopeGain   float64 // cosine and sine are multiplied by it
	RopeTokens int     // context window before the scaling: YaRN's bounds, and where long factors begin

	Router     Router
	SharedGate bool    // the shared expert's output is weighted by a sigmoid of the hidden state
	Clamped    bool    // SwiGLU as gpt-oss has it, see clampedSwiGLU
	EmbedGain  float64 // multiplies the embedding
	ResidGain  float64 // multiplies what each half of a layer adds to the residual stream
	LogitGain  float64 // multiplies the logits

	biases   biases
	foretold int // layers behind the last that foretell further tokens, not used
}

// QKNorm is what is normalised of queries and keys before RoPE.
type QKNorm uint8

const (
	NoQKNorm    QKNorm = iota
	HeadQKNorm         // each head by itself
	WholeQKNorm        // all heads of a token together
)

// Router is how experts are chosen and weighted.
type Router struct {
	Sigmoid    bool // each expert's weight is a sigmoid of its router logit, not a softmax over all
	Normalise  bool // the weights of the chosen ones are scaled to sum to 1
	Gain       float64
	Groups     int // experts come in so many groups, and
	GroupsUsed int // only from so many of them, the best, are experts chosen; 0 or 1 group for no limit
	correction bool
}

// Temperature makes queries larger at later positions: by 1 + Scale·ln(1 + ⌊position/Tokens⌋).
type Temperature struct {
	Scale  float64 // 0 for none
	Tokens int
}

// Latent is multi-head latent attention (DeepSeek-V2, 2024, arXiv 2405.04434): keys
// and values of all heads come from one vector of Rank elements a token, and that
// vector, with RopeDims elements that carry the position, is what the cache keeps.
// KVHeads is 1, HeadDim is Rank + RopeDims and ValueDim is Rank: the matrices that
// make a head's keys and values of it are applied to queries and outputs instead.
type Latent struct {
	Rank      int // 0 for none of this
	QueryRank int // width that queries pass through, 0 if they come straight from the hidden state
	Content   int // elements of a head's query that carry no position
	Value     int // elements of a head's output
}

// biases says which vectors are required beside the matrices; those of queries,
// keys, values, attention output and dense FFN are taken wherever a file has them.
type biases struct{ norms, heads, experts, output, sinks bool }

// NewCache returns an empty cache of the type for up to limit tokens of one sequence;
// CacheType tells which types will do. A limit above RopeTokens turns positions by the
// model's long RoPE factors, if it has any.
func (c Config) NewCache(t tensor.Type, limit int) *kvcache.Cache {
	if c.Latent.Rank > 0 {
		return kvcache.New(t, c.Layers, c.HeadDim, 0, limit) // values are a part of the keys
	}
	return kvcache.New(t, c.Layers, c.KVHeads*c.HeadDim, c.KVHeads*c.ValueDim, limit)
}

// CacheType is an error unless keys and values may be kept as t: F32, F16 or, with
// heads of whole blocks, Q8_0.
func (c Config) CacheType(t tensor.Type) error {
	switch {
	case t == tensor.F32 || t == tensor.F16:
		return nil
	case t != tensor.Q8_0:
		return fmt.Errorf("keys and values cannot be kept as %v, only as F32, F16 or Q8_0", t)
	case c.HeadDim%t.BlockLen() != 0 || c.ValueDim%t.BlockLen() != 0:
		return fmt.Errorf("keys of %d and values of %d elements are no whole blocks of %v", c.HeadDim, c.ValueDim, t)
	}
	return nil
}

// windowed reports whether the layer sees only Window tokens.
func (c *Config) windowed(layer int) bool {
	return c.Window > 0 && layer%c.WindowPeriod < c.WindowPeriod-1
}

// dense reports whether the layer has a dense FFN.
func (c *Config) dense(layer int) bool { return c.Experts == 0 || layer < c.DenseLayers }

// UnsupportedError is a model that this package does not implement.
type UnsupportedError struct{ What string }

func (e *UnsupportedError) Error() string { return "model: " + e.What }

// limits of what a file may ask for, far above any model of these kinds.
const (
	maxDim    = 1 << 17
	maxLayers = 1 << 10
	maxHidden = 1 << 20
)

// readConfig takes the shape from the metadata; all faults are in one error.
func readConfig(src Source) (Config, error) {
	arch, ok, err := src.String("general.architecture")
	if err != nil {
		return Config{}, err
	}
	if !ok {
		return Config{}, errors.New("model: the file names no architecture (general.architecture)")
	}
	r := &metaReader{src: src, arch: arch, read: map[string]bool{}}
	c := Config{Architecture: arch, EmbedGain: 1, ResidGain: 1, LogitGain: 1, Router: Router{Normalise: true, Gain: 1}}
	c.Name, _, err = src.String("general.name")
	r.note(err)
	if !r.family(&c) {
		return Config{}, &UnsupportedError{fmt.Sprintf("architecture %q is not supported, only %q", arch, architectures)}
	}
	c.check(r)
	r.harmless(&c)
	r.refuse()
	return c, r.err()
}

// check finds what is wrong between numbers that are right by themselves.
func (c *Config) check(r *metaReader) {
	if c.KVHeads > 0 && c.Heads%c.KVHeads != 0 {
		r.fail("%d query heads are no multiple of %d key heads", c.Heads, c.KVHeads)
	}
	if c.RopeDims%2 != 0 || c.RopeDims > c.HeadDim {
		r.fail("rope.dimension_count is %d, want an even number up to the head's %d", c.RopeDims, c.HeadDim)
	}
	if c.TopK > c.Experts {
		r.fail("expert_used_count (%d) is larger than expert_count (%d)", c.TopK, c.Experts)
	}
	if c.Hidden < 1 || c.DenseLayers > 0 && c.DenseHidden < 1 {
		r.fail("%s.feed_forward_length is missing", r.arch)
	}
	if g := c.Router; g.Groups > 1 {
		if c.Experts%g.Groups != 0 || c.Experts/g.Groups < 2 || g.GroupsUsed < 1 || g.GroupsUsed >= g.Groups {
			r.fail("%d of %d groups of %d experts cannot be used: want whole groups of two or more, and fewer used than there are", g.GroupsUsed, g.Groups, c.Experts)
		} else if c.TopK > g.GroupsUsed*(c.Experts/g.Groups) {
			r.fail("expert_used_count (%d) is larger than the %d groups used", c.TopK, g.GroupsUsed)
		}
	}
	if s := c.AttentionScale; !(s > 0) || math.IsInf(s, 0) {
		r.fail("attention scores are scaled by %g", s)
	}
}
