//go:build !purego

package kernel

import "moebot/moe/tensor"

// scores has 4 keys multiplied at a time with as many heads as a kernel takes; the last
// keys may be done twice.
func scores(r Rows, dst []float32, ldd int, q []float32, ldq, heads, d, n int) {
	lanes := 8
	if useAVX512 && d%16 == 0 {
		lanes = 16
	}
	even := d / lanes * lanes
	if !useAVX2 || even == 0 {
		scoresGo(r, dst, ldd, q, ldq, heads, d, n)
		return
	}
	dots, most := scoreKernels(r.Type, lanes)
	bandsMost := bandsOf(even)
	for h := 0; h < heads; h += most {
		k := min(most, heads-h)
		f := dots[k-1]
		if n < 4 {
			s := gemmScratches.Get().(*gemmScratch)
			aside := &s.edge
			for j := range n {
				f(&aside[0], 4, &r.Data[j*r.Stride], 0, &q[h*ldq], ldq, even, 1)
				for i := range k {
					dst[(h+i)*ldd+j] = aside[4*i]
				}
			}
			gemmScratches.Put(s)
			continue
		}
		for j := 0; j < n; {
			j = min(j, n-4)
			bands := min(bandsMost, (n-j)/4)
			f(&dst[h*ldd+j], ldd, &r.Data[j*r.Stride], r.Stride, &q[h*ldq], ldq, even, bands)
			j += 4 * bands
		}
	}
	if even < d {
		var tail [16]float32
		for j := range n {
			tensor.Dequantize(tail[:d-even], r.Type, r.part(j, even, d-even))
			for h := range heads {
				dst[h*ldd+j] += dotGo(tail[:d-even], q[h*ldq+even:h*ldq+d])
			}
		}
	}
}

// scoreKernels are the kernels that multiply keys with 1, 2, ... most queries.
func scoreKernels(t tensor.Type, lanes int) (dots [maxTokens]dotsFunc, most int) {
	switch {
	case t == tensor.F32 && lanes == 16:
		return [maxTokens]dotsFunc{dotsF32x1AVX512, dotsF32x2AVX512, dotsF32x3AVX512, dotsF32x4AVX512}, 4
	case t == tensor.F32:
		return [maxTokens]dotsFunc{dotsF32x1AVX2, dotsF32x2AVX2, dotsF32x3AVX2}, 3
	case lanes == 16:
		k := kernelsAVX512(t)
		return [maxTokens]dotsFunc{k.one, k.two}, 2
	default:
		k := kernelsAVX2(t)
		return [maxTokens]dotsFunc{k.one, k.two}, 2
	}
}

// sumFunc adds rows of values to the sums of one or more heads.
type sumFunc func(dst *float32, ldd int, p *float32, ldp int, n int, v *byte, stride int)

// sumRows is the number of values that one call into assembly adds up at most.
const sumRows = asmChunk / 32

// weightedSum does 64 or 32 columns of up to 4 heads at a time; the last columns may be
// done twice, the second time from the start.
func weightedSum(r Rows, dst []float32, ldd, heads, d int, p []float32, ldp, n int) {
	if !useAVX2 || d < 32 {
		weightedSumGo(r, dst, ldd, heads, d, p, ldp, n)
		return
	}
	for h := 0; h < heads; {
		k := 1 // heads
		for k < 4 && h+2*k <= heads && sumKernel(r.Type, 32, 2*k) != nil {
			k *= 2
		}
		for l := 0; l < d; {
			cols := 64
			if d-l < 64 || sumKernel(r.Type, 64, k) == nil {
				cols = 32
			}
			if l+cols > d { // only of numbers: blocks have 32
				l = d - cols
				for i := range k {
					clear(dst[(h+i)*ldd+l : (h+i)*ldd+d])
				}
			}
			f, v := sumKernel(r.Type, cols, k), r.Data[r.Type.Bytes(l):]
			for i := 0; i < n; i += sumRows {
				f(&dst[h*ldd+l], ldd, &p[h*ldp+i], ldp, min(sumRows, n-i), &v[i*r.Stride], r.Stride)
			}
			l += cols
		}
		h += k
	}
}

// sumKernel is the kernel for so many columns and heads; nil if there is none.
func sumKernel(t tensor.Type, cols, heads int) sumFunc {
	i := heads / 2 // 1, 2, 4 → 0, 1, 2
	if cols == 64 {
		i += 3
	}
	switch {
	case useAVX512 && t == tensor.F32:
		return [6]sumFunc{weightedSumF32c32x1AVX512, weightedSumF32c32x2AVX512, weightedSumF32c32x4AVX512, weightedSumF32c64x1AVX512, weightedSumF32c64x2AVX512, weightedSumF32c64x4AVX512}[i]
	case useAVX512 && t == tensor.F16:
		return [6]sumFunc{weightedSumF16c32x1AVX512, weightedSumF16c32x2AVX512, weightedSumF16c32x4AVX512, weightedSumF16c64x1AVX512, weightedSumF16c64x2AVX512, weightedSumF16c64x4AVX512}[i]
	case useAVX512:
		return [6]sumFunc{weightedSumQ8c32x1AVX512, weightedSumQ8c32x2AVX512, weightedSumQ8c32x4AVX512, weightedSumQ8c64x1AVX512, weightedSumQ8c64x2AVX512, weightedSumQ8c64x4AVX512}[i]
	case t == tensor.F32:
		return [6]sumFunc{weightedSumF32c32x1AVX2, weightedSumF32c32x2AVX2, nil, weightedSumF32c64x1AVX2}[i]
	case t == tensor.F16:
		return [6]sumFunc{weightedSumF16c32x1AVX2, weightedSumF16c32x2AVX2, nil, weightedSumF16c64x1AVX2}[i]
	default:
		return [6]sumFunc{weightedSumQ8c32x1AVX2, weightedSumQ8c32x2AVX2, nil, weightedSumQ8c64x1AVX2}[i]
	}
}

func narrow(t tensor.Type, dst []byte, x []float32) {
	n := len(x) &^ 7
	if !useAVX2 || t != tensor.F16 || n == 0 {
		tensor.Quantize(dst, t, x)
		return
	}
	for i := 0; i < n; i += asmChunk {
		narrowF16AVX2(&dst[2*i], &x[i], min(asmChunk, n-i))
	}
	tensor.Quantize(dst[2*n:], t, x[n:])
}
