package steer

import (
	"errors"
	"strings"
	"testing"
)

func TestTextAndBack(t *testing.T) {
	for _, text := range []string{"head:2.0=0", "expert:3.5=2.5", "neuron:1.4.17=-1", "force:0.7", "forbid:0.7", "direction:2=4", "component:1=0", "direction:2.question=1.5", "component:0.probe-tense=-2"} {
		e, err := Parse(text)
		if err != nil || e.String() != text {
			t.Errorf("%q becomes %v, %v", text, e, err)
		}
		all, err := ParseAll("  " + text + " head:0.1=0 ")
		if err != nil || Text(all) != text+" head:0.1=0" {
			t.Errorf("%q becomes %v, %v", text, all, err)
		}
	}
	for _, text := range []string{"head", "head:1=0", "head:1.2", "head:a.b=1", "force:0.7=1", "nose:1.2=3", "neuron:1.2=3", "direction:1=NaN", "direction:1=Inf", "direction:2.=1", "direction:2.A B=1", "direction:2.a.b=1", "direction:question=1"} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), "no edit, want head:LAYER.HEAD=FACTOR") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if all, err := ParseAll(" \n"); err != nil || all != nil {
		t.Errorf("no edits: %v, %v", all, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("neuron:1.4.17=-1")
	f.Add("direction:2.question=1e300")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(e.String())
		if err != nil || again.String() != e.String() {
			t.Errorf("%q becomes %v and then %v, %v", text, e, again, err)
		}
	})
}

func TestRangeErrorNamesTheRange(t *testing.T) {
	err := InRange("head", 9, 0, 5)
	var r *RangeError
	if !errors.As(err, &r) || err.Error() != "head is 9, want 0 to 5" {
		t.Errorf("%v", err)
	}
	if err := InRange("head", 5, 0, 5); err != nil {
		t.Error(err)
	}
}
