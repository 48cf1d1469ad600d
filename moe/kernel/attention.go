package kernel

import "fmt"

// RoPE rotates neighbouring pairs of each head in x by the angles of one position
// (Su et al. 2021, arXiv 2104.09864, equation 34). A head is 2·len(cos) elements
// and x holds any number of heads: with a = x[2i] and b = x[2i+1] of a head,
//
//	x[2i]   = a·cos[i] - b·sin[i]
//	x[2i+1] = b·cos[i] + a·sin[i]
//
// Swapping sign in sin rotates back, which is also the gradient. It panics if
// lengths do not fit.
func RoPE(x, cos, sin []float32) {
	sameLen("RoPE", len(cos), len(sin))
	if len(x) == 0 {
		return
	}
	d := 2 * len(cos)
	if d == 0 || len(x)%d != 0 {
		panic(fmt.Sprintf("kernel: RoPE: %d elements in heads of %d", len(x), d))
	}
	for i := 0; i < len(x); i += d {
		rope(x[i:i+d], cos, sin)
	}
}

func ropeGo(x, cos, sin []float32) {
	for i, c := range cos {
		a, b, s := x[2*i], x[2*i+1], sin[i]
		x[2*i] = a*c - b*s
		x[2*i+1] = b*c + a*s
	}
}
