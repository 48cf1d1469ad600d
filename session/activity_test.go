package session

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestActivityPeople(t *testing.T) {
	for _, n := range []int{0, 1, 2, 10, 100, 1000, 5000} {
		var a, b Activity
		for i := range n {
			id := fmt.Sprint(123456789012345678 + 4194304*int64(i)) // as Discord numbers people
			a.Saw(id)
			a.Saw(id)
			if i%2 == 0 {
				b.Saw(id)
			}
		}
		a.Saw("")
		a.Merge(b)
		if got := a.People(); math.Abs(float64(got-n)) > 0.03*float64(n) {
			t.Errorf("%d people are counted as %d", n, got)
		}
	}
}

func TestActivityQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var whole, first, second Activity
	var all []time.Duration
	for i := range 20000 {
		d := time.Duration(float64(50*time.Millisecond) * math.Exp(r.NormFloat64()))
		all = append(all, d)
		whole.Observe("first", d)
		whole.Observe("first_other", time.Hour) // another histogram
		if i%3 == 0 {
			first.Observe("first", d)
		} else {
			second.Observe("first", d)
		}
	}
	slices.Sort(all)
	first.Merge(second)
	for _, p := range []float64{0.5, 0.95, 0.99} {
		want := all[int(p*float64(len(all)))]
		for _, a := range []Activity{whole, first} {
			if got := a.Quantile("first", p); math.Abs(math.Log2(float64(got)/float64(want))) > 0.25 {
				t.Errorf("the %v-quantile is %v, want about %v", p, got, want)
			}
		}
	}
	var edge Activity
	if got := edge.Quantile("first", 0.5); got != 0 {
		t.Errorf("the median of nothing is %v", got)
	}
	for _, d := range []time.Duration{-time.Second, 0, 1, math.MaxInt64} {
		edge.Observe("first", d)
	}
	if got := edge.Quantile("first", 1); got < time.Minute {
		t.Errorf("the largest of all durations is %v", got)
	}
}

func TestActivityValidate(t *testing.T) {
	if err := (Activity{Counts: map[string]int64{"a b": 1}}).Validate(); err == nil {
		t.Error("a name with a blank is accepted")
	}
	for _, m := range []int{-1, marks} {
		if err := (Activity{Marks: map[int]bool{m: true}}).Validate(); err == nil {
			t.Errorf("mark %d is accepted", m)
		}
	}
	var a Activity
	a.Saw("1")
	a.Observe("first", time.Second)
	if err := a.Validate(); err != nil {
		t.Error(err)
	}
}
