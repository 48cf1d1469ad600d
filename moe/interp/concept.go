package interp

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"moebot/moe/model"
)

//go:embed text/concepts.txt
var conceptText string

// Concept is which neurons tell sentences that have something from those that do not.
type Concept struct {
	Name      string          `json:"name"`
	With      int             `json:"with"`      // sentences that have it
	Without   int             `json:"without"`   // and that do not
	Neurons   int             `json:"neurons"`   // looked at
	Found     []ConceptNeuron `json:"found"`     // the most specific, strongest first
	Threshold float64         `json:"threshold"` // of |T| that 5 % of relabellings reach somewhere among all neurons
	Specific  int             `json:"specific"`  // neurons above it
}

// ConceptNeuron is a neuron and how it tells the two kinds apart.
type ConceptNeuron struct {
	Layer   int     `json:"layer"`
	Expert  int     `json:"expert"`
	Neuron  int     `json:"neuron"`
	With    float64 `json:"with"` // mean over sentences of the largest activation in each, 0 where the expert was not used
	Without float64 `json:"without"`
	T       float64 `json:"t"` // Welch's t of the difference
	P       float64 `json:"p"` // share of relabellings in which any neuron at all reaches |T|
}

// Concepts are the names of the concepts that come with the program, and their
// sentences.
func Concepts() (names []string, sentences map[string][]string) {
	sentences = map[string][]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(conceptText), "\n") {
		if name, ok := strings.CutPrefix(line, "# "); ok {
			names = append(names, name)
			continue
		}
		last := names[len(names)-1]
		sentences[last] = append(sentences[last], line)
	}
	return names, sentences
}

// Concept compares every neuron's activity on two lists of sentences. Since thousands
// of neurons are looked at, the null model takes the strongest of them all in each of
// shuffles random relabellings of the sentences (Westfall & Young 1993; seed 1).
func (l *Lab) Concept(ctx context.Context, name string, with, without []string, shuffles, list int) (*Concept, error) {
	if len(with) < 3 || len(without) < 3 {
		return nil, fmt.Errorf("concept %q has %d sentences with and %d without it, want 3 of each at least", name, len(with), len(without))
	}
	if err := errors.Join(inRange("number of shuffles", shuffles, 1, 100000), inRange("number of neurons listed", list, 1, 100000)); err != nil {
		return nil, err
	}
	var rows [][]float32
	for _, text := range append(append([]string(nil), with...), without...) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows = append(rows, l.peaks(l.Encode(text, false)))
	}
	out := &Concept{Name: name, With: len(with), Without: len(without), Neurons: len(rows[0])}
	labels := make([]bool, len(rows))
	for i := range with {
		labels[i] = true
	}
	t := welch(rows, labels)
	rng := rand.New(rand.NewPCG(1, 0))
	var null []float64
	for n := range shuffles {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rng.Shuffle(len(labels), func(i, j int) { labels[i], labels[j] = labels[j], labels[i] })
		most := 0.0
		for _, v := range welch(rows, labels) {
			most = max(most, math.Abs(v))
		}
		null = append(null, most)
		l.step(n+1, shuffles)
	}
	out.Threshold = quantile(null, 0.95)
	size := make([]float64, len(t))
	for i, v := range t {
		if size[i] = math.Abs(v); size[i] > out.Threshold {
			out.Specific++
		}
	}
	for _, i := range best(size, list) {
		k := ConceptNeuron{T: t[i], P: pValue(size[i], null)}
		k.Layer, k.Expert, k.Neuron = l.neuronAt(i)
		for j, row := range rows {
			if j < len(with) {
				k.With += float64(row[i]) / float64(len(with))
			} else {
				k.Without += float64(row[i]) / float64(len(without))
			}
		}
		out.Found = append(out.Found, k)
	}
	return out, nil
}

// neuronsBefore is the number of neurons in the layers before one.
func (l *Lab) neuronsBefore(layer int) (n int) {
	for i := range layer {
		n += l.Model.LayerExperts(i) * l.Model.LayerHidden(i)
	}
	return n
}

// neuronAt names the i-th of all neurons, which come by layer, then expert.
func (l *Lab) neuronAt(i int) (layer, expert, neuron int) {
	for i >= l.Model.LayerExperts(layer)*l.Model.LayerHidden(layer) {
		i -= l.Model.LayerExperts(layer) * l.Model.LayerHidden(layer)
		layer++
	}
	f := l.Model.LayerHidden(layer)
	return layer, i / f, i % f
}

// peaks are, for every neuron in the order of neuronAt, its strongest activation in a
// sentence.
func (l *Lab) peaks(ids []int32) []float32 {
	out := make([]float32, l.neuronsBefore(l.Model.Config.Layers))
	l.pass(ids, false, func(at model.Point, layer int, rows []float32, width int) {
		if at != model.AtNeurons {
			return
		}
		before := l.neuronsBefore(layer)
		for i := range ids {
			if i == 0 && len(ids) > 1 && l.Tok.IsControl(ids[0]) {
				continue // the start of every text
			}
			for j, e := range l.scratch.Experts(layer, i) {
				slot := l.scratch.Slot(i, j)
				peak := out[before+int(e)*width:]
				for k, v := range rows[slot*width : (slot+1)*width] {
					if v*v > peak[k]*peak[k] {
						peak[k] = v
					}
				}
			}
		}
	})
	return out
}

// welch is, for each column, Welch's t of the rows labelled true against the others:
// the difference of means by its standard error, 0 where nothing varies. The error has
// a floor of a hundredth of the largest magnitude in the column, so that a neuron that
// happens to be constant in both groups does not count as infinitely certain.
func welch(rows [][]float32, labels []bool) []float64 {
	n := len(rows[0])
	var sum, square [2][]float64
	top := make([]float64, n)
	for g := range 2 {
		sum[g], square[g] = make([]float64, n), make([]float64, n)
	}
	var size [2]float64
	for i, row := range rows {
		g := 0
		if labels[i] {
			g = 1
		}
		size[g]++
		for j, v := range row {
			x := float64(v)
			sum[g][j] += x
			square[g][j] += x * x
			top[j] = max(top[j], math.Abs(x))
		}
	}
	out := make([]float64, n)
	for j := range out {
		if top[j] == 0 {
			continue
		}
		var m, v [2]float64
		for g := range 2 {
			m[g] = sum[g][j] / size[g]
			v[g] = max(0, square[g][j]-size[g]*m[g]*m[g]) / (size[g] - 1) / size[g]
		}
		out[j] = (m[1] - m[0]) / max(math.Sqrt(v[0]+v[1]), 0.01*top[j])
	}
	return out
}
