package kernel

import (
	"fmt"

	"moebot/moe/tensor"
)

// Rows are vectors of one type that lie Stride bytes apart, such as the keys of one
// head in a cache. The type is F32, F16 or Q8_0, whose blocks a vector fills.
type Rows struct {
	Type   tensor.Type
	Data   []byte
	Stride int
}

// check panics unless there are n vectors of d elements.
func (r Rows) check(what string, n, d int) {
	switch r.Type {
	case tensor.F32, tensor.F16, tensor.Q8_0:
	default:
		panic(fmt.Sprintf("kernel: %s of %v", what, r.Type))
	}
	if d%r.Type.BlockLen() != 0 || n > 0 && (r.Stride < r.Type.Bytes(d) || len(r.Data) < (n-1)*r.Stride+r.Type.Bytes(d)) {
		panic(fmt.Sprintf("kernel: %s: %d vectors of %d × %v, %d bytes apart, in %d bytes", what, n, d, r.Type, r.Stride, len(r.Data)))
	}
}

// Scores writes the attention logits of some heads' queries over the first n keys,
// which the heads share:
//
//	dst[h·ldd+j] = scale · Σ q[h·ldq+l]·k[j,l], l in [0,d), h in [0,heads), j in [0,n)
//
// A key is read once for several heads. An element comes out the same, bit for bit,
// whatever n and heads are. It panics if something is too short.
func Scores(dst []float32, ldd int, q []float32, ldq, heads, d int, k Rows, n int, scale float32) {
	if heads == 0 || n == 0 {
		return
	}
	checkMatrix("Scores: dst", heads, n, len(dst), ldd)
	checkMatrix("Scores: q", heads, d, len(q), ldq)
	k.check("Scores", n, d)
	scores(k, dst, ldd, q, ldq, heads, d, n)
	for h := range heads {
		Scale(scale, dst[h*ldd:h*ldd+n])
	}
}

// WeightedSum adds up the first n values seen by some heads, which share them:
//
//	dst[h·ldd+j] = Σ p[h·ldp+i]·v[i,j], i in [0,n), h in [0,heads), j in [0,d)
//
// With no values, dst becomes 0. A value is read once for several heads. An element
// comes out the same, bit for bit, whatever heads is. It panics if something is too
// short.
func WeightedSum(dst []float32, ldd, heads, d int, p []float32, ldp int, v Rows, n int) {
	if heads == 0 || d == 0 {
		return
	}
	checkMatrix("WeightedSum: dst", heads, d, len(dst), ldd)
	checkMatrix("WeightedSum: p", heads, n, len(p), ldp)
	v.check("WeightedSum", n, d)
	for h := range heads {
		clear(dst[h*ldd : h*ldd+d])
	}
	if n > 0 {
		weightedSum(v, dst, ldd, heads, d, p, ldp, n)
	}
}

// Narrow writes x as numbers of type t, as tensor.Quantize does.
func Narrow(t tensor.Type, dst []byte, x []float32) {
	if len(dst) < t.Bytes(len(x)) {
		panic(fmt.Sprintf("kernel: Narrow: %d elements of %v into %d bytes", len(x), t, len(dst)))
	}
	narrow(t, dst[:t.Bytes(len(x))], x)
}

// widest is the most elements of a vector that the portable code takes at a time.
const widest = 64

func scoresGo(r Rows, dst []float32, ldd int, q []float32, ldq, heads, d, n int) {
	var wide [widest]float32
	for j := range n {
		for h := range heads {
			dst[h*ldd+j] = 0
		}
		for l := 0; l < d; l += widest {
			m := min(widest, d-l)
			tensor.Dequantize(wide[:m], r.Type, r.part(j, l, m))
			for h := range heads {
				dst[h*ldd+j] += dotGo(wide[:m], q[h*ldq+l:h*ldq+l+m])
			}
		}
	}
}

func weightedSumGo(r Rows, dst []float32, ldd, heads, d int, p []float32, ldp, n int) {
	var wide [widest]float32
	for i := range n {
		for l := 0; l < d; l += widest {
			m := min(widest, d-l)
			tensor.Dequantize(wide[:m], r.Type, r.part(i, l, m))
			for h := range heads {
				axpyGo(p[h*ldp+i], wide[:m], dst[h*ldd+l:h*ldd+l+m])
			}
		}
	}
}

// part is m elements of vector i from l on; both are multiples of the block length.
func (r Rows) part(i, l, m int) []byte {
	from := i*r.Stride + r.Type.Bytes(l)
	return r.Data[from : from+r.Type.Bytes(m)]
}
