package backprop

import "math"

// ropeTable holds cos and sin of position·base^(−2i/hd) for pair i, [context, hd/2] each.
type ropeTable struct {
	half     int
	cos, sin []float32
}

func newRopeTable(context, headDim int, base float64) ropeTable {
	half := headDim / 2
	t := ropeTable{half: half, cos: make([]float32, context*half), sin: make([]float32, context*half)}
	for p := range context {
		for i := range half {
			angle := float64(p) * math.Pow(base, -2*float64(i)/float64(headDim))
			s, c := math.Sincos(angle)
			t.cos[p*half+i], t.sin[p*half+i] = float32(c), float32(s)
		}
	}
	return t
}

// rotate turns each pair (x[2i], x[2i+1]) of every head by its angle at the token's
// position in the row; sign −1 turns back, which is the backward pass, a rotation
// being its own inverse transposed. x is [rows·length, heads·hd].
func (n *Network) rotate(x []float32, heads, length int, sign float32) {
	t, hd := n.rope, n.Config.HeadDim
	width := heads * hd
	n.rows(len(x)/width, func(lo, hi int) {
		for tok := lo; tok < hi; tok++ {
			p := tok % length
			cos, sin := t.cos[p*t.half:(p+1)*t.half], t.sin[p*t.half:(p+1)*t.half]
			row := x[tok*width : (tok+1)*width]
			for h := 0; h < width; h += hd {
				head := row[h : h+hd]
				for i := range t.half {
					c, s := cos[i], sign*sin[i]
					a, b := head[2*i], head[2*i+1]
					head[2*i], head[2*i+1] = a*c-b*s, a*s+b*c
				}
			}
		}
	})
}
