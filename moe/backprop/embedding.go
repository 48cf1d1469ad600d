package backprop

import (
	"moebot/moe/dataset"
	"moebot/moe/kernel"
)

func (n *Network) embeddingForward(b *dataset.Batch, x []float32) {
	d := n.Config.Dim
	table := n.w(n.layout.embed, n.Config.Vocab*d)
	for t, id := range b.Tokens {
		copy(x[t*d:(t+1)*d], table[int(id)*d:(int(id)+1)*d])
	}
}

func (n *Network) embeddingBackward(b *dataset.Batch) {
	d := n.Config.Dim
	table := n.g(n.layout.embed, n.Config.Vocab*d)
	for t, id := range b.Tokens {
		kernel.Axpy(1, n.act.dx[t*d:(t+1)*d], table[int(id)*d:(int(id)+1)*d])
	}
}
