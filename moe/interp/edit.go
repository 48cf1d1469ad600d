package interp

import (
	"math"
	"math/rand/v2"

	"moebot/moe/model"
	"moebot/moe/model/steer"
)

// Hook applies edits in their order to every token of a pass; see steer.Plan.
func (l *Lab) Hook(edits []steer.Edit) (model.Hook, error) {
	plan, err := steer.New(l.Model, edits)
	if err != nil {
		return nil, err
	}
	return func(at model.Point, layer int, rows []float32, width int) {
		n := len(l.batch)
		plan.Apply(l.scratch, steer.Rows{N: n, Position: len(l.cache.Tokens) - n}, at, layer, rows, width)
	}, nil
}

// randomlyLike is an edit of the same kind and amount on another part of the same
// layer, or with another direction of the same length, drawn at random.
func (l *Lab) randomlyLike(rng *rand.Rand, e steer.Edit) steer.Edit {
	c := l.Model.Config
	other := func(n, but int) int {
		if n < 2 {
			return but
		}
		if k := rng.IntN(n - 1); k < but {
			return k
		} else {
			return k + 1
		}
	}
	switch e.Kind {
	case steer.ScaleHead:
		e.Index = other(c.Heads, e.Index)
	case steer.ScaleNeuron:
		e.Neuron = other(l.Model.LayerHidden(e.Layer), e.Neuron)
	case steer.Add, steer.ScaleAlong:
		sum := 0.0
		for _, v := range e.Direction {
			sum += float64(v) * float64(v)
		}
		e.Direction = l.randomDirection(rng, math.Sqrt(sum))
	default:
		e.Index = other(l.Model.LayerExperts(e.Layer), e.Index)
	}
	return e
}
