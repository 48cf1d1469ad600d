package interp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"moebot/moe/kernel"
	"moebot/moe/model"
)

// Edit is one intervention: what is done to a part of the model wherever it works.
type Edit struct {
	Kind      EditKind  `json:"kind"`
	Layer     int       `json:"layer"`
	Index     int       `json:"index"`  // the head or expert
	Neuron    int       `json:"neuron"` // of that expert
	Amount    float64   `json:"amount"` // factor, or how much of Direction is added
	Direction []float32 `json:"-"`      // [D], of Add
}

// EditKind says what an Edit does.
type EditKind string

const (
	ScaleHead   EditKind = "head"      // multiply what a head found; 0 takes it out
	ScaleExpert EditKind = "expert"    // multiply what an expert says; 0 silences it
	ScaleNeuron EditKind = "neuron"    // multiply a neuron's activation
	Force       EditKind = "force"     // the router always chooses the expert, beside the best others; its logit is lifted above theirs, which a router that chooses by groups or corrections may overrule
	Forbid      EditKind = "forbid"    // the router never chooses it
	Add         EditKind = "direction" // add Amount·Direction to the stream behind the layer
)

const editForms = `want head:LAYER.HEAD=FACTOR, expert:LAYER.EXPERT=FACTOR, neuron:LAYER.EXPERT.NEURON=FACTOR, force:LAYER.EXPERT, forbid:LAYER.EXPERT or direction:LAYER=AMOUNT`

// ParseEdit reads an edit as people write it: "head:2.0=0", "expert:3.5=2",
// "neuron:1.4.17=0", "force:0.7", "forbid:0.7", "direction:2=4" (whose Direction is
// left to the caller).
func ParseEdit(text string) (Edit, error) {
	bad := func() (Edit, error) { return Edit{}, fmt.Errorf("%q is no edit, %s", text, editForms) }
	kind, rest, ok := strings.Cut(text, ":")
	if !ok {
		return bad()
	}
	e := Edit{Kind: EditKind(kind), Amount: 1}
	where, amount, factor := strings.Cut(rest, "=")
	want := map[EditKind]int{ScaleHead: 2, ScaleExpert: 2, ScaleNeuron: 3, Force: 2, Forbid: 2, Add: 1}[e.Kind]
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
	case Add:
		if len(e.Direction) != c.Dim {
			errs = append(errs, fmt.Errorf("the direction has %d elements, want %d", len(e.Direction), c.Dim))
		}
	default:
		errs = append(errs, fmt.Errorf("unknown kind of edit %q, %s", e.Kind, editForms))
	}
	if (e.Kind == Force || e.Kind == Forbid) && !m.Routed(e.Layer) {
		errs = append(errs, fmt.Errorf("layer %d has no router: its FFN is dense", e.Layer))
	}
	return errors.Join(errs...)
}

func (e Edit) String() string {
	switch e.Kind {
	case Force, Forbid:
		return fmt.Sprintf("%s:%d.%d", e.Kind, e.Layer, e.Index)
	case ScaleNeuron:
		return fmt.Sprintf("%s:%d.%d.%d=%g", e.Kind, e.Layer, e.Index, e.Neuron, e.Amount)
	case Add:
		return fmt.Sprintf("%s:%d=%g", e.Kind, e.Layer, e.Amount)
	}
	return fmt.Sprintf("%s:%d.%d=%g", e.Kind, e.Layer, e.Index, e.Amount)
}

