package model

// Point is a place in the forward pass that a Hook can see.
type Point uint8

const (
	AtEmbedding Point = iota // [n, D] the residual stream before the first layer
	AtHeads                  // [n, H·hd] what the layer's attention heads found, before the output projection
	AtRouter                 // [n, E] the layer's router logits, before experts are chosen; not for a dense FFN
	AtLayer                  // [n, D] the residual stream behind the layer
)

// Hook sees, and may change in place, one row for each of the batch's n tokens, in
// its order: rows [n, width], valid during the call. The layer is 0 for
// AtEmbedding. It is called on the goroutine that called Forward, between two steps
// of the pass.
type Hook func(at Point, layer int, rows []float32, width int)

// see calls the hook, if there is one.
func (s *Scratch) see(at Point, layer int, rows []float32, width int) {
	if s.Hook != nil {
		s.Hook(at, layer, rows[:len(s.batch)*width], width)
	}
}
