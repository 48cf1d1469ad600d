package train

import (
	"fmt"

	"moebot/moe/backprop"
	"moebot/moe/kernel"
)

// backward computes the gradient of the step's micro-batches and returns what it measured
// in each. With Config.DataParallel several are computed at the same time, each on one
// goroutine, whose caches keep what an operation leaves for the next; without, one after
// the other, by all.
func (l *loop) backward(scale float64) []backprop.Stats {
	stats := make([]backprop.Stats, len(l.micro))
	one := func(n *backprop.Network, i int) {
		n.NoiseSeed = l.Config.Seed<<40 + uint64(l.st.Step*len(l.micro)+i)
		stats[i] = n.Backward(&l.micro[i], l.Config.Losses, scale, 1/float64(len(l.micro)))
	}
	clear(l.net.Grads)
	if len(l.beside) == 0 {
		for i := range l.micro {
			one(l.net, i)
		}
		return stats
	}
	l.Pool.Run(len(l.beside), func(k int) {
		n := l.beside[k]
		n.BF16 = l.net.BF16
		if k > 0 { // the first adds to the gradient of l.net
			clear(n.Grads)
		}
		for i := k; i < len(l.micro); i += len(l.beside) {
			one(n, i)
		}
	})
	const block = 1 << 16
	l.Pool.Run((len(l.net.Grads)+block-1)/block, func(i int) {
		lo, hi := i*block, min(len(l.net.Grads), (i+1)*block)
		for _, n := range l.beside[1:] {
			kernel.Axpy(1, n.Grads[lo:hi], l.net.Grads[lo:hi])
		}
	})
	return stats
}

// parallel makes the networks that backward runs beside each other.
func (l *loop) parallel() {
	n := l.Config.DataParallel
	if n < 2 {
		return
	}
	if p := l.Pool.Workers(); n != p {
		fmt.Fprintf(l.Out, "data_parallel is %d, and there are %d processors\n", n, p)
	}
	l.beside = append(l.beside, l.net.Alone())
	for range n - 1 {
		l.beside = append(l.beside, l.net.Beside())
	}
}
