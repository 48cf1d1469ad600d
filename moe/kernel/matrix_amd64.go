//go:build !purego

package kernel

import (
	"unsafe"

	"moebot/moe/tensor"
)

// dotRows is MatMulRows with the widest registers there are.
func dotRows(s *gemmScratch, y []float32, ldy int, w view, r0, r1 int, x []float32, ldx, tokens int) {
	group := max(lanes(), w.blockLen)
	even := w.cols / group * group
	if !useAVX2 || even == 0 {
		dotRowsGo(s, y, ldy, w, r0, r1, x, ldx, tokens)
		return
	}
	p := product{s: s, y: y, ldy: ldy, w: w, r0: r0, r1: r1, x: x, ldx: ldx, n: even}
	k := typeKernels(w.typ)
	switch {
	case tokens == 1 && k.one != nil:
		p.fused(k.one, 1)
	case tokens == 2 && k.two != nil:
		p.fused(k.two, 2)
	default:
		for t := 0; t < tokens; t += p.strip() {
			p.widened(t, min(tokens, t+p.strip()))
		}
	}
	if even < w.cols {
		addTail(y, ldy, w, r0, r1, x, ldx, tokens, even)
	}
}

// lanes is the number of float32 numbers in a register.
func lanes() int {
	if useAVX512 {
		return 16
	}
	return 8
}

// product is a MatMulRows over the first n columns.
type product struct {
	s      *gemmScratch
	y      []float32
	ldy    int
	w      view
	r0, r1 int
	x      []float32
	ldx    int
	n      int
}

// band is what a kernel takes together: 4 rows, the last of them maybe for the second
// time with the same result; or, of fewer than 4 in all, one row, four times over.
type band struct{ row, rows, stride int }

func (p *product) band(r, stride int) band {
	if p.r1-p.r0 < 4 {
		return band{r, 1, 0}
	}
	return band{min(r, p.r1-4), 4, stride}
}

// maxTokens is the largest number of vectors that a kernel takes, as the registers
// allow.
const maxTokens = 6

// stripBytes is how much of the activations passes by each band of weights: it should
// stay in the second cache, of 256 KiB or more.
const stripBytes = 192 << 10

// strip is the number of tokens of a strip: whole tiles of either width.
func (p *product) strip() int {
	return max(1, stripBytes/(4*p.n)/maxTokens) * maxTokens
}

// fused multiplies the rows where they lie with one or two tokens.
func (p *product) fused(f dotsFunc, tokens int) {
	most := bandsOf(p.n)
	for r := p.r0; r < p.r1; {
		b := p.band(r, p.w.stride)
		bands := max(1, min(most, (p.r1-b.row)/4))
		p.call(f, b, &p.w.data[b.row*p.w.stride], 0, tokens, bands)
		r = b.row + b.rows*bands
	}
}

// bandsOf is how many bands of rows of n elements one call into assembly takes.
func bandsOf(n int) int { return max(1, asmChunk/n) }

// widened multiplies with tokens [t0,t1), each band of rows converted before.
func (p *product) widened(t0, t1 int) {
	// rows a cache line more apart than they are long, or those of some lengths would
	// crowd the same few places of the first cache
	apart := p.n + 16
	p.s.row = grow(p.s.row, 4*apart)
	row := p.s.row[:4*apart]
	step := 3
	if useAVX512 {
		step = 6
	}
	for r := p.r0; r < p.r1; {
		var b band
		var data *byte
		if p.w.typ == tensor.F32 {
			b = p.band(r, p.w.stride)
			data = &p.w.data[b.row*p.w.stride]
		} else {
			b = p.band(r, 4*apart)
			for i := range b.rows {
				widen(row[i*apart:i*apart+p.n], &p.w, p.w.part(b.row+i, 0, p.n))
			}
			data = (*byte)(unsafe.Pointer(&row[0]))
		}
		for t := t0; t < t1; t += step {
			k := min(step, t1-t)
			p.call(floatDots(k), b, data, t, k, 1)
		}
		r = b.row + b.rows
	}
}

// call puts the products of some bands, the first of which is b, with count tokens from t
// on into y.
func (p *product) call(f dotsFunc, b band, data *byte, t, count, bands int) {
	if b.rows == 4 {
		f(&p.y[t*p.ldy+b.row], p.ldy, data, b.stride, &p.x[t*p.ldx], p.ldx, p.n, bands)
		return
	}
	aside := &p.s.edge
	f(&aside[0], 4, data, 0, &p.x[t*p.ldx], p.ldx, p.n, 1)
	for i := range count {
		p.y[(t+i)*p.ldy+b.row] = aside[4*i]
	}
}

// floatDots is the kernel for rows of float32 and up to 6 tokens, 3 without AVX-512.
func floatDots(tokens int) dotsFunc {
	if useAVX512 {
		return [maxTokens]dotsFunc{dotsF32x1AVX512, dotsF32x2AVX512, dotsF32x3AVX512, dotsF32x4AVX512, dotsF32x5AVX512, dotsF32x6AVX512}[tokens-1]
	}
	return [3]dotsFunc{dotsF32x1AVX2, dotsF32x2AVX2, dotsF32x3AVX2}[tokens-1]
}

// addTail adds the products of the columns from l on, which are fewer than a group.
func addTail(y []float32, ldy int, w view, r0, r1 int, x []float32, ldx, tokens, l int) {
	var tail [16]float32
	n := w.cols - l
	for r := r0; r < r1; r++ {
		tensor.Dequantize(tail[:n], w.typ, w.part(r, l, n))
		for t := range tokens {
			y[t*ldy+r] += dotGo(tail[:n], x[t*ldx+l:t*ldx+w.cols])
		}
	}
}

// widen writes weights of w, whose bytes are src, as float32. The length of dst is a
// multiple of lanes and of the type's block.
func widen(dst []float32, w *view, src []byte) {
	f := typeKernels(w.typ).widen
	if f == nil {
		tensor.Dequantize(dst, w.typ, src)
		return
	}
	_ = src[w.bytes(len(dst))-1]
	f(&dst[0], &src[0], len(dst))
}
