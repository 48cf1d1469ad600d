package interp

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"

	"moebot/moe/kernel"
	"moebot/moe/model"
	"moebot/moe/model/steer"
)

// Neurons is how the hidden layers of all experts are used over a corpus. An
// activation is what SwiGLU gives, before the down projection.
type Neurons struct {
	Tokens  int             `json:"tokens"`
	Experts [][]ExpertUsage `json:"experts"` // [layer][expert]
	Hoyer   float64         `json:"hoyer_null"`
}

// ExpertUsage is one expert's neurons. Dead neurons never reach 1 % of the largest
// activation of their expert. Sparsity is Hoyer's measure (2004, eq. 5) of a token's
// activations: 0 if all are equally strong, 1 if there is but one; Neurons.Hoyer is
// that of random normal numbers.
type ExpertUsage struct {
	Tokens   int      `json:"tokens"` // that the expert took
	Dead     int      `json:"dead"`
	Sparsity Estimate `json:"sparsity"`
	Largest  float64  `json:"largest"` // activation, by magnitude
}

// Neurons looks at all neurons at once.
func (l *Lab) Neurons(ctx context.Context, corpus *Corpus) (*Neurons, error) {
	c := l.Model.Config
	top := make([][][]float32, c.Layers)  // [layer][expert][F] the largest magnitude
	sparse := make([][]running, c.Layers) // [layer][expert]
	for n := range top {
		top[n], sparse[n] = make([][]float32, l.Model.LayerExperts(n)), make([]running, l.Model.LayerExperts(n))
		for e := range top[n] {
			top[n][e] = make([]float32, l.Model.LayerHidden(n))
		}
	}
	out := &Neurons{Hoyer: hoyerOfNoise(c.Hidden)}
	err := corpus.Each(ctx, l, func(s Sequence) error {
		out.Tokens += len(s.IDs)
		l.pass(s.IDs, false, func(at model.Point, layer int, rows []float32, width int) {
			if at != model.AtNeurons {
				return
			}
			for i := range s.IDs {
				for j, e := range l.scratch.Experts(layer, i) {
					slot := l.scratch.Slot(i, j)
					a, t := rows[slot*width:(slot+1)*width], top[layer][e]
					for k, v := range a {
						t[k] = max(t[k], v, -v)
					}
					sparse[layer][e].add(hoyer(a))
				}
			}
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	for n := range top {
		out.Experts = append(out.Experts, nil)
		for e, t := range top[n] {
			u := ExpertUsage{Tokens: sparse[n][e].n, Sparsity: sparse[n][e].estimate(), Largest: float64(kernel.Max(t))}
			for _, v := range t {
				if float64(v) <= 0.01*u.Largest {
					u.Dead++
				}
			}
			out.Experts[n] = append(out.Experts[n], u)
		}
	}
	return out, nil
}

// hoyer is Hoyer's sparsity of x, 0 to 1; of zeros alone it is 1.
func hoyer(x []float32) float64 {
	one, two := 0.0, 0.0
	for _, v := range x {
		one += math.Abs(float64(v))
		two += float64(v) * float64(v)
	}
	n := math.Sqrt(float64(len(x)))
	if two == 0 || n <= 1 {
		return 1
	}
	return (n - one/math.Sqrt(two)) / (n - 1)
}

// hoyerOfNoise is the sparsity to expect of n normal numbers: their mean magnitude is
// √(2/π) of their deviation.
func hoyerOfNoise(n int) float64 {
	r := math.Sqrt(float64(n))
	if r <= 1 {
		return 1
	}
	return (r - r*math.Sqrt(2/math.Pi)) / (r - 1)
}

// Neuron is one neuron of one expert.
type Neuron struct {
	Layer     int           `json:"layer"`
	Expert    int           `json:"expert"`
	Neuron    int           `json:"neuron"`
	Tokens    int           `json:"tokens"`   // that reached the expert
	Activity  Estimate      `json:"activity"` // its activation over them
	Deviation float64       `json:"deviation"`
	Contexts  []Context     `json:"contexts"`        // where it is strongest by magnitude
	SameToken float64       `json:"same_token"`      // share of those places that have the commonest token among them
	Null      float64       `json:"same_token_null"` // the same among places of the expert drawn at random (mean of 100 drawings, seed 1)
	Raises    []Alternative `json:"raises"`          // tokens whose logit it raises most, per unit of activation; Prob holds the logit
	Lowers    []Alternative `json:"lowers"`
	Sharp     float64       `json:"sharp"`      // largest effect by magnitude in deviations of its effects on all tokens
	SharpNull float64       `json:"sharp_null"` // largest of 50 random directions of the stream
}

// Context is a place in the corpus.
type Context struct {
	Topic      string  `json:"topic"`
	Before     string  `json:"before"`
	Token      string  `json:"token"`
	After      string  `json:"after"`
	Activation float64 `json:"activation"`
}

// Neuron watches one neuron over the corpus and keeps its contexts strongest places.
// Its direct effect on the logits leaves out the final norm's scale and all that later
// layers make of it.
func (l *Lab) Neuron(ctx context.Context, corpus *Corpus, layer, expert, neuron, contexts int) (*Neuron, error) {
	if err := steer.CheckLayer(l.Model.Config, layer); err != nil {
		return nil, err
	}
	if err := errors.Join(steer.CheckExpert(l.Model, layer, expert), steer.CheckNeuron(l.Model, layer, neuron), inRange("number of contexts", contexts, 1, 10000)); err != nil {
		return nil, err
	}
	out := &Neuron{Layer: layer, Expert: expert, Neuron: neuron}
	var values running
	places := make([]int, l.Model.Config.Vocab) // by token
	var strongest []int32                       // tokens of the places in Contexts
	err := corpus.Each(ctx, l, func(s Sequence) error {
		l.pass(s.IDs, false, func(at model.Point, n int, rows []float32, width int) {
			if at != model.AtNeurons || n != layer {
				return
			}
			l.slotsOf(n, int32(expert), len(rows)/width, func(i, slot int, _ float32) {
				v := float64(rows[slot*width+neuron])
				values.add(v)
				places[s.IDs[i]]++
				k, _ := slices.BinarySearchFunc(out.Contexts, v, func(a Context, v float64) int {
					if math.Abs(a.Activation) >= math.Abs(v) {
						return -1
					}
					return 1
				})
				if k >= contexts {
					return
				}
				before, after := l.Tok.Decode(s.IDs[max(0, i-12):i]), l.Tok.Decode(s.IDs[i+1:min(len(s.IDs), i+6)])
				out.Contexts = slices.Insert(out.Contexts, k, Context{s.Topic, before, l.Show(s.IDs[i]), after, v})
				strongest = slices.Insert(strongest, k, s.IDs[i])
				n := min(contexts, len(strongest))
				out.Contexts, strongest = out.Contexts[:n], strongest[:n]
			})
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.Tokens, out.Activity, out.Deviation = values.n, values.estimate(), values.deviation()
	if len(strongest) > 0 {
		out.SameToken = commonest(strongest)
		out.Null = drawnCommonest(places, len(strongest))
	}
	l.directEffect(out)
	return out, nil
}

// drawnCommonest is the share of the commonest token among n places drawn at random, the
// mean of 100 drawings (seed 1); places counts them by token.
func drawnCommonest(places []int, n int) float64 {
	last := make([]int, len(places)) // [token] places of it and of the tokens before
	sum := 0
	for id, k := range places {
		sum += k
		last[id] = sum
	}
	rng := rand.New(rand.NewPCG(1, 0))
	var null running
	drawn := make([]int32, n)
	for range 100 {
		for i := range drawn {
			id, _ := slices.BinarySearch(last, rng.IntN(sum)+1)
			drawn[i] = int32(id)
		}
		null.add(commonest(drawn))
	}
	return null.mean
}

// commonest is the share of the most frequent of ids.
func commonest(ids []int32) float64 {
	counts, most := map[int32]int{}, 0
	for _, id := range ids {
		counts[id]++
		most = max(most, counts[id])
	}
	return float64(most) / float64(len(ids))
}

// directEffect fills in what a unit of the neuron's activation adds to the logits.
func (l *Lab) directEffect(n *Neuron) {
	effects := l.logitsOf(l.column(n.Layer, n.Expert, n.Neuron, 1))
	n.Sharp = sharpness(effects)
	for _, i := range best(effects, 10) {
		n.Raises = append(n.Raises, Alternative{int32(i), l.Show(int32(i)), effects[i]})
	}
	for i := range effects {
		effects[i] = -effects[i]
	}
	for _, i := range best(effects, 10) {
		n.Lowers = append(n.Lowers, Alternative{int32(i), l.Show(int32(i)), -effects[i]})
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		n.SharpNull = max(n.SharpNull, sharpness(l.logitsOf(l.randomDirection(rng, 1))))
	}
}

// column is what a neuron adds to the residual stream at an activation, [D], the gate
// weight left out.
func (l *Lab) column(layer, expert, neuron int, activation float32) []float32 {
	d, width := l.Model.Config.Dim, l.Model.LayerHidden(layer)
	one, out := make([]float32, width), make([]float32, d)
	one[neuron] = activation
	kernel.MatMulRows(out, d, l.Model.Down(layer, expert), 0, d, one, width, 1)
	return out
}

// logitsOf is what a direction of the residual stream adds to the logits, but for the
// final norm's scale.
func (l *Lab) logitsOf(direction []float32) []float64 {
	c := l.Model.Config
	x, y := make([]float32, c.Dim), make([]float32, c.Vocab)
	for i, w := range l.Model.FinalNorm() {
		x[i] = direction[i] * w
	}
	l.pool.Run((c.Vocab+255)/256, func(b int) {
		kernel.MatMulRows(y, c.Vocab, l.Model.Output(), b*256, min(c.Vocab, b*256+256), x, c.Dim, 1)
	})
	return float64s(y)
}

// randomDirection is a direction of the stream drawn evenly, of the given length.
func (l *Lab) randomDirection(rng *rand.Rand, length float64) []float32 {
	out, sum := make([]float32, l.Model.Config.Dim), 0.0
	for i := range out {
		v := rng.NormFloat64()
		out[i], sum = float32(v), sum+v*v
	}
	kernel.Scale(float32(length/math.Sqrt(sum)), out)
	return out
}

// sharpness is the largest value in deviations of all, by magnitude; 0 if they do not vary.
func sharpness(x []float64) float64 {
	m, d, most := mean(x), deviation(x), 0.0
	if d == 0 {
		return 0
	}
	for _, v := range x {
		most = max(most, math.Abs(v-m))
	}
	return most / d
}
