package backprop

import (
	"math/rand/v2"

	"moebot/moe/kernel"
)

// A layer has two branches that add to the residual stream: attention is branch
// 2·layer, the FFN branch 2·layer+1. Dropout sets elements of what a branch adds to
// zero, with probability Dropout, and multiplies the others by 1/(1−Dropout)
// (Srivastava et al. 2014; on the residual branches as in Vaswani et al. 2017, section
// 5.4). The masks are not kept: the backward pass draws them again.

// dropped reports whether this pass drops anything.
func (n *Network) dropped(train bool) bool { return train && n.Dropout > 0 }

// drop applies a branch's mask to the rows of x [.., D] which begin with token first,
// a multiple of the block that Network.rows uses. The mask depends on NoiseSeed, the
// branch and first.
func (n *Network) drop(branch, first int, x []float32) {
	rng := rand.New(rand.NewPCG(n.NoiseSeed^0x64726f70, uint64(branch)<<32|uint64(first)))
	limit, scale := uint64(n.Dropout*(1<<16)), float32(1/(1-n.Dropout))
	var bits uint64
	for i := range x {
		if i%4 == 0 { // a draw is enough for four elements
			bits = rng.Uint64()
		}
		if bits&0xffff < limit {
			x[i] = 0
		} else {
			x[i] *= scale
		}
		bits >>= 16
	}
}

// addBranch computes x2 = x + drop(x2) for all tokens.
func (n *Network) addBranch(branch int, x2, x []float32) {
	d := n.Config.Dim
	n.rows(n.act.tokens, func(lo, hi int) {
		n.drop(branch, lo, x2[lo*d:hi*d])
		kernel.Axpy(1, x[lo*d:hi*d], x2[lo*d:hi*d])
	})
}

// branchGradient is the gradient of what a branch put out, given act.dx, the gradient
// of the residual stream behind it. The caller must not change it.
func (n *Network) branchGradient(branch int) []float32 {
	a, d := n.act, n.Config.Dim
	if !n.dropped(true) {
		return a.dx
	}
	fit(&a.dbranch, len(a.dx))
	n.rows(a.tokens, func(lo, hi int) {
		copy(a.dbranch[lo*d:hi*d], a.dx[lo*d:hi*d])
		n.drop(branch, lo, a.dbranch[lo*d:hi*d])
	})
	return a.dbranch
}
