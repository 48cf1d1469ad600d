package interp

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"

	"moebot/moe/model"
)

// Probes is what a linear probe reads from each layer.
type Probes struct {
	Sets []Probed `json:"sets"`
}

// Probed is one property. Accuracies are on held-out groups of texts: five times, each
// text once.
type Probed struct {
	Name    string       `json:"name"`
	Classes []string     `json:"classes"`
	Texts   int          `json:"texts"`
	Groups  int          `json:"groups"`
	Chance  float64      `json:"chance"` // share of the commonest class
	Layers  []ProbeLayer `json:"layers"` // the embedding first
}

// ProbeLayer is the probe of one layer. Control is the same with the labels shuffled
// among the texts (Hewitt & Liang 2019, arXiv 1909.03368, with texts for words):
// Learnt is how well the probe fits those, which is what it can memorise.
type ProbeLayer struct {
	Name     string   `json:"name"`
	Computed int      `json:"computed"` // layers up to here
	Accuracy Estimate `json:"accuracy"`
	Control  Estimate `json:"control"`
	Learnt   float64  `json:"control_learnt"`
}

const probeFolds = 5

// Probe fits probes of every stride-th layer, and the last, for each set: multinomial
// logistic regression on standardised states, with an L2 penalty on the summed loss.
func (l *Lab) Probe(ctx context.Context, sets []ProbeSet, stride int) (*Probes, error) {
	layers := l.Model.Config.Layers
	if err := inRange("stride", stride, 1, layers); err != nil {
		return nil, err
	}
	out := &Probes{}
	done, each := 0, 1
	for n := range layers + 1 {
		if probed(n, layers, stride) {
			each++
		}
	}
	for _, s := range sets {
		p, err := l.probe(ctx, s, stride, func() { done++; l.step(done, each*len(sets)) })
		if err != nil {
			return nil, err
		}
		out.Sets = append(out.Sets, *p)
	}
	return out, nil
}

// probed reports whether the state behind n layers is looked at.
func probed(n, layers, stride int) bool { return n%stride == 0 || n == layers }

func (l *Lab) probe(ctx context.Context, s ProbeSet, stride int, did func()) (*Probed, error) {
	groups, counts := 0, make([]int, len(s.Classes))
	for i, e := range s.Examples {
		if e.At < 0 || e.At >= len(e.IDs) || e.Class < 0 || e.Class >= len(s.Classes) {
			return nil, fmt.Errorf("probe %s: example %d is read at %d of %d tokens, class %d of %d", s.Name, i, e.At, len(e.IDs), e.Class, len(s.Classes))
		}
		groups = max(groups, e.Group+1)
		counts[e.Class]++
	}
	if groups < probeFolds || len(s.Classes) < 2 {
		return nil, fmt.Errorf("probe %s has %d groups of texts and %d classes, want %d and 2 at least", s.Name, groups, len(s.Classes), probeFolds)
	}
	out := &Probed{Name: s.Name, Classes: s.Classes, Texts: len(s.Examples), Groups: groups}
	for _, p := range shares(counts) {
		out.Chance = max(out.Chance, p)
	}
	states, err := l.statesAt(ctx, s.Examples)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(1, 0))
	fold := rng.Perm(groups)
	classes, shuffled := make([]int, len(s.Examples)), make([]int, len(s.Examples))
	for i, j := range rng.Perm(len(s.Examples)) {
		classes[i], shuffled[j] = s.Examples[i].Class, s.Examples[i].Class
	}
	did()
	for n, rows := range states {
		if !probed(n, len(states)-1, stride) {
			continue
		}
		name := "embedding"
		if n > 0 {
			name = layerName(n - 1)
		}
		y := ProbeLayer{Name: name, Computed: n}
		var right, controlRight, learnt, learntOf int
		for f := range probeFolds {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			var train, test []int
			for i, e := range s.Examples {
				if fold[e.Group]%probeFolds == f {
					test = append(test, i)
				} else {
					train = append(train, i)
				}
			}
			held := func(i int) bool { return fold[s.Examples[i].Group]%probeFolds == (f+1)%probeFolds }
			probe := chooseProbe(rows, classes, train, len(s.Classes), held)
			control := chooseProbe(rows, shuffled, train, len(s.Classes), held)
			right += probe.right(rows, classes, test)
			controlRight += control.right(rows, shuffled, test)
			learnt, learntOf = learnt+control.right(rows, shuffled, train), learntOf+len(train)
		}
		y.Accuracy, y.Control, y.Learnt = share(right, len(rows)), share(controlRight, len(rows)), float64(learnt)/float64(learntOf)
		out.Layers = append(out.Layers, y)
		did()
	}
	return out, nil
}

