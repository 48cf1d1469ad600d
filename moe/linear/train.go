package linear

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Example is a text and whether it is of the kind.
type Example struct {
	Text string
	Is   bool
}

// How Train goes, chosen among a few on the first half of bot/need/testdata/blind.txt.
const (
	epochs   = 12
	rate     = 0.1
	biasRate = 0.01
	decay    = 1e-4 // L2, of the features an example has
)

// Train learns from examples, at least one: the same ones and seed give the same model. Its
// threshold is even odds; see Calibrate. It is AdaGrad (Duchi et al. 2011) on the log loss,
// one example at a time, each as a whole.
func Train(examples []Example, seed uint64) *Model {
	type point struct {
		features []uint32
		is       float64
	}
	points := make([]point, len(examples))
	for i, e := range examples {
		points[i].features = features(tokens(e.Text))
		if e.Is {
			points[i].is = 1
		}
	}
	w, squares, bias := make([]float64, 1<<bits), make([]float64, 1<<bits), 0.0
	rng := rand.New(rand.NewPCG(seed, 0x6c696e))
	for range epochs {
		rng.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
		for _, p := range points {
			z := bias
			for _, f := range p.features {
				z += w[f]
			}
			d := 1/(1+math.Exp(-z)) - p.is
			bias -= biasRate * d
			for _, f := range p.features {
				g := d + decay*w[f]
				squares[f] += g * g
				w[f] -= rate * g / math.Sqrt(squares[f]+1e-3)
			}
		}
	}
	top := 0.0
	for _, v := range w {
		top = max(top, math.Abs(v))
	}
	m := &Model{weights: make([]int8, 1<<bits), scale: float32(top / math.MaxInt8), bias: float32(bias)}
	for i, v := range w {
		if top > 0 {
			m.weights[i] = int8(math.Round(v / top * math.MaxInt8))
		}
	}
	return m
}

// Calibrate sets the threshold so that of texts which are not of the kind a share, 0 to below
// 1, counts as such. They should not be among the examples; none changes nothing.
func (m *Model) Calibrate(others []string, share float64) {
	if len(others) == 0 {
		return
	}
	scores := make([]float64, len(others))
	for i, text := range others {
		scores[i] = -m.Score(text)
	}
	slices.Sort(scores)
	m.bias += float32(scores[int(share*float64(len(scores)))]) - 1e-4 // that text does not count itself
}
