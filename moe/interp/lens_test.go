package interp

import "testing"

// The answer of the planted induction head comes in layer 1 and is not to be seen before.
func TestLensSeesTheLayerThatAnswers(t *testing.T) {
	l := plantedLab(t)
	ids := l.Encode("acdkhgnlacdkhgnl", false)
	v, err := l.Lens(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Layers) != 3 || v.Layers[0].Name != "embedding" || v.Layers[2].Name != "layer 1" {
		t.Fatalf("layers %+v", v.Layers)
	}
	l.pass(ids, true, nil)
	for i := 9; i < len(ids)-1; i++ {
		want := l.Show(ids[i+1])
		for n, y := range v.Layers {
			q := y.Positions[i]
			if n < 2 && q.Final > 0.2 || n == 2 && (q.Top != want || q.Final < 0.9 || q.Rank != 0) {
				t.Errorf("%s, position %d: %+v, the answer is %q", y.Name, i, q, want)
			}
		}
	}
	last := v.Layers[2]
	if last.Agree.Mean != 1 || last.Distance.Mean > 1e-5 {
		t.Errorf("the last layer does not say what the model says: %+v, %+v", last.Agree, last.Distance)
	}
	if last.Null.Mean > 0.5 {
		t.Errorf("read at another position it agrees at %.2f", last.Null.Mean)
	}
}
