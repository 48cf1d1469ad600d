package main

import (
	"strings"
	"testing"

	"moebot/moe/interp"
	"moebot/moe/kernel"
	"moebot/moe/model"
)

// A report that has time looks at everything; one that has not looks at less, fits, and
// says what it left out.
func TestReportsFitIntoTheirTime(t *testing.T) {
	m, f, err := openModel("")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tok, err := model.Tokenizer(f)
	if err != nil {
		t.Fatal(err)
	}
	pool := kernel.NewPool(1)
	defer pool.Close()
	lab, err := interp.New(m, tok, pool, 64)
	if err != nil {
		t.Fatal(err)
	}
	whole := wholeReport(6000)
	for _, tc := range []struct {
		name                 string
		seconds, token, pass float64
		all                  bool
	}{
		{"a fast model", 1800, 1e-4, 1e-3, true},
		{"a slow one", 1200, 15e-3, 0.2, false},
		{"in a hurry", 60, 1e-3, 0.01, false},
		{"hopeless", 1, 1, 10, false},
	} {
		w := whole.within(tc.seconds, tc.token, tc.pass, 2, lab)
		if same := w.tokens == whole.tokens && w.silence && w.note == "" && len(w.gaps) == len(whole.gaps); same != tc.all {
			t.Errorf("%s: %+v", tc.name, w)
		}
		if w.passes < 1 || w.tokens < 400 || w.effects < 200 || w.history < 400 || len(w.gaps) < 2 {
			t.Errorf("%s: too little is left to see anything: %+v", tc.name, w)
		}
		if cost := float64(w.read(2)) * tc.token; tc.name != "hopeless" && cost > tc.seconds {
			t.Errorf("%s: reading takes %.0f of %.0f seconds", tc.name, cost, tc.seconds)
		}
		if !tc.all && !strings.Contains(w.note, "tokens of text are read instead of 6000") {
			t.Errorf("%s: %q", tc.name, w.note)
		}
	}
}
