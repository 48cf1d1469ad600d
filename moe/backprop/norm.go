package backprop

import (
	"math"

	"moebot/moe/kernel"
)

// normForward computes y = x·w/rms(x) row by row, x and y [N, D], and keeps
// rstd = 1/rms(x) [N].
func (n *Network) normForward(y, rstd, x, w []float32, tokens int) {
	d, eps := n.Config.Dim, n.Config.NormEps
	n.rows(tokens, func(lo, hi int) {
		for t := lo; t < hi; t++ {
			xr, yr := x[t*d:(t+1)*d], y[t*d:(t+1)*d]
			r := float32(1 / math.Sqrt(float64(kernel.Dot(xr, xr))/float64(d)+eps))
			rstd[t] = r
			for i, v := range xr {
				yr[i] = v * r * w[i]
			}
		}
	})
}

// normBackward adds the gradient of x to dx and that of w to dw, given dy:
//
//	dx_i += r·(w_i·dy_i − x̂_i·mean(w·dy·x̂)),  x̂ = r·x
func (n *Network) normBackward(dx, dw, dy, x, rstd, w []float32, tokens int) {
	d := n.Config.Dim
	n.rows(tokens, func(lo, hi int) {
		for t := lo; t < hi; t++ {
			xr, dyr, dxr := x[t*d:(t+1)*d], dy[t*d:(t+1)*d], dx[t*d:(t+1)*d]
			r := rstd[t]
			var sum float32
			for i, v := range xr {
				sum += w[i] * dyr[i] * v
			}
			m := sum * r * r / float32(d)
			for i, v := range xr {
				dxr[i] += r * (w[i]*dyr[i] - v*m)
			}
		}
	})
	// columns are split, not rows, so that the sum's order is fixed
	const block = 32
	n.pool.Run((d+block-1)/block, func(b int) {
		lo, hi := b*block, min(d, (b+1)*block)
		acc := dw[lo:hi]
		for t := range tokens {
			xr, dyr, r := x[t*d+lo:t*d+hi], dy[t*d+lo:t*d+hi], rstd[t]
			for i, v := range xr {
				acc[i] += dyr[i] * v * r
			}
		}
	})
}
