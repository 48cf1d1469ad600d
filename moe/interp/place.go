package interp

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"moebot/moe/model"
	"moebot/moe/model/steer"
	"moebot/moe/tensor"
)

// Spread is the next token at one temperature.
type Spread struct {
	Temperature float64       `json:"temperature"`
	Entropy     float64       `json:"entropy"` // bits
	Top         []Alternative `json:"top"`     // likeliest first
}

// Next is what may come behind a text, at several temperatures above 0: the n likeliest.
func (l *Lab) Next(ids []int32, temperatures []float64, n int, hook model.Hook) ([]Spread, error) {
	if err := errors.Join(inRange("number of tokens", len(ids), 1, l.length), inRange("number of alternatives", n, 1, l.Model.Config.Vocab)); err != nil {
		return nil, err
	}
	l.pass(ids, true, hook)
	logits := l.logits(len(ids) - 1)
	order := best(float64s(logits), n)
	var out []Spread
	for _, t := range temperatures {
		if !(t > 0 && t <= 10) {
			return nil, errors.New("a temperature must be above 0 and at most 10")
		}
		p := distribution(logits, t)
		s := Spread{Temperature: t, Entropy: entropyBits(p)}
		for _, id := range order {
			s.Top = append(s.Top, Alternative{int32(id), l.Show(int32(id)), p[id]})
		}
		out = append(out, s)
	}
	return out, nil
}

// Route is where one layer sent a token.
type Route struct {
	Experts []int32   `json:"experts"` // best first
	Gates   []float32 `json:"gates"`   // their weights
}

// Routes are where each token of a text was sent, [token][layer].
func (l *Lab) Routes(ids []int32) ([][]Route, error) {
	if err := inRange("number of tokens", len(ids), 1, l.length); err != nil {
		return nil, err
	}
	l.pass(ids, false, nil)
	out := make([][]Route, len(ids))
	for i := range out {
		for n := range l.Model.Config.Layers {
			out[i] = append(out[i], Route{slices.Clone(l.scratch.Experts(n, i)), slices.Clone(l.scratch.Gates(n, i))})
		}
	}
	return out, nil
}

// Firing is a neuron at work on one token.
type Firing struct {
	Expert     int           `json:"expert"`
	Neuron     int           `json:"neuron"`
	Activation float64       `json:"activation"`
	Strength   float64       `json:"strength"` // length of what it adds to the residual stream
	Share      float64       `json:"share"`    // of the sum of the strengths of all neurons at work on the token
	Raises     []Alternative `json:"raises"`   // tokens whose logit it raises most here; Prob holds the logit, the final norm's scale left out
}

// Firings are the n neurons of a layer that add most to the residual stream at one
// position of a text, strongest first, and how many of those at work (all of the
// experts chosen there) together give half of the sum of strengths.
func (l *Lab) Firings(ids []int32, layer, position, n int) (out []Firing, half, all int, err error) {
	if err := errors.Join(inRange("number of tokens", len(ids), 1, l.length), inRange("position", position, 0, len(ids)-1), inRange("number of neurons", n, 1, 1000)); err != nil {
		return nil, 0, 0, err
	}
	if err := steer.CheckLayer(l.Model.Config, layer); err != nil {
		return nil, 0, 0, err
	}
	var activations [][]float32
	l.pass(ids, false, func(at model.Point, li int, rows []float32, width int) {
		if at == model.AtNeurons && li == layer {
			for j := range l.scratch.Experts(layer, position) {
				slot := l.scratch.Slot(position, j)
				activations = append(activations, slices.Clone(rows[slot*width:(slot+1)*width]))
			}
		}
	})
	gates := l.scratch.Gates(layer, position)
	total := 0.0
	for j, e := range l.scratch.Experts(layer, position) {
		lengths := l.columnLengths(layer, int(e))
		for k, a := range activations[j] {
			f := Firing{Expert: int(e), Neuron: k, Activation: float64(a)}
			f.Strength = math.Abs(float64(a*gates[j])) * lengths[k]
			total += f.Strength
			out = append(out, f)
		}
	}
	all = len(out)
	slices.SortStableFunc(out, func(a, b Firing) int { return cmp.Compare(b.Strength, a.Strength) })
	sum := 0.0
	for i := range out {
		if total > 0 {
			out[i].Share = out[i].Strength / total
		}
		if sum < total/2 {
			half++
		}
		sum += out[i].Strength
	}
	out = out[:min(n, len(out))]
	for i := range out {
		l.raises(layer, &out[i])
	}
	return out, half, all, nil
}

// raises fills in the tokens that a neuron makes likelier.
func (l *Lab) raises(layer int, f *Firing) {
	effects := l.logitsOf(l.column(layer, f.Expert, f.Neuron, float32(f.Activation)))
	for _, i := range best(effects, 5) {
		f.Raises = append(f.Raises, Alternative{int32(i), l.Show(int32(i)), effects[i]})
	}
}

// columnLengths are the lengths of the columns of an expert's down projection, one for
// each neuron.
func (l *Lab) columnLengths(layer, expert int) []float64 {
	w := l.Model.Down(layer, expert)
	row, out := make([]float32, w.Cols), make([]float64, w.Cols)
	size := w.Type.Bytes(w.Cols)
	for i := range w.Rows {
		tensor.Dequantize(row, w.Type, w.Data[i*size:(i+1)*size])
		for k, v := range row {
			out[k] += float64(v) * float64(v)
		}
	}
	for k := range out {
		out[k] = math.Sqrt(out[k])
	}
	return out
}
