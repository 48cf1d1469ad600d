package interp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

// Of a repeated sequence the induction head knows the second half; in random order
// there is nothing to know.
func TestChainOfARepetition(t *testing.T) {
	l := plantedLab(t)
	ids := l.Encode("acdkhgnlacdkhgnl", false)
	c, err := l.Chain(t.Context(), ids, []float64{0.5, 1, 4}, 3, 20)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range c.Tokens {
		if i >= 10 && (k.Rank != 0 || k.Surprise > 0.2 || k.Entropy > 0.5 || k.Torn) {
			t.Errorf("token %d (%s) of the repetition: %+v", i, k.Text, k)
		}
		if i > 0 && (len(k.Likely) != 3 || len(k.At) != 3 || math.Abs(k.At[1].Prob-k.Prob) > 1e-9) {
			t.Errorf("token %d: %+v", i, k)
		}
		if i > 0 && !(k.At[0].Entropy <= k.At[1].Entropy && k.At[1].Entropy <= k.At[2].Entropy) {
			t.Errorf("token %d: entropy does not grow with the temperature: %+v", i, k.At)
		}
	}
	for _, bits := range c.Shuffled {
		if bits < c.Surprise.Mean {
			t.Errorf("random order costs %.2f bits, the text %.2f", bits, c.Surprise.Mean)
		}
	}
	// Temperature by its definition: p^(1/T), normalised, of the probabilities at 1.
	l.pass(ids, true, nil)
	p, sum := distribution(l.logits(3), 1), 0.0
	for _, x := range p {
		sum += math.Pow(x, 0.25)
	}
	if got, want := c.Tokens[4].At[2].Prob, math.Pow(p[ids[4]], 0.25)/sum; math.Abs(got-want) > 1e-9 {
		t.Errorf("at temperature 4 the probability is %v, want %v", got, want)
	}
}

// No token costs less than nothing, and of a few tokens no interval is told.
func TestChainOfFewTokens(t *testing.T) {
	l := plantedLab(t)
	for _, tc := range []struct {
		text, want string
	}{
		{"aac", "3 tokens cost 15.14 bits each (fewer than 10 tell no interval)"},
		{"acdkhgnla", "(fewer than 10 tell no interval)"},
		{"acdkhgnlac", "(95 % interval "},
	} {
		c, err := l.Chain(t.Context(), l.Encode(tc.text, false), nil, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Report().Finding; !strings.Contains(got, tc.want) {
			t.Errorf("of %s: %s; want %s", tc.text, got, tc.want)
		}
		if c.Surprise.Low < 0 || c.Surprise.Low > c.Surprise.Mean {
			t.Errorf("of %s: %+v", tc.text, c.Surprise)
		}
	}
}

func TestTorn(t *testing.T) {
	for _, tc := range []struct {
		p, q float64
		want bool
	}{{0.5, 0.5, true}, {0.4, 0.2, true}, {0.6, 0.2, false}, {0.14, 0.14, false}, {1, 0, false}} {
		if got := torn(tc.p, tc.q); got != tc.want {
			t.Errorf("torn between %v and %v: %v", tc.p, tc.q, got)
		}
	}
}

func TestChainRefuses(t *testing.T) {
	l := plantedLab(t)
	var r *RangeError
	if _, err := l.Chain(t.Context(), []int32{1}, nil, 1, 0); !errors.As(err, &r) || r.Lo != 2 || r.Hi != 64 {
		t.Errorf("one token: %v", err)
	}
	if _, err := l.Chain(t.Context(), []int32{1, 2}, []float64{0}, 1, 0); err == nil {
		t.Error("temperature 0 is accepted")
	}
	if _, err := l.Chain(t.Context(), []int32{1, 2}, nil, 17, 0); !errors.As(err, &r) || r.Hi != 16 {
		t.Errorf("17 alternatives of 16: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Chain(ctx, []int32{1, 2}, nil, 1, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestToken(t *testing.T) {
	l := plantedLab(t)
	for _, tc := range []struct {
		text string
		want int32
		err  string
	}{{"c", 3, ""}, {"#15", 15, ""}, {"<s>", 0, ""}, {"#16", 0, "want 0 to 15"}, {"ab", 0, "2 tokens"}, {"", 0, "empty"}} {
		id, err := l.Token(tc.text)
		if tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) || tc.err == "" && (err != nil || id != tc.want) {
			t.Errorf("token %q: %d, %v", tc.text, id, err)
		}
	}
}

// checkReport asserts what every report must have: a finding, tables whose rows are
// as long as their header, pictures that can be drawn, data that is JSON (no NaN).
func checkReport(t *testing.T, r Report, data any) {
	t.Helper()
	if r.Finding == "" || len(r.Tables) == 0 || len(r.Figures) == 0 {
		t.Errorf("a report with finding %q, %d tables, %d pictures", r.Finding, len(r.Tables), len(r.Figures))
	}
	for _, x := range []string{"NaN", "%!", "Inf"} {
		if strings.Contains(r.Finding, x) {
			t.Errorf("finding %q", r.Finding)
		}
	}
	for _, table := range r.Tables {
		for i, row := range table.Rows {
			if len(row) != len(table.Header) {
				t.Fatalf("table %s, row %d has %d cells under a header of %d", table.Name, i, len(row), len(table.Header))
			}
		}
		var b bytes.Buffer
		if err := table.CSV(&b); err != nil || !strings.HasPrefix(b.String(), table.Header[0]) {
			t.Errorf("table %s as CSV: %v", table.Name, err)
		}
	}
	for format, start := range map[string]string{"png": "\x89PNG", "svg": "<?xml"} {
		var b bytes.Buffer
		if err := Draw(&b, format, r.Figures); err != nil || !strings.HasPrefix(b.String(), start) {
			t.Errorf("picture as %s: %v", format, err)
		}
	}
	if _, err := json.Marshal(data); err != nil {
		t.Error(err)
	}
}

func TestReports(t *testing.T) {
	l := plantedLab(t)
	ids := l.Encode("acdkacdk", false)
	chain, err := l.Chain(t.Context(), ids, []float64{1, 2}, 3, 3)
	if err != nil {
		t.Fatal(err)
	}
	checkReport(t, chain.Report(), chain)
	lens, err := l.Lens(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	checkReport(t, lens.Report(), lens)
}
