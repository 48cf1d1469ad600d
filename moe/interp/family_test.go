package interp

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"moebot/moe/gguf"
	"moebot/moe/model"
	"moebot/moe/model/steer"
)

// TestFamilies runs the instruments over models of other architectures, small and
// with random weights: dense layers before those with experts, experts that see every
// token, biases, latent attention, gains. What can be said of random weights is that
// things add up. The files are those that
//
//	go test ./moe/model -run TestFamilies -args -families DIRECTORY
//
// writes.
func TestFamilies(t *testing.T) {
	files, err := filepath.Glob("testdata/TestFamilies/*.gguf")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d models, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := gguf.Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			checkFamily(t, labWith(t, f, 32))
		})
	}
}

func checkFamily(t *testing.T, l *Lab) {
	a, b := []int32{3, 9, 4, 9, 17, 30, 5, 9}, []int32{3, 8, 4, 9, 11, 30, 6, 9}
	x, y := l.trace(a, nil), l.trace(b, nil)
	sum := 0.0
	for _, v := range l.attribute(x, 3, 7) {
		sum += v
	}
	if want := float64(x.logits[3] - x.logits[7]); math.Abs(sum-want) > 1e-3*(1+math.Abs(want)) {
		t.Errorf("parts add up to %v, the logits to %v", sum, want)
	}
	checkSlope(t, l, x.streams[len(x.streams)-1][:l.Model.Config.Dim])
	replaced := l.replace(y, l.parts())
	got := l.trace(a, func(p model.Point, layer int, rows []float32, width int) {
		if p == model.AtEmbedding {
			copy(rows, y.streams[0])
		}
		replaced(p, layer, rows, width)
	})
	for i := range got.logits {
		if math.Abs(float64(got.logits[i]-y.logits[i])) > 1e-3*(1+math.Abs(float64(y.logits[i]))) {
			t.Fatalf("all parts of another pass: logit %d is %v, want %v", i, got.logits[i], y.logits[i])
		}
	}
	lens, err := l.Lens(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if last := lens.Layers[len(lens.Layers)-1]; last.Agree.Mean != 1 || last.Distance.Mean > 1e-5 {
		t.Errorf("the last layer is read as %+v, %+v", last.Agree, last.Distance)
	}
	c := l.Model.Config
	corpus := corpusOf(t, "s: abcdeabcde", "t: fghijklmno")
	n, err := l.Neurons(t.Context(), corpus)
	if err != nil || len(n.Experts) != c.Layers {
		t.Fatalf("neurons of %d layers, %v", len(n.Experts), err)
	}
	last := c.Layers - 1
	if _, err := l.Neuron(t.Context(), corpus, last, l.Model.LayerExperts(last)-1, l.Model.LayerHidden(last)-1, 3); err != nil {
		t.Error(err)
	}
	if layer, expert, neuron := l.neuronAt(l.neuronsBefore(c.Layers) - 1); layer != last || expert != l.Model.LayerExperts(last)-1 || neuron != l.Model.LayerHidden(last)-1 {
		t.Errorf("the last neuron is %d of expert %d in layer %d", neuron, expert, layer)
	}
	e, err := l.Experts(t.Context(), corpus, 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Layers) != len(l.routed()) {
		t.Errorf("%d layers with experts, want %d", len(e.Layers), len(l.routed()))
	}
	if e.Loss, err = l.ExpertLoss(t.Context(), corpus, 100, []int{1, c.TopK}, true); err != nil {
		t.Fatal(err)
	}
	if more := e.Loss.Choices[1].More; more.Mean != 0 {
		t.Errorf("the model's own number of experts changes the loss by %v", more)
	}
	checkReport(t, e.Report(), e)
	if _, err := l.Attention(t.Context(), corpus); err != nil {
		t.Error(err)
	}
	s, err := l.Steer(t.Context(), a, []steer.Edit{{Kind: steer.ScaleHead, Layer: last, Index: c.Heads - 1}, {Kind: steer.Forbid, Layer: last, Index: 0}}, oneReply)
	if err != nil || s.Distance == 0 {
		t.Errorf("two edits change %v bits, %v", s.Distance, err)
	}
}

// checkSlope compares the direction by which logits are attributed with finite
// differences of the logits, along ways that leave the final norm's scale alone: those
// at right angles to the state.
func checkSlope(t *testing.T, l *Lab, x []float32) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	direction := make([]float32, len(x))
	l.Model.LogitDifference(direction, x, 3, 7)
	for range 5 {
		v := float64s(l.randomDirection(rng, 1))
		away := dot(v, float64s(x)) / dot(float64s(x), float64s(x))
		want := 0.0
		for i := range v {
			v[i] -= away * float64(x[i])
			want += v[i] * float64(direction[i])
		}
		const h = 0.05
		var side [2]float64
		for k, step := range []float64{h, -h} {
			moved := make([]float32, len(x))
			for i := range x {
				moved[i] = x[i] + float32(step*v[i])
			}
			l.read(moved, func(_ int, logits []float32) { side[k] = float64(logits[3] - logits[7]) })
		}
		if got := (side[0] - side[1]) / (2 * h); math.Abs(got-want) > 0.02*(0.1+math.Abs(want)) {
			t.Errorf("slope of the logits %v, attributed %v", got, want)
		}
	}
}
