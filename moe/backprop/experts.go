package backprop

import "moebot/moe/kernel"

// ffnForward computes next = x2 + Σ over the chosen experts of gate·expert(norm(x2)),
// where expert(x) = Wdown·(silu(Wgate·x) ∘ Wup·x), or Wdown·activation(Wup·x) without a gate.
func (n *Network) ffnForward(layer int, o layerOffsets, l *layerActivations, next []float32, train bool) {
	c, t := n.Config, n.act.tokens
	d, f, k := c.Dim, c.Hidden, c.TopK
	n.normForward(l.yn, l.rstd2, l.x2, n.w(o.ffnNorm, d), t)
	n.routeForward(layer, o, l, train)
	r := &l.route
	n.rows(t*k, func(lo, hi int) {
		for s := lo; s < hi; s++ {
			tok := int(r.token[s])
			copy(l.xe[s*d:(s+1)*d], l.yn[tok*d:(tok+1)*d])
		}
	})
	n.experts(r, func(e, lo, hi int, p *kernel.Pool) {
		m := hi - lo
		x, u, h := l.xe[lo*d:hi*d], l.u[lo*f:hi*f], l.h[lo*f:hi*f]
		n.gemm(p, false, true, m, f, d, 1, x, d, n.w(o.up+e*f*d, f*d), d, 0, u, f)
		if c.Gated() {
			g := l.g[lo*f : hi*f]
			n.gemm(p, false, true, m, f, d, 1, x, d, n.w(o.gate+e*f*d, f*d), d, 0, g, f)
			inParts(p, m*f, func(lo, hi int) { kernel.SiLUMul(h[lo:hi], g[lo:hi], u[lo:hi]) })
		} else {
			inParts(p, m*f, func(lo, hi int) { activate(c.FFN, h[lo:hi], u[lo:hi]) })
		}
		n.gemm(p, false, true, m, d, f, 1, h, f, n.w(o.down+e*d*f, d*f), f, 0, l.y[lo*d:hi*d], d)
	})
	n.rows(t, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			out := next[i*d : (i+1)*d]
			if n.dropped(train) {
				clear(out)
			} else {
				copy(out, l.x2[i*d:(i+1)*d])
			}
			for j := range k {
				s := int(r.slot[i*k+j])
				kernel.Axpy(r.gate[i*k+j], l.y[s*d:(s+1)*d], out)
			}
		}
	})
	if n.dropped(train) {
		n.addBranch(2*layer+1, next, l.x2)
	}
}

// ffnBackward turns act.dx from the gradient of the block's output into that of x2.
func (n *Network) ffnBackward(layer int, o layerOffsets, l *layerActivations, loss Losses, share float64) {
	c, a, t := n.Config, n.act, n.act.tokens
	d, f, k := c.Dim, c.Hidden, c.TopK
	r := &l.route
	dbranch := n.branchGradient(2*layer + 1)
	n.rows(t*k, func(lo, hi int) {
		for s := lo; s < hi; s++ {
			tok, j := int(r.token[s]), int(r.choice[s])
			dout, dy := dbranch[tok*d:(tok+1)*d], a.dy[s*d:(s+1)*d]
			r.dgate[tok*k+j] = kernel.Dot(dout, l.y[s*d:(s+1)*d])
			copy(dy, dout)
			kernel.Scale(r.gate[tok*k+j], dy)
		}
	})
	n.experts(r, func(e, lo, hi int, p *kernel.Pool) {
		m := hi - lo
		x, u, h := l.xe[lo*d:hi*d], l.u[lo*f:hi*f], l.h[lo*f:hi*f]
		dy, dxe := a.dy[lo*d:hi*d], a.dxe[lo*d:hi*d]
		dh, du := a.dh[lo*f:hi*f], a.du[lo*f:hi*f]
		up, down := n.w(o.up+e*f*d, f*d), n.w(o.down+e*d*f, d*f)
		n.gemm(p, true, false, d, f, m, 1, dy, d, h, f, 1, n.g(o.down+e*d*f, d*f), f)
		n.gemm(p, false, false, m, f, d, 1, dy, d, down, f, 0, dh, f)
		var more float32 // what dxe holds already
		if c.Gated() {
			dg := a.dg[lo*f : hi*f]
			g := l.g[lo*f : hi*f]
			inParts(p, m*f, func(lo, hi int) {
				kernel.SiLUMulBackward(dg[lo:hi], du[lo:hi], g[lo:hi], u[lo:hi], dh[lo:hi])
			})
			n.gemm(p, true, false, f, d, m, 1, dg, f, x, d, 1, n.g(o.gate+e*f*d, f*d), d)
			n.gemm(p, false, false, m, d, f, 1, dg, f, n.w(o.gate+e*f*d, f*d), d, 0, dxe, d)
			more = 1
		} else {
			inParts(p, m*f, func(lo, hi int) { activateBackward(c.FFN, du[lo:hi], u[lo:hi], dh[lo:hi]) })
		}
		n.gemm(p, true, false, f, d, m, 1, du, f, x, d, 1, n.g(o.up+e*f*d, f*d), d)
		n.gemm(p, false, false, m, d, f, 1, du, f, up, d, more, dxe, d)
	})
	n.rows(t, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			dn := a.dnorm[i*d : (i+1)*d]
			for j := range k {
				s := int(r.slot[i*k+j])
				if j == 0 {
					copy(dn, a.dxe[s*d:(s+1)*d])
				} else {
					kernel.Axpy(1, a.dxe[s*d:(s+1)*d], dn)
				}
			}
		}
	})
	n.routeBackward(o, l, loss, share)
	n.normBackward(a.dx, n.g(o.ffnNorm, d), a.dnorm, l.x2, l.rstd2, n.w(o.ffnNorm, d), t)
}

// inParts runs f over [0,n) in parts, on the workers of a pool.
func inParts(p *kernel.Pool, n int, f func(lo, hi int)) {
	const part = 1 << 14
	p.Run((n+part-1)/part, func(i int) { f(i*part, min(n, (i+1)*part)) })
}

// experts calls f for every expert that has slots [lo, hi). Several experts run
// beside each other, each on one worker; a dense FFN gets the whole pool.
func (n *Network) experts(r *route, f func(e, lo, hi int, p *kernel.Pool)) {
	if n.Config.Dense() {
		f(0, r.offset[0], r.offset[1], n.pool)
		return
	}
	n.pool.Run(n.Config.Experts, func(e int) {
		if lo, hi := r.offset[e], r.offset[e+1]; hi > lo {
			f(e, lo, hi, nil)
		}
	})
}
