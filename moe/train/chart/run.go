package chart

import (
	"fmt"
	"math"
	"sort"

	"moebot/moe/backprop"
	"moebot/moe/train"
)

// maxPoints and maxColumns bound a curve and a map: more cannot be seen.
const maxPoints, maxColumns = 400, 150

// Run is the story of one training, from its log: losses, loss per held-out source,
// learning rate, gradient norm, and the experts' load with its entropy per layer.
func Run(recs []train.Record) []Panel {
	loss := Panel{Title: "Loss", X: "step", Y: "nats per token"}
	var steps, mean, lr, norm []Point
	sources, training := map[string][]Point{}, map[string][]Point{}
	var loads []train.Record
	for _, r := range recs {
		x := float64(r.Step)
		switch r.Event {
		case "train":
			steps, lr, norm = append(steps, Point{x, r.Loss}), append(lr, Point{x, r.LR}), append(norm, Point{x, r.Norm})
			for name, l := range r.Sources {
				training[name] = append(training[name], Point{x, l})
			}
			if len(r.Load) > 0 {
				loads = append(loads, r)
			}
		case "held":
			mean = append(mean, Point{x, r.Mean})
			for name, l := range r.Held {
				sources[name] = append(sources[name], Point{x, l.Reply})
			}
		case "skip": // a step that was not taken breaks the curves
			steps, norm = append(steps, Point{x, math.NaN()}), append(norm, Point{x, math.NaN()})
		}
	}
	loss.Lines = []Line{{Name: "training", Points: thin(steps)}, {Name: "held out, mean", Points: mean, Group: 2}}
	out := []Panel{loss}
	if len(sources) > 0 {
		out = append(out, perSource("Held-out loss per source", "nats per reply token", sources))
	}
	if len(training) > 1 {
		out = append(out, perSource("Training loss per source", "nats per token", training))
	}
	out = append(out, Panel{Title: "Learning rate", X: "step", Y: "rate", Lines: []Line{{Points: thin(lr)}}},
		Panel{Title: "Gradient norm before clipping", X: "step", Y: "norm", Log: true, Lines: []Line{{Points: thin(norm)}}})
	if len(loads) > 0 {
		out = append(out, entropy(loads), loadMap(loads))
	}
	return out
}

// perSource has a line for each source, in the order in which they end, so that the
// legend reads like the curves.
func perSource(title, unit string, sources map[string][]Point) Panel {
	p := Panel{Title: title, X: "step", Y: unit}
	for name, points := range sources {
		p.Lines = append(p.Lines, Line{Name: name, Points: thin(points)})
	}
	last := func(l Line) float64 { return l.Points[len(l.Points)-1].Y }
	sort.Slice(p.Lines, func(i, j int) bool {
		if a, b := last(p.Lines[i]), last(p.Lines[j]); a != b {
			return a > b
		}
		return p.Lines[i].Name < p.Lines[j].Name
	})
	return p
}

// entropy shows, per layer, how evenly the experts are used.
func entropy(recs []train.Record) Panel {
	p := Panel{Title: "Entropy of the expert load (1 is even)", X: "step", Y: "share of the largest"}
	for layer := range recs[0].Load {
		var points []Point
		for _, r := range recs {
			if layer < len(r.Load) {
				points = append(points, Point{float64(r.Step), backprop.Entropy(r.Load[layer])})
			}
		}
		p.Lines = append(p.Lines, Line{Name: fmt.Sprintf("layer %d", layer), Points: thin(points)})
	}
	return p
}

// loadMap shows each expert's share of its layer's tokens, layers one above the other.
func loadMap(recs []train.Record) Panel {
	layers, experts := len(recs[0].Load), len(recs[0].Load[0])
	m := &Map{Rows: make([][]float64, layers*experts)}
	stride := (len(recs) + maxColumns - 1) / maxColumns
	for i := 0; i < len(recs); i += stride {
		if len(recs[i].Load) != layers {
			continue
		}
		m.X = append(m.X, float64(recs[i].Step))
		for l, load := range recs[i].Load {
			for e, v := range load {
				m.Rows[l*experts+e] = append(m.Rows[l*experts+e], v)
			}
		}
	}
	m.Name = func(row int) string {
		if row%experts == 0 {
			return fmt.Sprintf("layer %d", row/experts)
		}
		return ""
	}
	return Panel{Title: fmt.Sprintf("Expert load (white 0, even is 1/%d)", experts), X: "step", Map: m}
}

// thin averages neighbours until a curve has at most maxPoints; a point that
// is not finite stays visible as a break.
func thin(in []Point) []Point {
	n := (len(in) + maxPoints - 1) / maxPoints
	if n <= 1 {
		return in
	}
	var out []Point
	for len(in) > 0 {
		k := min(n, len(in))
		var s Point
		for _, p := range in[:k] {
			s.X, s.Y = s.X+p.X/float64(k), s.Y+p.Y/float64(k)
		}
		out, in = append(out, s), in[k:]
	}
	return out
}
