package model

import (
	"moebot/moe/kernel"
)

// Scratch is the memory of one forward pass and the way its work is shared out.
// After warming up, Forward takes no memory.
type Scratch struct {
	Hook     Hook // sees the passes computed with this Scratch; nil for none
	Patterns bool // the hook is also shown AtPattern
	NoAdvice bool // does not tell the system, while it waits for a disk, which experts it is about to use

	m    *Model
	pool *kernel.Pool
	size int // largest batch

	faults   int64 // of the pager before the last pass
	announce int   // passes for which experts are still announced

	batch []Input
	pos   []int     // [n] position of each token in its sequence
	cos   []float32 // [n, RopeDims/2]
	sin   []float32
	x     []float32 // [n, D] residual stream
	norm  []float32 // [n, D] normalised
	q     []float32 // [n, H·hd]
	k, v  []float32 // [n, KV·hd], [n, KV·vd]; with latent attention the latent vectors and the heads' outputs
	o     []float32 // [n, H·vd]
	proj  []float32 // [n, D]
	units int       // shares of a token's heads that are computed apart

	raw, narrow []float32 // latent attention: queries before they are turned to the latent vectors, and before they are widened

	scores   scoreBuffers
	patterns []float32 // [n, H, longest] for the hook
	longest  int       // tokens of the batch's longest sequence
	logits   []float32 // [wanted, V]

	router         []float32   // [n, E] router logits
	choice         []float32   // [E] weights by which experts are chosen
	experts        [][]int32   // [layer][n·K] chosen, best first
	gates          [][]float32 // [layer][n·K]
	slot           []int       // [n·K] row of a (token, choice) pair, sorted by expert
	owner          []int32     // [n·K] expert of a slot
	offset, next   []int       // [E+1]
	xe             []float32   // [n·K, D]
	gate, up, down []float32   // [n·K, F] twice, [n·K, D]

	sharedGate, sharedUp, sharedDown []float32 // the shared expert's, [n, its width] twice, [n, D]

	parts  []part // the products of the next parallel region
	blocks int    // their blocks
	op     op     // the element-wise step of the next region
	layer  int
	step   int // tokens of a block of the step
	// the functions given to the pool, made once so that a call takes no memory
	runPart, runRows, runHeads func(int)
}

// NewScratch returns working memory for batches of up to size tokens.
func (m *Model) NewScratch(pool *kernel.Pool, size int) *Scratch {
	c := m.Config
	k, wide := max(c.TopK, 1), 0 // wide is the largest number of activations of a token in a layer
	for i, l := range m.layers {
		wide = max(wide, m.active(i)*l.hidden)
	}
	f32 := func(n int) []float32 { return make([]float32, size*n) }
	s := &Scratch{m: m, pool: pool, size: size, pos: make([]int, size), cos: f32(c.RopeDims / 2), sin: f32(c.RopeDims / 2),
		x: f32(c.Dim), norm: f32(c.Dim), q: f32(c.Heads * c.HeadDim), k: f32(c.KVHeads * c.HeadDim), v: f32(c.KVHeads * c.ValueDim),
		o: f32(c.Heads * c.ValueDim), proj: f32(c.Dim), units: c.KVHeads, scores: newScoreBuffers(pool.Workers()),
		router: f32(c.Experts), choice: make([]float32, c.Experts), slot: make([]int, size*k), owner: make([]int32, size*k),
		offset: make([]int, max(c.Experts, 1)+1), next: make([]int, max(c.Experts, 1)+1),
		xe: f32(k * c.Dim), gate: f32(wide), up: f32(wide), down: f32(k * c.Dim)}
	if a := c.Latent; a.Rank > 0 {
		s.units = latentUnits(c.Heads, pool.Workers())
		s.raw, s.narrow, s.v = f32(c.Heads*(a.Content+c.RopeDims)), f32(a.QueryRank), f32(c.Heads*a.Value)
	}
	if n := c.SharedHidden; n > 0 {
		s.sharedGate, s.sharedUp, s.sharedDown = f32(n), f32(n), f32(c.Dim)
	}
	for i := range m.layers {
		s.experts, s.gates = append(s.experts, make([]int32, size*m.active(i))), append(s.gates, f32(m.active(i)))
	}
	s.runPart, s.runRows, s.runHeads = s.partBlock, s.rowBlock, s.headBlock
	return s
}

// Logits are those of the i-th input that asked for them.
func (s *Scratch) Logits(i int) []float32 {
	v := s.m.Config.Vocab
	return s.logits[i*v : (i+1)*v]
}

