package linear

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// talk are examples of two kinds that share words.
func talk() (out []Example) {
	for i, place := range strings.Fields("river lake sea pond pool canal harbour beach") {
		for _, who := range strings.Fields("i we they she he you") {
			out = append(out, Example{fmt.Sprintf("%s swim in the %s today %d", who, place, i), true},
				Example{fmt.Sprintf("%s read about the %s today %d", who, place, i), false})
		}
	}
	return out
}

func TestLearnsWhatTellsThemApart(t *testing.T) {
	m := Train(talk(), 1)
	for text, want := range map[string]bool{
		"My aunt swims in the fjord": true,
		"they’d swim in it":          true,
		"It rains. Nothing else is new. We swim in the river! And read.": true, // by its sentence
		"my aunt reads about the fjord":                                  false,
	} {
		if got := m.Score(text) > 0; got != want {
			t.Errorf("%q: %v (%.2f), want %v", text, got, m.Score(text), want)
		}
	}
	for _, text := range []string{"", "...", "\xff\xfe", strings.Repeat("a", 5000)} {
		if got := m.Score(text); math.IsNaN(got) || math.IsInf(got, 0) {
			t.Errorf("%.10q: %v", text, got)
		}
	}
	if !slices.Equal(m.Bytes(), Train(talk(), 1).Bytes()) {
		t.Error("the same examples and seed give another model")
	}
}

func TestCalibrate(t *testing.T) {
	m := Train(talk(), 1)
	var others []string
	for _, e := range talk() {
		others = append(others, e.Text, e.Text[:len(e.Text)-8])
	}
	for _, share := range []float64{0, 0.1, 0.5} {
		m.Calibrate(others, share)
		n := 0
		for _, text := range others {
			if m.Score(text) > 0 {
				n++
			}
		}
		if want := share * float64(len(others)); float64(n) > want || float64(n) < want-5 {
			t.Errorf("share %v: %d of %d count, want %v", share, n, len(others), want)
		}
	}
	before := m.bias
	if m.Calibrate(nil, 0.1); m.bias != before {
		t.Error("nothing changed the threshold")
	}
}

func TestBytes(t *testing.T) {
	m := Train(talk(), 1)
	b := m.Bytes()
	got, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range talk() {
		if got.Score(e.Text) != m.Score(e.Text) {
			t.Fatalf("%q: %v, before %v", e.Text, got.Score(e.Text), m.Score(e.Text))
		}
	}
	endless := *m
	endless.scale = float32(math.Inf(1))
	flipped := bytes.Clone(b)
	flipped[1000] ^= 1
	for what, bad := range map[string][]byte{"begin": nil, "version": append([]byte("moebotL\x02"), b[8:]...), "bytes": b[:len(b)-1], "damaged": flipped, "finite": endless.Bytes()} {
		if _, err := Parse(bad); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Train(talk(), 1).Bytes(), "we swim")
	f.Add([]byte(magic), "")
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		m.Score(text)
		if !bytes.Equal(m.Bytes(), b) {
			t.Error("it is written otherwise than it was read")
		}
	})
}

func BenchmarkScore(b *testing.B) {
	m := Train(talk(), 1)
	text := strings.Repeat("we were at the sea today and nobody wanted to swim, so we read. ", 4)
	b.ReportAllocs()
	for b.Loop() {
		m.Score(text)
	}
}

// What is looked at: the whole, each sentence with its mark, windows of long ones.
func TestParts(t *testing.T) {
	var got []string
	parts(tokens("It’s late. Go home, please!? Ok; no. "+strings.Repeat("w ", 50)+"end"), func(p []string) { got = append(got, fmt.Sprint(len(p), " ", p[0], " ", p[len(p)-1])) })
	want := []string{"63 its end", "5 go ?", "51 w end", "16 w w", "16 w w", "16 w w", "16 w w", "16 w w", "11 w end"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