// statesAt are the states [layers+1][example][D] at the examples' positions.
func (l *Lab) statesAt(ctx context.Context, examples []Example) ([][][]float64, error) {
	out := make([][][]float64, l.Model.Config.Layers+1)
	for _, e := range examples {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l.pass(e.IDs[:e.At+1], false, func(at model.Point, layer int, rows []float32, width int) {
			switch at {
			case model.AtEmbedding:
				out[0] = append(out[0], float64s(rows[e.At*width:(e.At+1)*width]))
			case model.AtLayer:
				out[layer+1] = append(out[layer+1], float64s(rows[e.At*width:(e.At+1)*width]))
			}
		})
	}
	return out, nil
}

// logistic is a fitted probe.
type logistic struct {
	mid, scale []float64 // of the training states
	w          []float64 // [classes][D+1], the last being the offset
	classes    int
	penalty    float64
}

// penalties are the weights λ of λ/2·|W|² that chooseProbe tries.
var penalties = []float64{1, 30, 1000}

// chooseProbe fits the rows named by train with the penalty that does best on those
// of them that held names, after learning from the others.
func chooseProbe(rows [][]float64, class []int, train []int, classes int, held func(i int) bool) *logistic {
	var learn, check []int
	for _, i := range train {
		if held(i) {
			check = append(check, i)
		} else {
			learn = append(learn, i)
		}
	}
	top, penalty := -1, penalties[0]
	for _, x := range penalties {
		if n := fitProbe(rows, class, learn, classes, x).right(rows, class, check); n > top {
			top, penalty = n, x
		}
	}
	return fitProbe(rows, class, train, classes, penalty)
}

// fitProbe fits the rows named by train.
func fitProbe(rows [][]float64, class []int, train []int, classes int, penalty float64) *logistic {
	d := len(rows[0])
	p := &logistic{mid: make([]float64, d), scale: make([]float64, d), classes: classes, penalty: penalty}
	for k := range d {
		var x []float64
		for _, i := range train {
			x = append(x, rows[i][k])
		}
		p.mid[k] = mean(x)
		if s := deviation(x); s > 1e-9*math.Abs(p.mid[k])+1e-12 {
			p.scale[k] = 1 / s
		}
	}
	var x [][]float64
	var y []int
	for _, i := range train {
		x, y = append(x, p.standardise(rows[i])), append(y, class[i])
	}
	x, widen := narrow(x)
	problem := optimize.Problem{
		Func: func(w []float64) float64 { return p.loss(w, x, y, nil) },
		Grad: func(g, w []float64) { p.loss(w, x, y, g) },
	}
	start := make([]float64, classes*len(x[0]))
	res, err := optimize.Minimize(problem, start, &optimize.Settings{GradientThreshold: 1e-3, MajorIterations: 200}, &optimize.LBFGS{})
	w := start
	if res != nil && (err == nil || res.F < math.Inf(1)) { // a stop for want of progress is the end all the same
		w = res.X
	}
	for of := range slices.Chunk(w, len(x[0])) {
		p.w = append(p.w, widen(of)...)
	}
	return p
}

// narrow turns standardised rows [D+1] of which there are fewer than D, so that all but as
// many coordinates as rows are zero and can be left out; widen gives the weights of the
// narrow rows as weights of the wide. That changes no probe: what an L2 penalty finds lies
// in the space of the rows (representer theorem; Kimeldorf & Wahba 1971).
func narrow(rows [][]float64) (out [][]float64, widen func(w []float64) []float64) {
	d, m := len(rows[0])-1, len(rows)
	var e mat.EigenSym
	if d <= m || !e.Factorize(gram(rows), true) {
		return rows, func(w []float64) []float64 { return w }
	}
	var u mat.Dense
	e.VectorsTo(&u)
	var kept []int
	var long []float64 // the rows' root of squares along each axis kept
	values := e.Values(nil)
	for k, v := range values {
		if v > 1e-12*values[m-1] {
			kept, long = append(kept, k), append(long, math.Sqrt(v))
		}
	}
	for i := range rows {
		row := make([]float64, len(kept)+1)
		for j, k := range kept {
			row[j] = u.At(i, k) * long[j]
		}
		row[len(kept)] = 1
		out = append(out, row)
	}
	return out, func(w []float64) []float64 {
		wide := make([]float64, d+1)
		for i, row := range rows {
			of := 0.0
			for j, k := range kept {
				of += u.At(i, k) / long[j] * w[j]
			}
			for k, v := range row[:d] {
				wide[k] += of * v
			}
		}
		wide[d] = w[len(kept)]
		return wide
	}
}

