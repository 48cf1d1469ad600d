package backprop

// activations is the working memory of one micro-batch: what the forward pass
// keeps for the backward, and the gradients that flow between layers. It grows
// to the largest micro-batch seen and is reused.
type activations struct {
	tokens int
	layers []layerActivations
	last   []float32 // [N, D] output of the last block

	dx      []float32 // [N, D] gradient of the residual stream, updated in place layer by layer
	dbranch []float32 // [N, D] with dropout: gradient of a branch's output
	dnorm   []float32 // [N, D] gradient of a normalised input
	dq      []float32 // [N, H·hd]
	dk      []float32 // [N, KV·hd]
	dv      []float32 // [N, KV·hd]
	do      []float32 // [N, H·hd]

	// expert buffers in slot order: N·K rows sorted by expert
	dy  []float32 // [N·K, D]
	dxe []float32 // [N·K, D]
	dh  []float32 // [N·K, F]
	dg  []float32 // [N·K, F]
	du  []float32 // [N·K, F]

	logits []float32 // [headChunk, V]
	headX  []float32 // [headChunk, D]
	headDX []float32 // [headChunk, D]
	final  []float32 // [N, D] after the final norm
	rstd   []float32 // [N] of the final norm
	tiles  []float32 // attention scratch
}

// layerActivations are kept per layer.
type layerActivations struct {
	x       []float32 // [N, D] input of the block
	rstd1   []float32 // [N] 1/rms before attention
	xn      []float32 // [N, D] normalised
	q, k, v []float32 // [N, H·hd], [N, KV·hd] twice; q and k after RoPE
	o       []float32 // [N, H·hd] heads' outputs
	lse     []float32 // [N, H] log of the sum of exp(scores)
	x2      []float32 // [N, D] after attention
	rstd2   []float32 // [N]
	yn      []float32 // [N, D] normalised
	route   route
	xe      []float32 // [N·K, D] inputs in slot order
	g, u, h []float32 // [N·K, F] gate, up and silu(gate)·up; without a gate h is the activation of u
	y       []float32 // [N·K, D] experts' outputs
}

func fit(x *[]float32, n int) {
	if cap(*x) < n {
		*x = make([]float32, n)
	}
	*x = (*x)[:n]
}

func (a *activations) fit(c Config, rows, length int) {
	n := rows * length
	a.tokens = n
	qd, kvd, s := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim, n*c.TopK
	gated := s * c.Hidden
	if !c.Gated() {
		gated = 0
	}
	if a.layers == nil {
		a.layers = make([]layerActivations, c.Layers)
	}
	for i := range a.layers {
		l := &a.layers[i]
		for _, f := range []struct {
			x *[]float32
			n int
		}{
			{&l.x, n * c.Dim}, {&l.rstd1, n}, {&l.xn, n * c.Dim}, {&l.q, n * qd}, {&l.k, n * kvd}, {&l.v, n * kvd},
			{&l.o, n * qd}, {&l.lse, n * c.Heads}, {&l.x2, n * c.Dim}, {&l.rstd2, n}, {&l.yn, n * c.Dim},
			{&l.xe, s * c.Dim}, {&l.g, gated}, {&l.u, s * c.Hidden}, {&l.h, s * c.Hidden}, {&l.y, s * c.Dim},
		} {
			fit(f.x, f.n)
		}
		l.route.fit(c, n)
	}
	for _, f := range []struct {
		x *[]float32
		n int
	}{
		{&a.last, n * c.Dim}, {&a.dx, n * c.Dim}, {&a.dnorm, n * c.Dim}, {&a.dq, n * qd}, {&a.dk, n * kvd}, {&a.dv, n * kvd},
		{&a.do, n * qd}, {&a.dy, s * c.Dim}, {&a.dxe, s * c.Dim}, {&a.dh, s * c.Hidden}, {&a.dg, gated}, {&a.du, s * c.Hidden},
		{&a.logits, headChunk * c.Vocab}, {&a.headX, headChunk * c.Dim}, {&a.headDX, headChunk * c.Dim},
		{&a.final, n * c.Dim}, {&a.rstd, n}, {&a.tiles, rows * c.KVHeads * attentionScratch(length)},
	} {
		fit(f.x, f.n)
	}
}
