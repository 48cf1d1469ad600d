package steer

import (
	"fmt"
	"hash/fnv"
	"math"

	"moebot/moe/kernel"
	"moebot/moe/model"
)

// Plan is edits that fit a model, in their order.
type Plan struct {
	model *model.Model
	edits []Edit
	unit  [][]float32 // [edit] of ScaleAlong: the direction at length 1
	key   string
}

// maxGrowth is how many times larger edits together may make the model's numbers: the
// square of what comes out must be a float32, since an infinite one makes all of them NaN.
const maxGrowth = 1e16

// New checks edits against a model. Forbidding as many experts as leave fewer than the
// model needs is an error, and so are edits too strong for its numbers.
func New(m *model.Model, edits []Edit) (*Plan, error) {
	p := &Plan{model: m, edits: edits, unit: make([][]float32, len(edits))}
	forbidden := map[int]map[int]bool{}
	sum, product := 1.0, 1.0 // of what is added and of the factors, wherever
	hash := fnv.New64a()
	for i, e := range edits {
		if err := e.Check(m); err != nil {
			return nil, err
		}
		if e.Kind == Add {
			sum += math.Abs(e.Amount)
		} else {
			product *= max(1, math.Abs(e.Amount))
		}
		switch e.Kind {
		case Forbid:
			if forbidden[e.Layer] == nil {
				forbidden[e.Layer] = map[int]bool{}
			}
			forbidden[e.Layer][e.Index] = true
			if left := m.Config.Experts - len(forbidden[e.Layer]); left < m.Config.TopK {
				return nil, fmt.Errorf("layer %d has %d experts left, but each token needs %d", e.Layer, left, m.Config.TopK)
			}
		case ScaleAlong:
			length := math.Sqrt(float64(kernel.Dot(e.Direction, e.Direction)))
			if !(length > 0) {
				return nil, fmt.Errorf("%v has a direction without length", e)
			}
			p.unit[i] = append([]float32(nil), e.Direction...)
			kernel.Scale(float32(1/length), p.unit[i])
		}
		var b [4]byte
		for _, v := range e.Direction {
			x := math.Float32bits(v)
			b[0], b[1], b[2], b[3] = byte(x), byte(x>>8), byte(x>>16), byte(x>>24)
			hash.Write(b[:])
		}
	}
	if !(sum*product <= maxGrowth) {
		return nil, fmt.Errorf("the edits are too strong together: their numbers make %.3g, want %g at most", sum*product, maxGrowth)
	}
	if len(edits) > 0 {
		p.key = fmt.Sprintf("%s #%x", Text(edits), hash.Sum64())
	}
	return p, nil
}

// Key is the same for plans that do the same; "" changes nothing. A nil Plan has it too.
func (p *Plan) Key() string {
	if p == nil {
		return ""
	}
	return p.key
}

// Edits are those of the plan, not to be changed.
func (p *Plan) Edits() []Edit { return p.edits }

// Rows are those of one sequence in a batch: N tokens from the First, whose place in
// the sequence is Position.
type Rows struct{ First, N, Position int }

// Apply does the edits to one sequence, in a hook of s: at, layer, rows and width are
// what the hook was given. Directions leave a sequence's first position alone: what
// stands there holds no text.
func (p *Plan) Apply(s *model.Scratch, r Rows, at model.Point, layer int, rows []float32, width int) {
	for i := range p.edits {
		if p.edits[i].Layer == layer {
			p.apply(i, s, r, at, rows, width)
		}
	}
}

func (p *Plan) apply(i int, s *model.Scratch, r Rows, at model.Point, rows []float32, width int) {
	e := &p.edits[i]
	factor := float32(e.Amount)
	switch {
	case e.Kind == ScaleExpert && at == model.AtExperts:
		slots(s, r, e, func(slot int) { kernel.Scale(factor, rows[slot*width:(slot+1)*width]) })
		return
	case e.Kind == ScaleNeuron && at == model.AtNeurons:
		slots(s, r, e, func(slot int) { rows[slot*width+e.Neuron] *= factor })
		return
	case at == model.AtExperts || at == model.AtNeurons || at == model.AtPattern || at == model.AtEmbedding:
		return // rows of another kind
	}
	mine := rows[r.First*width : (r.First+r.N)*width]
	switch {
	case e.Kind == ScaleHead && at == model.AtHeads:
		hd := width / p.model.Config.Heads
		for i := e.Index * hd; i < len(mine); i += width {
			kernel.Scale(factor, mine[i:i+hd])
		}
	case e.Kind == Forbid && at == model.AtRouter:
		for i := e.Index; i < len(mine); i += width {
			mine[i] = float32(math.Inf(-1))
		}
	case e.Kind == Force && at == model.AtRouter:
		// As good as the best of the others, so that its gate weight is no less than theirs.
		for ; len(mine) > 0; mine = mine[width:] {
			row := mine[:width]
			row[e.Index] = max(row[e.Index], math.Nextafter32(kernel.Max(row), math.MaxFloat32))
		}
	case e.Directed() && at == model.AtLayer:
		for n := range r.N {
			if r.Position+n == 0 {
				continue
			}
			row := mine[n*width : (n+1)*width]
			if e.Kind == Add {
				kernel.Axpy(factor, e.Direction, row)
			} else {
				kernel.Axpy((factor-1)*kernel.Dot(row, p.unit[i]), p.unit[i], row)
			}
		}
	}
}

// slots calls use for each row of the sequence's tokens that the edit's expert works on.
func slots(s *model.Scratch, r Rows, e *Edit, use func(slot int)) {
	for i := r.First; i < r.First+r.N; i++ {
		for j, x := range s.Experts(e.Layer, i) {
			if int(x) == e.Index {
				use(s.Slot(i, j))
			}
		}
	}
}