// standardise is a row with a one behind.
func (p *logistic) standardise(row []float64) []float64 {
	out := make([]float64, len(row)+1)
	for k, v := range row {
		out[k] = (v - p.mid[k]) * p.scale[k]
	}
	out[len(row)] = 1
	return out
}

// loss is the summed cross-entropy and the penalty, which spares the offsets. The
// gradient is written to g unless it is nil.
func (p *logistic) loss(w []float64, x [][]float64, y []int, g []float64) float64 {
	d := len(x[0])
	total := 0.0
	for i, v := range w {
		at := v
		if i%d == d-1 {
			at = 0
		}
		total += p.penalty / 2 * at * at
		if g != nil {
			g[i] = p.penalty * at
		}
	}
	q := make([]float64, p.classes)
	for i, row := range x {
		top := math.Inf(-1)
		for c := range q {
			q[c] = dot(w[c*d:(c+1)*d], row)
			top = max(top, q[c])
		}
		sum := 0.0
		for c := range q {
			sum += math.Exp(q[c] - top)
		}
		total += top + math.Log(sum) - q[y[i]]
		if g == nil {
			continue
		}
		for c := range q {
			r := math.Exp(q[c]-top) / sum
			if c == y[i] {
				r--
			}
			for k, v := range row {
				g[c*d+k] += r * v
			}
		}
	}
	return total
}

// right counts the rows named whose class the probe names. Of equal ones the first wins.
func (p *logistic) right(rows [][]float64, class []int, which []int) (n int) {
	d := len(rows[0]) + 1
	q := make([]float64, p.classes)
	for _, i := range which {
		x := p.standardise(rows[i])
		for c := range q {
			q[c] = dot(p.w[c*d:(c+1)*d], x)
		}
		if best(q, 1)[0] == class[i] {
			n++
		}
	}
	return n
}

// Report says where each property can be read.
func (p *Probes) Report() Report {
	t := Table{Name: "probes", Header: []string{"property", "layer", "accuracy", "low", "high", "control", "control_learnt", "chance", "texts"}}
	var series []line
	said := ""
	control := line{name: "control, mean", dashed: true}
	for _, s := range p.Sets {
		k := line{name: s.Name}
		top := 0
		for n, y := range s.Layers {
			t.add(s.Name, y.Name, y.Accuracy.Mean, y.Accuracy.Low, y.Accuracy.High, y.Control.Mean, y.Learnt, s.Chance, s.Texts)
			k.x, k.y = append(k.x, float64(y.Computed)), append(k.y, y.Accuracy.Mean)
			if y.Accuracy.Mean > s.Layers[top].Accuracy.Mean {
				top = n
			}
			if n == len(control.x) {
				control.x, control.y = append(control.x, float64(y.Computed)), append(control.y, 0)
			}
			control.y[n] += y.Control.Mean / float64(len(p.Sets))
		}
		series = append(series, k)
		y := s.Layers[top]
		said += fmt.Sprintf("%s %.0f %% in %s (95 %% interval %.0f to %.0f, embedding %.0f, control %.0f, chance %.0f, %d texts); ", s.Name, 100*y.Accuracy.Mean, y.Name, 100*y.Accuracy.Low, 100*y.Accuracy.High, 100*s.Layers[0].Accuracy.Mean, 100*y.Control.Mean, 100*s.Chance, s.Texts)
	}
	return Report{Finding: "Read best by a linear probe, on groups of texts it did not learn from: " + said[:len(said)-2] + ".",
		Tables: []Table{t}, Figures: []Figure{lines("What a linear probe reads behind each layer, on held-out texts", "layers computed", "accuracy", append(series, control)...)}}
}
