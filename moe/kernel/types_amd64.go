//go:build !purego

package kernel

import "moebot/moe/tensor"

// dotsFunc multiplies bands of 4 rows of weights with one or more vectors.
type dotsFunc func(y *float32, ldy int, w *byte, stride int, x *float32, ldx, n, bands int)

// kernels are the functions for one type and one width of registers.
type kernels struct {
	widen    func(dst *float32, w *byte, n int)
	one, two dotsFunc // for rows where they lie and 1 or 2 tokens
}

// typeKernels returns the functions for a type; those of F32, which needs none, and of types
// without assembly are nil.
func typeKernels(t tensor.Type) kernels {
	if useAVX512 {
		return kernelsAVX512(t)
	}
	return kernelsAVX2(t)
}

func kernelsAVX2(t tensor.Type) kernels {
	switch t {
	case tensor.F16:
		return kernels{widenF16AVX2, dotsF16x1AVX2, dotsF16x2AVX2}
	case tensor.BF16:
		return kernels{widenBF16AVX2, dotsBF16x1AVX2, dotsBF16x2AVX2}
	case tensor.Q8_0:
		return kernels{widenQ8AVX2, dotsQ8x1AVX2, dotsQ8x2AVX2}
	case tensor.Q4_0:
		return kernels{widenQ4AVX2, dotsQ4x1AVX2, dotsQ4x2AVX2}
	case tensor.Q4_1:
		return kernels{widenQ4x1AVX2, dotsQ4x1x1AVX2, dotsQ4x1x2AVX2}
	case tensor.Q5_0:
		return kernels{widenQ5AVX2, dotsQ5x1AVX2, dotsQ5x2AVX2}
	case tensor.Q5_1:
		return kernels{widenQ5x1AVX2, dotsQ5x1x1AVX2, dotsQ5x1x2AVX2}
	case tensor.IQ4_NL:
		return kernels{widenIQ4NLAVX2, dotsIQ4NLx1AVX2, dotsIQ4NLx2AVX2}
	case tensor.MXFP4:
		return kernels{widenMXFP4AVX2, dotsMXFP4x1AVX2, dotsMXFP4x2AVX2}
	case tensor.IQ4_XS:
		return kernels{widenIQ4XSAVX2, dotsIQ4XSx1AVX2, dotsIQ4XSx2AVX2}
	case tensor.Q2_K:
		return kernels{widenQ2KAVX2, dotsQ2Kx1AVX2, dotsQ2Kx2AVX2}
	case tensor.Q3_K:
		return kernels{widenQ3KAVX2, dotsQ3Kx1AVX2, dotsQ3Kx2AVX2}
	case tensor.Q4_K:
		return kernels{widenQ4KAVX2, dotsQ4Kx1AVX2, dotsQ4Kx2AVX2}
	case tensor.Q5_K:
		return kernels{widenQ5KAVX2, dotsQ5Kx1AVX2, dotsQ5Kx2AVX2}
	case tensor.Q6_K:
		return kernels{widenQ6KAVX2, dotsQ6Kx1AVX2, dotsQ6Kx2AVX2}
	}
	return kernels{}
}

func kernelsAVX512(t tensor.Type) kernels {
	switch t {
	case tensor.F16:
		return kernels{widenF16AVX512, dotsF16x1AVX512, dotsF16x2AVX512}
	case tensor.BF16:
		return kernels{widenBF16AVX512, dotsBF16x1AVX512, dotsBF16x2AVX512}
	case tensor.Q8_0:
		return kernels{widenQ8AVX512, dotsQ8x1AVX512, dotsQ8x2AVX512}
	case tensor.Q4_0:
		return kernels{widenQ4AVX512, dotsQ4x1AVX512, dotsQ4x2AVX512}
	case tensor.Q4_1:
		return kernels{widenQ4x1AVX512, dotsQ4x1x1AVX512, dotsQ4x1x2AVX512}
	case tensor.Q5_0:
		return kernels{widenQ5AVX512, dotsQ5x1AVX512, dotsQ5x2AVX512}
	case tensor.Q5_1:
		return kernels{widenQ5x1AVX512, dotsQ5x1x1AVX512, dotsQ5x1x2AVX512}
	case tensor.IQ4_NL:
		return kernels{widenIQ4NLAVX512, dotsIQ4NLx1AVX512, dotsIQ4NLx2AVX512}
	case tensor.MXFP4:
		return kernels{widenMXFP4AVX512, dotsMXFP4x1AVX512, dotsMXFP4x2AVX512}
	case tensor.IQ4_XS:
		return kernels{widenIQ4XSAVX512, dotsIQ4XSx1AVX512, dotsIQ4XSx2AVX512}
	case tensor.Q2_K:
		return kernels{widenQ2KAVX512, dotsQ2Kx1AVX512, dotsQ2Kx2AVX512}
	case tensor.Q3_K:
		return kernels{widenQ3KAVX512, dotsQ3Kx1AVX512, dotsQ3Kx2AVX512}
	case tensor.Q4_K:
		return kernels{widenQ4KAVX512, dotsQ4Kx1AVX512, dotsQ4Kx2AVX512}
	case tensor.Q5_K:
		return kernels{widenQ5KAVX512, dotsQ5Kx1AVX512, dotsQ5Kx2AVX512}
	case tensor.Q6_K:
		return kernels{widenQ6KAVX512, dotsQ6Kx1AVX512, dotsQ6Kx2AVX512}
	}
	return kernels{}
}
