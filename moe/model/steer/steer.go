// Package steer changes what a model does inside while it works: heads, experts and
// neurons are scaled, experts forced or forbidden, directions added to the residual
// stream or scaled in it. It works through the hooks of moe/model, on one sequence of a
// batch and not on its neighbours. What a part of the model stands for is found out
// elsewhere (moe/interp).
//
// Edits and Plans are not changed once made; a Plan may be used by several goroutines,
// each with its own Scratch.
package steer

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"moebot/moe/model"
)

// Edit is one intervention: what is done to a part of the model wherever it works.
type Edit struct {
	Kind      Kind      `json:"kind"`
	Layer     int       `json:"layer"`
	Index     int       `json:"index"`          // the head or expert
	Neuron    int       `json:"neuron"`         // of that expert
	Amount    float64   `json:"amount"`         // factor, or how much of Direction is added
	Name      string    `json:"name,omitempty"` // of the direction, for whoever knows directions by name
	Direction []float32 `json:"-"`              // [D], of Add and ScaleAlong; belongs to the Edit
}

// Kind says what an Edit does.
type Kind string

const (
	ScaleHead   Kind = "head"      // multiply what a head found; 0 takes it out
	ScaleExpert Kind = "expert"    // multiply what an expert says; 0 silences it
	ScaleNeuron Kind = "neuron"    // multiply a neuron's activation
	Force       Kind = "force"     // the router always chooses the expert, beside the best others; its logit is lifted above theirs, which a router that chooses by groups or corrections may overrule
	Forbid      Kind = "forbid"    // the router never chooses it
	Add         Kind = "direction" // add Amount·Direction to the stream behind the layer
	ScaleAlong  Kind = "component" // multiply the stream's component along Direction behind the layer; 0 ablates it (Arditi et al. 2024, arXiv 2406.11717, eq. 4, there in all layers)
)

// Forms lists the ways to write an Edit.
const Forms = `head:LAYER.HEAD=FACTOR, expert:LAYER.EXPERT=FACTOR, neuron:LAYER.EXPERT.NEURON=FACTOR, force:LAYER.EXPERT, forbid:LAYER.EXPERT, direction:LAYER=AMOUNT, component:LAYER=FACTOR, or with a direction's name direction:LAYER.NAME=AMOUNT, component:LAYER.NAME=FACTOR`

// Parse reads an edit as people write it: "head:2.0=0", "expert:3.5=2",
// "neuron:1.4.17=0", "force:0.7", "forbid:0.7", "direction:2=4", "component:2.question=0".
// The Direction of the last two is left to the caller.
func Parse(text string) (Edit, error) {
	bad := func() (Edit, error) { return Edit{}, fmt.Errorf("%q is no edit, want %s", text, Forms) }
	kind, rest, ok := strings.Cut(text, ":")
	if !ok {
		return bad()
	}
	e := Edit{Kind: Kind(kind), Amount: 1}
	where, amount, factor := strings.Cut(rest, "=")
	if e.Directed() {
		where, e.Name, ok = strings.Cut(where, ".")
		if ok && !nameOK(e.Name) {
			return bad()
		}
	}
	want := map[Kind]int{ScaleHead: 2, ScaleExpert: 2, ScaleNeuron: 3, Force: 2, Forbid: 2, Add: 1, ScaleAlong: 1}[e.Kind]
	numbers := strings.Split(where, ".")
	if want == 0 || len(numbers) != want || factor == (e.Kind == Force || e.Kind == Forbid) {
		return bad()
	}
	for i, to := range []*int{&e.Layer, &e.Index, &e.Neuron}[:want] {
		v, err := strconv.Atoi(numbers[i])
		if err != nil {
			return bad()
		}
		*to = v
	}
	if factor {
		v, err := strconv.ParseFloat(amount, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return bad()
		}
		e.Amount = v
	}
	return e, nil
}

// ParseAll reads edits with blanks between them; a text without any is none.
func ParseAll(text string) ([]Edit, error) {
	var out []Edit
	for _, word := range strings.Fields(text) {
		e, err := Parse(word)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func nameOK(name string) bool {
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-') {
			return false
		}
	}
	return name != ""
}

// Directed reports whether the edit needs a Direction.
func (e Edit) Directed() bool { return e.Kind == Add || e.Kind == ScaleAlong }

// Check reports, as a *RangeError, what the model does not have.
func (e Edit) Check(m *model.Model) error {
	c := m.Config
	if err := CheckLayer(c, e.Layer); err != nil {
		return err
	}
	var errs []error
	switch e.Kind {
	case ScaleHead:
		errs = append(errs, CheckHead(c, e.Index))
	case ScaleExpert, Force, Forbid:
		errs = append(errs, CheckExpert(m, e.Layer, e.Index))
	case ScaleNeuron:
		errs = append(errs, CheckExpert(m, e.Layer, e.Index), CheckNeuron(m, e.Layer, e.Neuron))
	case Add, ScaleAlong:
		if len(e.Direction) != c.Dim {
			errs = append(errs, fmt.Errorf("the direction has %d elements, want %d", len(e.Direction), c.Dim))
		}
	default:
		errs = append(errs, fmt.Errorf("unknown kind of edit %q, want %s", e.Kind, Forms))
	}
	if (e.Kind == Force || e.Kind == Forbid) && !m.Routed(e.Layer) {
		errs = append(errs, fmt.Errorf("layer %d has no router: its FFN is dense", e.Layer))
	}
	return errors.Join(errs...)
}

// String writes the edit as Parse reads it.
func (e Edit) String() string {
	at := strconv.Itoa(e.Layer)
	switch e.Kind {
	case Add, ScaleAlong:
		if e.Name != "" {
			at += "." + e.Name
		}
	case ScaleNeuron:
		at += fmt.Sprintf(".%d.%d", e.Index, e.Neuron)
	default:
		at += "." + strconv.Itoa(e.Index)
	}
	if e.Kind == Force || e.Kind == Forbid {
		return string(e.Kind) + ":" + at
	}
	return fmt.Sprintf("%s:%s=%g", e.Kind, at, e.Amount)
}

// Text writes edits as ParseAll reads them.
func Text(edits []Edit) string {
	words := make([]string, len(edits))
	for i, e := range edits {
		words[i] = e.String()
	}
	return strings.Join(words, " ")
}
