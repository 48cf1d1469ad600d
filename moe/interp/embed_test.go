package interp

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// Points in a known plane: the two components are its axes, with their variances.
func TestPrincipalComponents(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var rows [][]float64
	var a, b []float64
	for range 300 {
		u, v := 3*rng.NormFloat64(), rng.NormFloat64()
		a, b = append(a, u), append(b, v)
		rows = append(rows, []float64{5 + 0.6*u, 0.8*u - 2, v})
	}
	scores, variance := principal(rows, 3)
	va, vb := deviation(a)*deviation(a), deviation(b)*deviation(b)
	if math.Abs(variance[0]-va/(va+vb)) > 0.01 || variance[2] > 1e-9 {
		t.Errorf("shares of variance %v, want %v", variance, va/(va+vb))
	}
	ma, same := mean(a), 0.0
	for i := range a {
		same += scores[i][0] * (a[i] - ma)
	}
	if r := math.Abs(same) / (299 * deviation(a) * math.Sqrt(variance[0]*(va+vb))); r < 0.99 {
		t.Errorf("the first component goes with the first axis at %.3f", r)
	}
}

// Two heaps far apart must stay two heaps.
func TestTSNEKeepsHeapsApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	var points [][]float64
	for i := range 60 {
		p := make([]float64, 5)
		for k := range p {
			p[k] = rng.NormFloat64()
		}
		p[0] += float64(i%2) * 30
		points = append(points, p)
	}
	y, err := tsne(t.Context(), points, 300)
	if err != nil {
		t.Fatal(err)
	}
	var flat [][]float64
	for _, p := range y {
		flat = append(flat, p[:])
	}
	for i, near := range nearestOf(flat, func(a, b []float64) float64 { return -math.Hypot(a[0]-b[0], a[1]-b[1]) }) {
		for _, j := range near {
			if i%2 != j%2 {
				t.Fatalf("point %d has %d of the other heap beside it", i, j)
			}
		}
	}
}

func TestEmbed(t *testing.T) {
	l := plantedLab(t)
	rng := rand.New(rand.NewPCG(4, 5))
	var texts []string
	for range 10 {
		texts = append(texts, "s: "+letters(rng, 40, 'a', 'o'))
	}
	corpus := corpusOf(t, texts...)
	x, err := l.Embed(t.Context(), corpus, 15, []int32{3})
	if err != nil {
		t.Fatal(err)
	}
	// Rows of one class have cosine (1+1)/3, of two classes 0.
	for _, n := range x.Neighbours[0].Near[:6] {
		if n.ID >= 8 || math.Abs(n.Prob-2./3) > 1e-6 {
			t.Errorf("neighbour of c: %+v", n)
		}
	}
	if last := x.Neighbours[0].Near[9]; last.ID < 8 || math.Abs(last.Prob) > 1e-6 {
		t.Errorf("the tenth neighbour of c: %+v", last)
	}
	// The class has 15-1/15 of the squares, 14 are the tokens' own, of which one 15th
	// lies along it. One element holds it all, so shuffling elements leaves it.
	if v := x.Variance[0]; math.Abs(v-0.5507) > 1e-3 || math.Abs(x.Null[0]-v) > 0.02 {
		t.Errorf("variance %v, shuffled %v", x.Variance, x.Null)
	}
	if k := x.Layers[0]; k.Same.Mean != 1 || k.Name != "embedding" || len(x.Layers) != 3 {
		t.Errorf("layers %+v", x.Layers)
	}
	checkReport(t, x.Report(), x)
	var r *RangeError
	if _, err := l.Neighbours(16, 3); !errors.As(err, &r) || r.Hi != 15 {
		t.Errorf("token 16: %v", err)
	}
	if _, err := l.Embed(t.Context(), corpus, 5, nil); !errors.As(err, &r) {
		t.Errorf("a map of 5: %v", err)
	}
}

// With rows planted so that b - a = d - c, the analogy must come out.
func TestAnalogy(t *testing.T) {
	l := plantedLab(t)
	rng := rand.New(rand.NewPCG(6, 7))
	table := make([][]float64, 16)
	for i := range table {
		table[i] = make([]float64, 12)
		for k := range table[i] {
			table[i][k] = rng.NormFloat64()
		}
	}
	for k := range 12 {
		table[4][k] = table[3][k] + table[2][k] - table[1][k]
	}
	table = units(table)
	for k := range 12 { // of the directions too
		table[4][k] = table[3][k] + table[2][k] - table[1][k]
	}
	table = units(table)
	if rank, near := l.analogy(table, []int32{1, 2, 3, 4}, true); rank != 0 || near != 4 {
		t.Errorf("planted analogy: rank %d, nearest %d", rank, near)
	}
	if rank, near := l.analogy(table, []int32{1, 2, 3, 7}, true); rank == 0 || near != 4 {
		t.Errorf("a wrong fourth word: rank %d, nearest %d", rank, near)
	}
}
