package interp

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

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

func inRange(what string, got, lo, hi int) error {
	if got < lo || got > hi {
		return &RangeError{what, got, lo, hi}
	}
	return nil
}

// CheckLayer and CheckHead return a *RangeError for a number that the model does not have.
func CheckLayer(c model.Config, layer int) error { return inRange("layer", layer, 0, c.Layers-1) }

// CheckHead: see CheckLayer.
func CheckHead(c model.Config, head int) error { return inRange("head", head, 0, c.Heads-1) }

// CheckExpert and CheckNeuron return a *RangeError for a number that the layer, which
// must be one of the model's, does not have. A dense FFN is expert 0.
func CheckExpert(m *model.Model, layer, expert int) error {
	return inRange("expert", expert, 0, m.LayerExperts(layer)-1)
}

// CheckNeuron: see CheckExpert.
func CheckNeuron(m *model.Model, layer, neuron int) error {
	return inRange("neuron", neuron, 0, m.LayerHidden(layer)-1)
}

// Token finds the one token that a user means: "#17" by its number, otherwise by
// the text, which must be one token. A word that is one token only with a blank
// before it is found so.
func (l *Lab) Token(text string) (int32, error) {
	last := l.Model.Config.Vocab - 1
	if number, ok := strings.CutPrefix(text, "#"); ok {
		if id, err := strconv.Atoi(number); err == nil {
			return int32(id), inRange("token", id, 0, last)
		}
	}
	if text == "" {
		return 0, errors.New("an empty text is no token")
	}
	if id, ok := l.Tok.ID(text); ok && l.Tok.IsControl(id) {
		return id, nil
	}
	ids := l.Tok.Encode(text, false)
	if len(ids) == 1 {
		return ids[0], nil
	}
	if blank := l.Tok.Encode(" "+text, false); len(blank) == 1 {
		return blank[0], nil
	}
	return 0, fmt.Errorf("%q is %d tokens (%s), want one; or give a number, #0 to #%d", text, len(ids), strings.Join(l.shows(ids), " "), last)
}
