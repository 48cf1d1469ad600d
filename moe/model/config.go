package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

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

// Config is the shape of a network. Sizes are counts of elements.
type Config struct {
	Name     string // general.name, may be empty
	Vocab    int    // V, rows of the token embedding
	Dim      int    // D, width of the residual stream
	Layers   int
	Heads    int // query heads
	KVHeads  int // key and value heads, a divisor of Heads
	HeadDim  int
	RopeDims int // leading elements of each head that RoPE turns
	Hidden   int // F, width of one expert or of the dense FFN
	Experts  int // E, 0 for a dense FFN
	TopK     int // experts per token
	Context  int // tokens the model was made for

	RopeBase  float64
	RopeScale float64 // positions are divided by it (linear scaling), 1 for none
	NormEps   float64
}

// UnsupportedError is a model that this package does not implement.
type UnsupportedError struct{ What string }

func (e *UnsupportedError) Error() string { return "model: " + e.What }

// limits of what a file may ask for, far above any model of these kinds.
const (
	maxDim    = 1 << 17
	maxLayers = 1 << 10
)

// readConfig takes the shape from the metadata and the embedding; all faults are
// in one error.
func readConfig(src Source) (Config, error) {
	arch, ok, err := src.String("general.architecture")
	if err != nil {
		return Config{}, err
	}
	if !ok {
		return Config{}, errors.New("model: the file names no architecture (general.architecture)")
	}
	if arch != "llama" {
		return Config{}, &UnsupportedError{fmt.Sprintf("architecture %q is not supported, only \"llama\" (Llama and Mixtral)", arch)}
	}
	r := &metaReader{src: src, arch: arch}
	var c Config
	c.Name, _, err = src.String("general.name")
	r.note(err)
	c.Dim = r.size("embedding_length", 0, maxDim)
	c.Layers = r.size("block_count", 0, maxLayers)
	c.Heads = r.size("attention.head_count", 0, maxDim)
	c.KVHeads = r.size("attention.head_count_kv", c.Heads, maxDim)
	c.Context = r.size("context_length", 0, 1<<24)
	c.Hidden = r.size("feed_forward_length", 0, 1<<20)
	c.Experts = r.size("expert_count", -1, 1<<12)
	if c.Experts > 0 {
		c.TopK = r.size("expert_used_count", 0, 1<<12)
		c.Hidden = r.size("expert_feed_forward_length", c.Hidden, 1<<20)
	} else {
		c.Experts = 0
	}
	if c.Heads > 0 && c.Dim > 0 {
		c.HeadDim = r.size("attention.key_length", max(1, c.Dim/c.Heads), maxDim)
		if v := r.size("attention.value_length", c.HeadDim, maxDim); v != c.HeadDim {
			r.fail("attention.value_length (%d) differs from the key length (%d), which is not supported", v, c.HeadDim)
		}
		c.RopeDims = r.size("rope.dimension_count", c.HeadDim, maxDim)
	}
	c.NormEps = r.real("attention.layer_norm_rms_epsilon", math.NaN(), 0, 1)
	c.RopeBase = r.real("rope.freq_base", 10000, 1, 1e12)
	c.RopeScale = r.ropeScale()
	c.check(r)
	r.refuse()
	return c, r.err()
}

func (c Config) check(r *metaReader) {
	if c.KVHeads > 0 && c.Heads%c.KVHeads != 0 {
		r.fail("%d query heads are no multiple of %d key heads", c.Heads, c.KVHeads)
	}
	if c.RopeDims%2 != 0 || c.RopeDims > c.HeadDim {
		r.fail("rope.dimension_count is %d, want an even number up to the head's %d", c.RopeDims, c.HeadDim)
	}
	if c.TopK > c.Experts {
		r.fail("expert_used_count (%d) is larger than expert_count (%d)", c.TopK, c.Experts)
	}
}

// metaReader collects what is wrong with the metadata.
type metaReader struct {
	src  Source
	arch string
	errs []error
}

func (r *metaReader) note(err error) {
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

func (r *metaReader) fail(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

func (r *metaReader) err() error {
	if len(r.errs) == 0 {
		return nil
	}
	return fmt.Errorf("model metadata: %w", errors.Join(r.errs...))
}

// size reads a count from 1 to limit. Without the key it is def; def 0 makes the
// key required, def -1 stands for "absent" and also lets 0 be written.
func (r *metaReader) size(key string, def, limit int) int {
	key = r.arch + "." + key
	v, ok, err := r.src.Uint(key)
	switch {
	case err != nil:
		r.note(err)
	case !ok && def == 0:
		r.fail("%s is missing", key)
	case !ok:
		return def
	case v == 0 && def == -1:
		return -1
	case v == 0 || v > uint64(limit):
		r.fail("%s is %d, want 1 to %d", key, v, limit)
	default:
		return int(v)
	}
	return 0
}

// real reads a number in (lo, hi]; def NaN makes the key required.
func (r *metaReader) real(key string, def, lo, hi float64) float64 {
	key = r.arch + "." + key
	v, ok, err := r.src.Float(key)
	switch {
	case err != nil:
		r.note(err)
	case !ok && math.IsNaN(def):
		r.fail("%s is missing", key)
	case !ok:
		return def
	case !(v > lo && v <= hi):
		r.fail("%s is %g, want more than %g and at most %g", key, v, lo, hi)
	default:
		return v
	}
	return 1
}

// ropeScale honours linear scaling, under its two names, and refuses the others.
func (r *metaReader) ropeScale() float64 {
	kind, _, err := r.src.String(r.arch + ".rope.scaling.type")
	r.note(err)
	switch kind {
	case "", "none", "linear":
	default:
		r.fail("RoPE scaling %q is not supported, only \"linear\"", kind)
		return 1
	}
	if f := r.real("rope.scaling.attn_factor", 1, 0, math.MaxFloat64); f != 1 {
		r.fail("%s.rope.scaling.attn_factor is %g, only 1 is supported", r.arch, f)
	}
	if kind == "none" {
		return 1
	}
	return r.real("rope.scaling.factor", r.real("rope.scale_linear", 1, 0, 1e6), 0, 1e6)
}

// ignored are metadata keys under the architecture's name that change nothing here.
var ignored = []string{"vocab_size", "embedding_length_out", "rope.scaling.original_context_length", "rope.scaling.finetuned", "tensor_data_layout"}

// refuse names every key of the architecture that would change the computation
// and is not read above: to skip one would give a wrong answer without a word.
func (r *metaReader) refuse() {
	known := map[string]bool{}
	for _, k := range append(ignored, "embedding_length", "block_count", "attention.head_count", "attention.head_count_kv", "context_length",
		"feed_forward_length", "expert_count", "expert_used_count", "expert_feed_forward_length", "attention.key_length", "attention.value_length",
		"rope.dimension_count", "attention.layer_norm_rms_epsilon", "rope.freq_base", "rope.scaling.type", "rope.scaling.factor", "rope.scaling.attn_factor", "rope.scale_linear") {
		known[k] = true
	}
	var unknown []string
	for _, k := range r.src.Keys() {
		if rest, ok := strings.CutPrefix(k, r.arch+"."); ok && !known[rest] {
			unknown = append(unknown, k)
		}
	}
	slices.Sort(unknown)
	if len(unknown) > 0 {
		r.fail("not supported: %q", unknown)
	}
}
