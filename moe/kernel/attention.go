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

// Scores writes the attention logits of one query over keys which lie ldk apart:
// dst[j] = scale · Σ q[l]·k[j·ldk+l], l in [0,len(q)), for each j of dst. It panics
// if k is too short.
func Scores(dst, q, k []float32, ldk int, scale float32) {
	if len(dst) == 0 || len(q) == 0 {
		clear(dst)
		return
	}
	checkMatrix("Scores: k", len(dst), len(q), len(k), ldk)
	scores(dst, q, k, ldk)
	Scale(scale, dst)
}

// WeightedSum adds up the values seen by one query, rows of v which lie ldv apart:
// dst[j] = Σ p[i]·v[i·ldv+j], i in [0,len(p)). With no p, dst becomes 0. It panics
// if v is too short.
func WeightedSum(dst, p, v []float32, ldv int) {
	if len(p) == 0 || len(dst) == 0 {
		clear(dst)
		return
	}
	checkMatrix("WeightedSum: v", len(p), len(dst), len(v), ldv)
	weightedSum(dst, p, v, ldv)
}

func ropeGo(x, cos, sin []float32) {
	for i, c := range cos {
		a, b, s := x[2*i], x[2*i+1], sin[i]
		x[2*i] = a*c - b*s
		x[2*i+1] = b*c + a*s
	}
}

func scoresGo(dst, q, k []float32, ldk int) {
	for j := range dst {
		dst[j] = dotGo(q, k[j*ldk:j*ldk+len(q)])
	}
}

func weightedSumGo(dst, p, v []float32, ldv int) {
	clear(dst)
	for i, w := range p {
		axpyGo(w, v[i*ldv:i*ldv+len(dst)], dst)
	}
}