// Hook applies edits in their order to every token of a pass, but for directions,
// which leave the first position alone: what stands there holds no text. Forbidding
// as many experts as leave fewer than the model needs is an error.
func (l *Lab) Hook(edits []Edit) (model.Hook, error) {
	forbidden := map[int]map[int]bool{}
	for _, e := range edits {
		if err := e.Check(l.Model); err != nil {
			return nil, err
		}
		if e.Kind == Forbid {
			if forbidden[e.Layer] == nil {
				forbidden[e.Layer] = map[int]bool{}
			}
			forbidden[e.Layer][e.Index] = true
			if left := l.Model.Config.Experts - len(forbidden[e.Layer]); left < l.Model.Config.TopK {
				return nil, fmt.Errorf("layer %d has %d experts left, but each token needs %d", e.Layer, left, l.Model.Config.TopK)
			}
		}
	}
	return func(at model.Point, layer int, rows []float32, width int) {
		for _, e := range edits {
			if e.Layer == layer {
				l.apply(e, at, rows, width)
			}
		}
	}, nil
}

func (l *Lab) apply(e Edit, at model.Point, rows []float32, width int) {
	factor := float32(e.Amount)
	switch {
	case e.Kind == ScaleHead && at == model.AtHeads:
		hd := width / l.Model.Config.Heads
		for i := e.Index * hd; i < len(rows); i += width {
			kernel.Scale(factor, rows[i:i+hd])
		}
	case e.Kind == ScaleExpert && at == model.AtExperts:
		l.slotsOf(e.Layer, int32(e.Index), len(rows)/width, func(_, slot int, _ float32) {
			kernel.Scale(factor, rows[slot*width:(slot+1)*width])
		})
	case e.Kind == ScaleNeuron && at == model.AtNeurons:
		l.slotsOf(e.Layer, int32(e.Index), len(rows)/width, func(_, slot int, _ float32) { rows[slot*width+e.Neuron] *= factor })
	case e.Kind == Forbid && at == model.AtRouter:
		for i := e.Index; i < len(rows); i += width {
			rows[i] = float32(math.Inf(-1))
		}
	case e.Kind == Force && at == model.AtRouter:
		// As good as the best of the others, so that its gate weight is no less than theirs.
		for ; len(rows) > 0; rows = rows[width:] {
			row := rows[:width]
			row[e.Index] = max(row[e.Index], math.Nextafter32(kernel.Max(row), math.MaxFloat32))
		}
	case e.Kind == Add && at == model.AtLayer:
		first := len(l.cache.Tokens) - len(rows)/width // position of row 0
		for i := 0; i < len(rows)/width; i++ {
			if first+i > 0 {
				kernel.Axpy(factor, e.Direction, rows[i*width:(i+1)*width])
			}
		}
	}
}

// MeanDifference is the direction that leads, behind a layer, from the mean state of
// the texts without to that of those with something; means over all their positions
// but the first.
func (l *Lab) MeanDifference(ctx context.Context, layer int, with, without []string) ([]float32, error) {
	if err := CheckLayer(l.Model.Config, layer); err != nil {
		return nil, err
	}
	if len(with) == 0 || len(without) == 0 {
		return nil, errors.New("a direction needs texts with something and texts without it")
	}
	out := make([]float32, l.Model.Config.Dim)
	for i, texts := range [][]string{with, without} {
		sum, n := make([]float64, len(out)), 0
		for _, text := range texts {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			l.pass(l.Encode(text, false), false, func(at model.Point, li int, rows []float32, width int) {
				if at != model.AtLayer || li != layer {
					return
				}
				for j := width; j < len(rows); j++ {
					sum[j%width] += float64(rows[j])
				}
				n += len(rows)/width - 1
			})
		}
		for k := range out {
			v := float32(sum[k] / float64(max(n, 1)))
			if i == 0 {
				out[k] += v
			} else {
				out[k] -= v
			}
		}
	}
	return out, nil
}

// randomlyLike is an edit of the same kind and amount on another part of the same
// layer, or with another direction of the same length, drawn at random.
func (l *Lab) randomlyLike(rng *rand.Rand, e Edit) Edit {
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
	case ScaleHead:
		e.Index = other(c.Heads, e.Index)
	case ScaleNeuron:
		e.Neuron = other(l.Model.LayerHidden(e.Layer), e.Neuron)
	case Add:
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
