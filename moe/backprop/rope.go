package backprop

import (
	"math"

	"moebot/moe/kernel"
)

// ropeTable holds cos, sin and −sin of position·base^(−2i/hd) for pair i, [context, hd/2] each.
type ropeTable struct {
	half           int
	cos, sin, back []float32
}

func newRopeTable(context, headDim int, base float64) ropeTable {
	half := headDim / 2
	t := ropeTable{half: half, cos: make([]float32, context*half), sin: make([]float32, context*half), back: make([]float32, context*half)}
	for p := range context {
		for i := range half {
			angle := float64(p) * math.Pow(base, -2*float64(i)/float64(headDim))
			s, c := math.Sincos(angle)
			t.cos[p*half+i], t.sin[p*half+i], t.back[p*half+i] = float32(c), float32(s), float32(-s)
		}
	}
	return t
}

// rotate turns each pair (x[2i], x[2i+1]) of every head by its angle at the token's
// position in the row, or back, which is the backward pass, a rotation being its own
// inverse transposed. x is [rows·length, heads·hd].
func (n *Network) rotate(x []float32, heads, length int, back bool) {
	t, width := n.rope, heads*n.Config.HeadDim
	sin := t.sin
	if back {
		sin = t.back
	}
	n.rows(len(x)/width, func(lo, hi int) {
		for tok := lo; tok < hi; tok++ {
			at := tok % length * t.half
			kernel.RoPE(x[tok*width:(tok+1)*width], t.cos[at:at+t.half], sin[at:at+t.half])
		}
	})
}
