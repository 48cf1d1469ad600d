package backprop

import (
	"errors"
	"fmt"
)

// Config fixes the shape of the network. All sizes are counts of elements.
type Config struct {
	Vocab   int `json:"vocab"`    // entries of the vocabulary, V
	Dim     int `json:"dim"`      // width of the residual stream, D
	Layers  int `json:"layers"`   // transformer blocks
	Heads   int `json:"heads"`    // query heads, H
	KVHeads int `json:"kv_heads"` // key and value heads; Heads must be a multiple
	HeadDim int `json:"head_dim"` // elements of one head, even (RoPE rotates pairs)
	Hidden  int `json:"hidden"`   // width of one expert's (or the dense FFN's) hidden layer, F
	Experts int `json:"experts"`  // experts per layer, E; 1 means a dense FFN without a router
	// TopK is the number of experts per token. With 1 of several the gate weight, which is
	// normalised over the chosen, is always 1, and the router learns nothing from the text:
	// its gradient is that of the Losses alone.
	TopK    int `json:"top_k"`
	Context int `json:"context"` // longest sequence trained on, tokens

	RopeBase float64 `json:"rope_base"` // RoPE frequency base
	NormEps  float64 `json:"norm_eps"`  // added to the mean square in RMSNorm
	Tied     bool    `json:"tied"`      // output matrix is the embedding matrix

	FFN FFN `json:"ffn,omitempty"` // inside of an expert; empty is SwiGLU
}

// FFN is the kind of an expert's (or of the dense FFN's) hidden layer.
type FFN string

const (
	SwiGLU FFN = "swiglu" // down·(silu(gate·x) ∘ up·x); what model files hold
	GELU   FFN = "gelu"   // down·gelu(up·x), for comparison (Hendrycks and Gimpel 2016, arXiv 1606.08415)
	ReLU   FFN = "relu"   // down·relu(up·x), for comparison
)

// Gated reports whether an expert has a gate projection.
func (c Config) Gated() bool { return c.FFN == "" || c.FFN == SwiGLU }

// Check reports every inconsistency of the shape in one error.
func (c Config) Check() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, f := range []struct {
		name string
		n    int
	}{
		{"vocab", c.Vocab}, {"dim", c.Dim}, {"layers", c.Layers}, {"heads", c.Heads}, {"kv_heads", c.KVHeads},
		{"head_dim", c.HeadDim}, {"hidden", c.Hidden}, {"experts", c.Experts}, {"top_k", c.TopK}, {"context", c.Context},
	} {
		if f.n < 1 || f.n > 1<<24 {
			fail("%s is %d, want 1 to %d", f.name, f.n, 1<<24)
		}
	}
	if c.KVHeads > 0 && c.Heads%c.KVHeads != 0 {
		fail("heads (%d) is not a multiple of kv_heads (%d)", c.Heads, c.KVHeads)
	}
	if c.HeadDim%2 != 0 {
		fail("head_dim is %d, want an even number", c.HeadDim)
	}
	if c.TopK > c.Experts {
		fail("top_k (%d) is larger than experts (%d)", c.TopK, c.Experts)
	}
	switch c.FFN {
	case "", SwiGLU, GELU, ReLU:
	default:
		fail("ffn is %q, want %q, %q or %q", c.FFN, SwiGLU, GELU, ReLU)
	}
	if !(c.RopeBase > 0) || !(c.NormEps > 0) {
		fail("rope_base (%g) and norm_eps (%g) must be positive", c.RopeBase, c.NormEps)
	}
	if len(errs) > 0 {
		return fmt.Errorf("model config: %w", errors.Join(errs...))
	}
	return nil
}

// Dense reports whether the FFN is a single one without a router.
func (c Config) Dense() bool { return c.Experts == 1 }

// Parameters returns the number of weights, and of those that one token uses.
func (c Config) Parameters() (total, active int) {
	l := newLayout(c)
	expert := 3 * c.Dim * c.Hidden
	if !c.Gated() {
		expert = 2 * c.Dim * c.Hidden
	}
	return l.size, l.size - c.Layers*(c.Experts-c.TopK)*expert
}

// FLOPsPerToken estimates forward and backward together: 6 per weight used
// in a matrix product, and the attention scores over half a context of tokens.
func (c Config) FLOPsPerToken(context int) float64 {
	_, active := c.Parameters()
	if !c.Tied {
		active -= c.Vocab * c.Dim
	}
	return 6*float64(active) + 6*float64(c.Layers*c.Heads*c.HeadDim*context)
}
