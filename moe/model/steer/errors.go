package steer

import (
	"fmt"

	"moebot/moe/model"
)

// RangeError is a number outside what the model or the text has.
type RangeError struct {
	What   string
	Got    int
	Lo, Hi int // the valid range, both ends in it
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("%s is %d, want %d to %d", e.What, e.Got, e.Lo, e.Hi)
}

// InRange returns a *RangeError for a number below lo or above hi.
func InRange(what string, got, lo, hi int) error {
	if got < lo || got > hi {
		return &RangeError{what, got, lo, hi}
	}
	return nil
}

// CheckLayer and CheckHead return a *RangeError for a number that the model does not have.
func CheckLayer(c model.Config, layer int) error { return InRange("layer", layer, 0, c.Layers-1) }

// CheckHead: see CheckLayer.
func CheckHead(c model.Config, head int) error { return InRange("head", head, 0, c.Heads-1) }

// CheckExpert and CheckNeuron return a *RangeError for a number that the layer, which
// must be one of the model's, does not have. A dense FFN is expert 0.
func CheckExpert(m *model.Model, layer, expert int) error {
	return InRange("expert", expert, 0, m.LayerExperts(layer)-1)
}

// CheckNeuron: see CheckExpert.
func CheckNeuron(m *model.Model, layer, neuron int) error {
	return InRange("neuron", neuron, 0, m.LayerHidden(layer)-1)
}
