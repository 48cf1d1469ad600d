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
			kernel.ScaleMul(yr, xr, w, r)
		}
	})
}

// normBackward adds the gradient of x to dx and that of w to dw, given dy:
//
//	dx_i += r·(w_i·dy_i − x̂_i·mean(w·dy·x̂)),  x̂ = r·x
func (n *Network) normBackward(dx, dw, dy, x, rstd, w []float32, tokens int) {
	d := n.Config.Dim
	// each block of rows has its own sum for dw, so that the order of summing is fixed
	parts := make([]float32, (tokens+rowsBlock-1)/rowsBlock*d)
	n.rows(tokens, func(lo, hi int) {
		part, wdy := parts[lo/rowsBlock*d:][:d], make([]float32, d)
		for t := lo; t < hi; t++ {
			xr, dyr, dxr := x[t*d:(t+1)*d], dy[t*d:(t+1)*d], dx[t*d:(t+1)*d]
			r := rstd[t]
			kernel.ScaleMul(wdy, dyr, w, r)
			kernel.Axpy(1, wdy, dxr)
			kernel.Axpy(-kernel.Dot(wdy, xr)*r*r/float32(d), xr, dxr)
			kernel.ScaleMul(wdy, dyr, xr, r)
			kernel.Axpy(1, wdy, part)
		}
	})
	for ; len(parts) > 0; parts = parts[d:] {
		kernel.Axpy(1, parts[:d], dw)
	}
}