// Experts and Gates are the experts that the layer chose for the batch's i-th token,
// best first, and their weights; valid until the next Forward. A dense FFN is expert 0.
func (s *Scratch) Experts(layer, i int) []int32 {
	k := s.m.active(layer)
	return s.experts[layer][i*k : (i+1)*k]
}

// Gates: see Experts.
func (s *Scratch) Gates(layer, i int) []float32 {
	k := s.m.active(layer)
	return s.gates[layer][i*k : (i+1)*k]
}

// angles are the cosines and sines of token i's position.
func (s *Scratch) angles(i int) (cos, sin []float32) {
	half := s.m.Config.RopeDims / 2
	return s.cos[i*half : (i+1)*half], s.sin[i*half : (i+1)*half]
}

// part is one matrix product of a parallel region, split by rows of the weights.
type part struct {
	y      []float32
	ldy    int
	w      kernel.Matrix
	x      []float32
	ldx    int
	tokens int
	first  int // its first block among those of the region
	rows   int // of a block
}

// blockWork is the number of multiplications that a block should have at least, so
// that handing it out costs little beside it.
const blockWork = 1 << 15

// add puts y = x·Wᵀ into the next region.
func (s *Scratch) add(y []float32, ldy int, w kernel.Matrix, x []float32, ldx, tokens int) {
	if w.Rows == 0 || tokens == 0 {
		return
	}
	rows := max(1, blockWork/(w.Cols*tokens))
	rows = max((rows+15)/16*16, (w.Rows/(4*s.pool.Workers())+15)/16*16)
	s.parts = append(s.parts, part{y, ldy, w, x, ldx, tokens, s.blocks, rows})
	s.blocks += (w.Rows + rows - 1) / rows
}

// run does the products of the region.
func (s *Scratch) run() {
	s.pool.Run(s.blocks, s.runPart)
	s.parts, s.blocks = s.parts[:0], 0
}

func (s *Scratch) partBlock(i int) {
	j := len(s.parts) - 1
	for s.parts[j].first > i {
		j--
	}
	p := &s.parts[j]
	lo := (i - p.first) * p.rows
	hi := min(p.w.Rows, lo+p.rows)
	kernel.MatMulRows(p.y, p.ldy, p.w, lo, hi, p.x, p.ldx, p.tokens)
}

// op is an element-wise step, done token by token.
type op uint8

const (
	opAttnNorm op = iota
	opHeads
	opQueryNorm
	opLatent
	opResidual
	opFFNNorm
	opGather
	opSwiGLU
	opCombine
)

// rows does an element-wise step for all tokens; few are not worth the workers.
func (s *Scratch) rows(o op, layer int) {
	s.op, s.layer, s.step = o, layer, 8
	if n := len(s.batch); n > s.step {
		s.pool.Run((n+s.step-1)/s.step, s.runRows)
		return
	}
	s.rowBlock(0)
}

func (s *Scratch) rowBlock(b int) {
	m, d := s.m, s.m.Config.Dim
	l := &m.layers[s.layer]
	for i := b * s.step; i < min(len(s.batch), (b+1)*s.step); i++ {
		x, norm := s.x[i*d:(i+1)*d], s.norm[i*d:(i+1)*d]
		switch s.op {
		case opAttnNorm:
			l.attnNorm.apply(norm, x, m.Config.NormEps)
		case opFFNNorm:
			l.ffnNorm.apply(norm, x, m.Config.NormEps)
		case opHeads:
			m.prepare(s, s.layer, i)
		case opQueryNorm:
			normEach(s.narrow[i*m.Config.Latent.QueryRank:(i+1)*m.Config.Latent.QueryRank], l.latent.queryNorm, float32(m.Config.NormEps))
		case opLatent:
			m.compress(s, s.layer, i)
		case opResidual:
			addBias(s.proj[i*d:(i+1)*d], l.o.bias)
			kernel.Axpy(float32(m.Config.ResidGain), s.proj[i*d:(i+1)*d], x)
		case opGather:
			m.gather(s, s.layer, i)
		case opSwiGLU:
			m.activate(s, s.layer, i)
		case opCombine:
			m.combine(s, s.layer, i)
		}
	}
}

// apply normalises x.
func (n *norm) apply(dst, x []float32, eps float64) {
	kernel.RMSNorm(dst, x, n.weight, float32(eps))
	addBias(dst, n.bias)
}

// heads runs attention, each unit of each token's heads by itself.
func (s *Scratch) heads(layer int) {
	s.layer = layer
	s.pool.Run(len(s.batch)*s.units, s.runHeads)
	if s.Patterns {
		s.see(AtPattern, layer, s.patterns, s.m.Config.Heads*s.longest)
	}
}

func (s *Scratch) headBlock(i int) { s.m.attend(s, s.layer, i/s.units, i%s.units) }
