package interp

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// The planted neuron of layer 0 fires on token 5, e, and raises token 9, i.
func TestNeuronFiresOnOneToken(t *testing.T) {
	l := plantedLab(t)
	rng := rand.New(rand.NewPCG(7, 8))
	var texts []string
	for range 12 {
		texts = append(texts, "s: "+letters(rng, 30, 'a', 'o'))
	}
	corpus := corpusOf(t, texts...)
	n, err := l.Neuron(t.Context(), corpus, 0, 1, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range n.Contexts {
		if c.Token != "e" || c.Activation < 1 || i > 0 && c.Activation > n.Contexts[i-1].Activation {
			t.Errorf("place %d: %+v", i, c)
		}
	}
	if len(n.Contexts) != 10 || n.SameToken != 1 || n.Null > 0.6 {
		t.Errorf("%d places, %.2f of one token, at random %.2f", len(n.Contexts), n.SameToken, n.Null)
	}
	if n.Raises[0].ID != 9 || math.Abs(n.Raises[0].Prob-2*0.05) > 1e-6 || n.Raises[1].Prob != 0 {
		t.Errorf("it raises %+v", n.Raises)
	}
	if n.Sharp < n.SharpNull {
		t.Errorf("the effect on a single token is %.1f deviations, of random directions %.1f", n.Sharp, n.SharpNull)
	}
	checkReport(t, n.Report(), n)
	x, err := l.Neurons(t.Context(), corpus)
	if err != nil {
		t.Fatal(err)
	}
	for layer, want := range [][]int{{16, 15, 16, 16}, {16, 16, 8, 16}} { // half of the tokens come to expert 2
		for e, u := range x.Experts[layer] {
			if u.Dead != want[e] {
				t.Errorf("layer %d, expert %d: %d dead neurons, want %d", layer, e, u.Dead, want[e])
			}
		}
	}
	if s := x.Experts[1][2].Sparsity.Mean; s < 0.999 {
		t.Errorf("one neuron a token fires in the copying expert: sparsity %v", s)
	}
	checkReport(t, x.Report(), x)
	// A neuron of an expert that nobody reaches still has a report.
	lonely := corpusOf(t, "s: ddd")
	n, err = l.Neuron(t.Context(), lonely, 0, 2, 0, 5)
	if err != nil || n.Tokens != 0 {
		t.Errorf("an expert without tokens: %+v, %v", n, err)
	}
	checkReport(t, n.Report(), n)
}

func TestHoyer(t *testing.T) {
	if got := hoyer([]float32{0, 0, -3, 0}); got != 1 {
		t.Errorf("one of four: %v", got)
	}
	if got := hoyer([]float32{2, -2, 2, 2}); math.Abs(got) > 1e-12 {
		t.Errorf("four alike: %v", got)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, 4096)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	if got, want := hoyer(x), hoyerOfNoise(4096); math.Abs(got-want) > 0.01 {
		t.Errorf("noise: %v, expected %v", got, want)
	}
}

// Sentences with an e are told by the planted neuron and by the one that copies it.
func TestConceptFindsItsNeurons(t *testing.T) {
	l := plantedLab(t)
	rng := rand.New(rand.NewPCG(9, 9))
	var with, without []string
	for range 10 {
		without = append(without, letters(rng, 12, 'f', 'o'))
		with = append(with, "e"+letters(rng, 11, 'f', 'o'))
	}
	c, err := l.Concept(t.Context(), "e", with, without, 200, 5)
	if err != nil {
		t.Fatal(err)
	}
	if c.Specific != 2 || c.Neurons != 2*4*16 {
		t.Fatalf("specific neurons: %+v", c)
	}
	want := map[[3]int]bool{{0, 1, 0}: true, {1, 2, 5}: true}
	for _, n := range c.Found[:2] {
		if !want[[3]int{n.Layer, n.Expert, n.Neuron}] || n.P > 0.05 || n.With < 1 || n.Without != 0 {
			t.Errorf("found %+v", n)
		}
	}
	checkReport(t, ConceptReport([]*Concept{c}), c)
	same, err := l.Concept(t.Context(), "nothing", with[:5], with[5:], 200, 5)
	if err != nil {
		t.Fatal(err)
	}
	if same.Specific != 0 {
		t.Errorf("two halves of the same are told apart by %+v", same.Found)
	}
	if _, err := l.Concept(t.Context(), "few", with[:2], without, 10, 5); err == nil || !strings.Contains(err.Error(), "want 3") {
		t.Errorf("two sentences: %v", err)
	}
}

func TestConceptsOfTheProgram(t *testing.T) {
	names, sentences := Concepts()
	if len(names) != 7 {
		t.Errorf("concepts %v", names)
	}
	for _, n := range names {
		if len(sentences[n]) != 10 {
			t.Errorf("%s has %d sentences", n, len(sentences[n]))
		}
	}
}

func TestBadNeurons(t *testing.T) {
	l := plantedLab(t)
	for _, tc := range []struct {
		layer, expert, neuron int
		want                  string
	}{{2, 0, 0, "layer is 2, want 0 to 1"}, {0, 4, 0, "expert is 4, want 0 to 3"}, {0, 0, 16, "neuron is 16, want 0 to 15"}} {
		_, err := l.Neuron(t.Context(), &Corpus{}, tc.layer, tc.expert, tc.neuron, 3)
		var r *RangeError
		if !errors.As(err, &r) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}
