package model

// Point is a place in the forward pass that a Hook can see.
type Point uint8

const (
	AtEmbedding Point = iota // [n, D] the residual stream before the first layer
	AtPattern                // [n, H·longest] what each head attends to, behind the softmax; with Scratch.Patterns only, and to look at, not to change
	AtHeads                  // [n, H·vd], with latent attention [n, H·Value], what the layer's attention heads found, before the output projection
	AtMiddle                 // [n, D] the residual stream between attention and FFN
	AtRouter                 // [n, E] the layer's router logits, before experts are chosen; not for a dense FFN
	AtNeurons                // [n·K, F] the experts' hidden layer behind SwiGLU; row Scratch.Slot(i, j) is of token i's j-th expert
	AtExperts                // [n·K, D] what the experts give, before biases and gate weights; rows as in AtNeurons
	AtLayer                  // [n, D] the residual stream behind the layer
)

// Hook sees, and may change in place, one row for each of the batch's n tokens, in
// its order: rows [n, width], valid during the call; the points of single experts
// have K rows for a token, 1 with a dense FFN, and leave the shared expert out. The layer is 0 for AtEmbedding. It is called on the
// goroutine that called Forward, between two steps of the pass.
type Hook func(at Point, layer int, rows []float32, width int)

// see calls the hook, if there is one. Built with the tag nohooks there is no call in
// the pass at all: to measure what it costs (BenchmarkHooksOff).
func (s *Scratch) see(at Point, layer int, rows []float32, width int) {
	if hooks && s.Hook != nil {
		s.Hook(at, layer, rows[:len(s.batch)*width], width)
	}
}

// seeSlots is see for rows of one (token, expert) pair each.
func (s *Scratch) seeSlots(at Point, layer int, rows []float32, width int) {
	if hooks && s.Hook != nil {
		s.Hook(at, layer, rows[:len(s.batch)*s.m.active(layer)*width], width)
	}
}

// Slot is the row, at AtNeurons and AtExperts, of the batch's i-th token and the
// j-th of its experts in the layer that is being computed.
func (s *Scratch) Slot(i, j int) int { return s.slot[i*s.m.active(s.layer)+j] }

// keepPattern copies what a head of token i attends to, from position first on, for
// the hook.
func (s *Scratch) keepPattern(i, head, first int, p []float32) {
	heads := s.m.Config.Heads
	row := s.patterns[(i*heads+head)*s.longest : (i*heads+head+1)*s.longest]
	clear(row)
	copy(row[first:], p)
}

// reservePatterns makes room for the patterns of a batch.
func (s *Scratch) reservePatterns(longest int) {
	s.longest = longest
	if need := len(s.batch) * s.m.Config.Heads * longest; hooks && s.Patterns && s.Hook != nil && len(s.patterns) < need {
		s.patterns = make([]float32, need)
	}
}
