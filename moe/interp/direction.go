package interp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"moebot/moe/model"
	"moebot/moe/model/steer"
)

// probePrefix begins the names of directions that probes give.
const probePrefix = "probe-"

// directionPenalty is that of the probes behind directions; see penalties.
const directionPenalty = 30

// DirectionNames are the names that Direction knows for this model: the concepts, whose
// direction is a difference of means, and the properties of two classes, whose direction
// is a probe's.
func (l *Lab) DirectionNames() []string {
	names, _ := Concepts()
	for _, s := range l.ProbeSets() {
		if len(s.Classes) == 2 {
			names = append(names, probePrefix+s.Name)
		}
	}
	return names
}

// Direction is a named direction behind a layer, [D]. Amount 1 of it leads from the mean
// state of the other texts to that of those with the concept, or, of a probe, from the
// mean of its first class to that of its second as far as the probe looks at it.
func (l *Lab) Direction(ctx context.Context, name string, layer int) ([]float32, error) {
	if err := steer.CheckLayer(l.Model.Config, layer); err != nil {
		return nil, err
	}
	names, sentences := Concepts()
	if slices.Contains(names, name) {
		var rest []string
		for _, n := range names {
			if n != name {
				rest = append(rest, sentences[n]...)
			}
		}
		return l.MeanDifference(ctx, layer, sentences[name], rest)
	}
	for _, s := range l.ProbeSets() {
		if probePrefix+s.Name == name && len(s.Classes) == 2 {
			return l.probeDirection(ctx, layer, s)
		}
	}
	return nil, fmt.Errorf("unknown direction %q, want one of %s", name, strings.Join(l.DirectionNames(), ", "))
}

// MeanDifference is the direction that leads, behind a layer, from the mean state of
// the texts without to that of those with something; means over all their positions
// but the first.
func (l *Lab) MeanDifference(ctx context.Context, layer int, with, without []string) ([]float32, error) {
	if err := steer.CheckLayer(l.Model.Config, layer); err != nil {
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
			ids := l.Encode(text, false)
			if len(ids) == 0 {
				continue
			}
			l.pass(ids, false, func(at model.Point, li int, rows []float32, width int) {
				if at != model.AtLayer || li != layer {
					return
				}
				for j := width; j < len(rows); j++ {
					sum[j%width] += float64(rows[j])
				}
				n += len(rows)/width - 1
			})
		}
		if n == 0 {
			return nil, errors.New("a direction needs texts of two tokens at least")
		}
		for k := range out {
			v := float32(sum[k] / float64(n))
			if i == 0 {
				out[k] += v
			} else {
				out[k] -= v
			}
		}
	}
	return out, nil
}

// probeDirection is where a linear probe of two classes looks behind a layer: the
// gradient of its difference of logits, as long as the way between the classes' means
// along it. The probe learns from all examples; how well it does on others, Probe says.
func (l *Lab) probeDirection(ctx context.Context, layer int, s ProbeSet) ([]float32, error) {
	states, err := l.statesAt(ctx, s.Examples)
	if err != nil {
		return nil, err
	}
	rows := states[layer+1]
	class, all := make([]int, len(rows)), make([]int, len(rows))
	for i, e := range s.Examples {
		class[i], all[i] = e.Class, i
	}
	return twoClasses(rows, class, all)
}

// twoClasses is probeDirection of states [n][D].
func twoClasses(rows [][]float64, class, all []int) ([]float32, error) {
	d := len(rows[0])
	p := fitProbe(rows, class, all, 2, directionPenalty)
	g, means, counts := make([]float64, d), [2][]float64{make([]float64, d), make([]float64, d)}, [2]float64{}
	for i, row := range rows {
		counts[class[i]]++
		for k, v := range row {
			means[class[i]][k] += v
		}
	}
	for k := range g {
		g[k] = (p.w[d+1+k] - p.w[k]) * p.scale[k]
	}
	length := math.Sqrt(dot(g, g))
	if length == 0 || counts[0] == 0 || counts[1] == 0 {
		return nil, errors.New("the probe tells nothing apart: it has no direction")
	}
	way := 0.0
	for k := range g {
		way += (means[1][k]/counts[1] - means[0][k]/counts[0]) * g[k] / length
	}
	out := make([]float32, d)
	for k := range out {
		out[k] = float32(way * g[k] / length)
	}
	return out, nil
}
