package interp

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func noise(rng *rand.Rand, n, d int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		for range d {
			out[i] = append(out[i], rng.NormFloat64())
		}
	}
	return out
}

// CKA by its definition on features, |YᵀX|²/(|XᵀX|·|YᵀY|) with centred columns,
// where the code goes by Gram matrices.
func TestAlignmentIsCKA(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := noise(rng, 40, 5)
	y := noise(rng, 40, 3)
	for i := range y {
		y[i][0] += 2 * x[i][1]
	}
	norm := func(a, b [][]float64) float64 {
		sum := 0.0
		for p := range a[0] {
			for q := range b[0] {
				var ca, cb []float64
				for i := range a {
					ca, cb = append(ca, a[i][p]), append(cb, b[i][q])
				}
				ma, mb, s := mean(ca), mean(cb), 0.0
				for i := range ca {
					s += (ca[i] - ma) * (cb[i] - mb)
				}
				sum += s * s
			}
		}
		return math.Sqrt(sum)
	}
	want := norm(x, y) * norm(x, y) / (norm(x, x) * norm(y, y))
	if got := alignment(gram(x), gram(y), nil); math.Abs(got-want) > 1e-9 {
		t.Errorf("CKA %v, want %v", got, want)
	}
	turned := make([][]float64, 40) // a rotation, a scale and a shift
	for i, r := range x {
		turned[i] = []float64{3*(0.6*r[0]-0.8*r[1]) + 1, 3 * (0.8*r[0] + 0.6*r[1]), 3 * r[2], -3 * r[4], 3*r[3] - 7}
	}
	if got := alignment(gram(x), gram(turned), nil); math.Abs(got-1) > 1e-9 {
		t.Errorf("CKA with what is turned, scaled and shifted is %v", got)
	}
	order := rng.Perm(40)
	mixed := make([][]float64, 40)
	for i, o := range order {
		mixed[i] = y[o]
	}
	if got, want := alignment(gram(x), gram(y), order), alignment(gram(x), gram(mixed), nil); math.Abs(got-want) > 1e-9 {
		t.Errorf("in another order %v, want %v", got, want)
	}
	a, b := reorder(dissimilarities(y), order), dissimilarities(mixed)
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-12 {
			t.Fatalf("pair %d in another order: %v, want %v", i, a[i], b[i])
		}
	}
}

func TestRanks(t *testing.T) {
	got := ranks([]float64{3, 1, 3, 2, 3})
	for i, want := range []float64{3, 0, 3, 1, 3} {
		if got[i] != want {
			t.Errorf("ranks %v", got)
		}
	}
}

func TestSimilarity(t *testing.T) {
	l := plantedLab(t)
	rng := rand.New(rand.NewPCG(3, 4))
	var texts []string
	for range 8 {
		texts = append(texts, "low: "+letters(rng, 30, 'a', 'g'), "high: "+letters(rng, 30, 'h', 'o'))
	}
	corpus := corpusOf(t, texts...)
	v, err := l.Similarity(t.Context(), nil, corpus, 100, 20)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if math.Abs(v.CKA[i][i]-1) > 1e-9 || math.Abs(v.RSA[i][i]-1) > 1e-9 || math.Abs(v.CKA[0][i]-v.CKA[i][0]) > 1e-9 {
			t.Errorf("CKA %v, RSA %v", v.CKA, v.RSA)
		}
	}
	if v.Places != 100 || v.CKANull[0][1] > 0.3 || math.Abs(v.RSANull[0][1]) > 0.1 {
		t.Errorf("%d places, shuffled %v and %v", v.Places, v.CKANull, v.RSANull)
	}
	// The two topics have letters of two classes: they lie apart in every layer.
	for _, x := range v.Inputs {
		if x.Apart < 0.5 || x.P > 0.05 {
			t.Errorf("topics in the %s: %+v", x.Layer, x)
		}
	}
	checkReport(t, v.Report(), v)
	// The same model twice, the second reading half as long sequences.
	two, err := l.Similarity(t.Context(), plantedLab(t), corpus, 100, 5)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(two.CKA[2][2]-1) > 1e-9 || !strings.Contains(two.Report().Finding, "two models") {
		t.Errorf("a model with itself: %v", two.CKA)
	}
	checkReport(t, two.Report(), two)
}
