package interp

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"moebot/moe/model/steer"
)

var oneReply = SteerOptions{Tokens: 4, Seeds: 1, Random: 10}

// Without the induction head the planted model no longer repeats; without the other
// head of its layer it does.
func TestTakingOutTheInductionHead(t *testing.T) {
	l := plantedLab(t)
	ids := l.Encode("acdkhgnacdk", false)
	for _, tc := range []struct {
		edit string
		same bool
	}{{"head:1.0=0", false}, {"head:1.1=0", true}, {"head:0.0=0", false}, {"expert:1.3=0", true}} {
		e, err := steer.Parse(tc.edit)
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Steer(t.Context(), ids, []steer.Edit{e}, oneReply)
		if err != nil {
			t.Fatal(err)
		}
		if s.Replies[0][0] != "hgna" {
			t.Fatalf("untouched it says %q", s.Replies[0][0])
		}
		if same := s.Replies[0][1] == "hgna"; same != tc.same || tc.same != (s.Distance < 0.1) {
			t.Errorf("%s: it says %q, distance %.3f bits", tc.edit, s.Replies[0][1], s.Distance)
		}
		checkReport(t, s.Report(), s)
	}
}

// A direction that is known to raise one token must make the model say it, and a
// neuron turned up what it writes to.
func TestSteering(t *testing.T) {
	l := plantedLab(t)
	direction := make([]float32, pDim)
	direction[atOut+13] = 1
	s, err := l.Steer(t.Context(), l.Encode("acd", false), []steer.Edit{{Kind: steer.Add, Layer: 1, Amount: 40, Direction: direction}}, oneReply)
	if err != nil {
		t.Fatal(err)
	}
	if s.Replies[0][1] != "mmmm" || s.P > 0.1 {
		t.Errorf("pushed to m it says %q, p = %v", s.Replies[0][1], s.P)
	}
	s, err = l.Steer(t.Context(), l.Encode("cbe", false), []steer.Edit{{Kind: steer.ScaleNeuron, Layer: 0, Index: 1, Neuron: 0, Amount: 40}}, SteerOptions{Tokens: 1, Seeds: 1, Random: 10})
	if err != nil {
		t.Fatal(err)
	}
	if s.Replies[0][1] != "i" || s.Distance < 0.5 || slices.Max(s.Null) > 1e-6 {
		t.Errorf("neuron turned up: %q, distance %v, other neurons %v", s.Replies[0][1], s.Distance, s.Null)
	}
	// From the mean of low letters to that of high ones leads the class, and the letters.
	d, err := l.MeanDifference(t.Context(), 0, []string{"hijklmno"}, []string{"abcdefg"})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(float64(d[atKind])-2) > 1e-3 || math.Abs(float64(d[10])-1./8) > 1e-3 || math.Abs(float64(d[3])+1./7) > 1e-3 || math.Abs(float64(d[atOne])) > 1e-3 {
		t.Errorf("direction %.3f", d)
	}
}

// At temperature 0 all replies are the same one, whose places count once.
func TestRepliesWithoutTemperature(t *testing.T) {
	l := plantedLab(t)
	edits := []steer.Edit{{Kind: steer.ScaleHead, Layer: 1, Index: 0, Amount: 0}}
	for _, tc := range []struct {
		temperature float64
		want        int
	}{{0, 1}, {1, 4}} {
		s, err := l.Steer(t.Context(), l.Encode("abcabc", false), edits, SteerOptions{Tokens: 3, Temperature: tc.temperature, Seeds: 4, Random: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Replies) != tc.want || s.Changed.N > 3*tc.want {
			t.Errorf("temperature %g: %d replies of 4, %d places of %d at most", tc.temperature, len(s.Replies), s.Changed.N, 3*tc.want)
		}
	}
}

func TestForceAndForbid(t *testing.T) {
	l := plantedLab(t)
	ids := l.Encode("abcdefgh", false)
	for _, tc := range []struct {
		edit steer.Edit
		used bool
	}{{steer.Edit{Kind: steer.Force, Layer: 1, Index: 3}, true}, {steer.Edit{Kind: steer.Forbid, Layer: 1, Index: 3}, false}} {
		hook, err := l.Hook([]steer.Edit{tc.edit})
		if err != nil {
			t.Fatal(err)
		}
		l.pass(ids, true, hook)
		for i := range ids {
			if got := slices.Contains(l.scratch.Experts(1, i), 3); got != tc.used {
				t.Errorf("%v: token %d goes to %v", tc.edit, i, l.scratch.Experts(1, i))
			}
			for _, g := range l.scratch.Gates(1, i) {
				if !(g >= 0 && g <= 1) {
					t.Errorf("%v: gate weights %v", tc.edit, l.scratch.Gates(1, i))
				}
			}
		}
	}
	three := []steer.Edit{{Kind: steer.Forbid, Layer: 0, Index: 0}, {Kind: steer.Forbid, Layer: 0, Index: 1}, {Kind: steer.Forbid, Layer: 0, Index: 2}}
	if _, err := l.Hook(three); err == nil || !strings.Contains(err.Error(), "1 experts left") {
		t.Errorf("three of four forbidden: %v", err)
	}
}

func TestEdits(t *testing.T) {
	for _, text := range []string{"head:2.0=0", "expert:3.5=2.5", "neuron:1.4.17=-1", "force:0.7", "forbid:0.7", "direction:2=4"} {
		e, err := steer.Parse(text)
		if err != nil || e.String() != text {
			t.Errorf("%q becomes %v, %v", text, e, err)
		}
	}
	for _, text := range []string{"", "head", "head:1=0", "head:1.2", "head:a.b=1", "force:0.7=1", "nose:1.2=3", "neuron:1.2=3", "direction:1=NaN"} {
		if _, err := steer.Parse(text); err == nil || !strings.Contains(err.Error(), "no edit") {
			t.Errorf("%q: %v", text, err)
		}
	}
	l := plantedLab(t)
	for _, tc := range []struct {
		edit steer.Edit
		what string
		hi   int
	}{{steer.Edit{Kind: steer.ScaleHead, Index: 2}, "head", 1}, {steer.Edit{Kind: steer.Force, Layer: 2}, "layer", 1}, {steer.Edit{Kind: steer.ScaleExpert, Index: 4}, "expert", 3}, {steer.Edit{Kind: steer.ScaleNeuron, Neuron: 16}, "neuron", 15}} {
		_, err := l.Hook([]steer.Edit{tc.edit})
		var r *RangeError
		if !errors.As(err, &r) || r.What != tc.what || r.Hi != tc.hi {
			t.Errorf("%+v: %v", tc.edit, err)
		}
	}
	if _, err := l.Steer(t.Context(), []int32{1}, nil, oneReply); err == nil {
		t.Error("no edits are accepted")
	}
}
