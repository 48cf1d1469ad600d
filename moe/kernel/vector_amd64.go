//go:build !purego

package kernel

// asmChunk is the most elements one call into assembly handles: the scheduler
// cannot interrupt it, so it must not run for longer than some tens of microseconds.
const asmChunk = 1 << 14

func dot(x, y []float32) float32 {
	if !useAVX2 {
		return dotGo(x, y)
	}
	var s float32
	for len(x) > 0 {
		n := min(len(x), asmChunk)
		s += dotAVX2(&x[0], &y[0], n)
		x, y = x[n:], y[n:]
	}
	return s
}

func axpy(a float32, x, y []float32) {
	if !useAVX2 {
		axpyGo(a, x, y)
		return
	}
	for len(x) > 0 {
		n := min(len(x), asmChunk)
		axpyAVX2(a, &x[0], &y[0], n)
		x, y = x[n:], y[n:]
	}
}

func maximum(x []float32) float32 {
	if !useAVX2 {
		return maximumGo(x)
	}
	m := x[0]
	for len(x) > 0 {
		n := min(len(x), asmChunk)
		m = max(m, maxAVX2(&x[0], n))
		x = x[n:]
	}
	return m
}

func addScalar(a float32, x []float32) {
	if !useAVX2 {
		addScalarGo(a, x)
		return
	}
	for len(x) > 0 {
		n := min(len(x), asmChunk)
		addScalarAVX2(a, &x[0], n)
		x = x[n:]
	}
}

func expSum(x []float32, shift float32) float32 {
	if !useAVX2 {
		return expSumGo(x, shift)
	}
	var s float32
	for len(x) > 0 {
		n := min(len(x), asmChunk)
		s += expSumAVX2(&x[0], n, shift)
		x = x[n:]
	}
	return s
}

func scale(a float32, x []float32) {
	if !useAVX2 {
		scaleGo(a, x)
		return
	}
	for len(x) > 0 {
		n := min(len(x), asmChunk)
		scaleAVX2(a, &x[0], n)
		x = x[n:]
	}
}

func scaleMul(dst, x, weight []float32, a float32) {
	if !useAVX2 {
		scaleMulGo(dst, x, weight, a)
		return
	}
	for len(x) > 0 {
		n := min(len(x), asmChunk)
		scaleMulAVX2(&dst[0], &x[0], &weight[0], a, n)
		dst, x, weight = dst[n:], x[n:], weight[n:]
	}
}

func siluMul(dst, gate, up []float32) {
	if !useAVX2 {
		siluMulGo(dst, gate, up)
		return
	}
	for len(gate) > 0 {
		n := min(len(gate), asmChunk)
		siluMulAVX2(&dst[0], &gate[0], &up[0], n)
		dst, gate, up = dst[n:], gate[n:], up[n:]
	}
}

func siluMulBackward(dgate, dup, gate, up, dout []float32) {
	if !useAVX2 {
		siluMulBackwardGo(dgate, dup, gate, up, dout)
		return
	}
	for len(gate) > 0 {
		n := min(len(gate), asmChunk)
		siluMulBackwardAVX2(&dgate[0], &dup[0], &gate[0], &up[0], &dout[0], n)
		dgate, dup, gate, up, dout = dgate[n:], dup[n:], gate[n:], up[n:], dout[n:]
	}
}

func adamW(w, g, m, v []float32, c adamWCoefficients) {
	if !useAVX2 {
		adamWGo(w, g, m, v, c)
		return
	}
	for len(w) > 0 {
		n := min(len(w), asmChunk)
		adamWAVX2(&w[0], &g[0], &m[0], &v[0], n, c.gs, c.a1, c.a2, c.keep, c.step, c.root, c.eps)
		w, g, m, v = w[n:], g[n:], m[n:], v[n:]
	}
}
