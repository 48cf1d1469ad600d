package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/color"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"

	"moebot/moe/eval"
	"moebot/moe/train"
)

func records() []train.Record {
	var out []train.Record
	for i := range 1000 {
		x := float64(i) / 1000
		out = append(out, train.Record{Event: "train", Step: i, Loss: 8 * math.Exp(-3*x), LR: 0.01 * (1 - x), Norm: 1 + x, Sources: map[string]float64{"tales": 9 - x, "chats": 7 - x},
			Load: [][]float64{{0.5, 0.25, 0.25, 0}, {0.25, 0.25, 0.25, 0.25}}})
		if i%100 == 50 {
			out = append(out, train.Record{Event: "held", Step: i, Mean: 7, Held: map[string]eval.Loss{"tales": {Reply: 6 - x}, "chats": {Reply: 5 - x}}},
				train.Record{Event: "skip", Step: i})
		}
	}
	return out
}

func TestRunHoldsWhatWasLogged(t *testing.T) {
	panels := Run(records())
	by := map[string]Panel{}
	for _, p := range panels {
		by[p.Title] = p
	}
	if len(panels) != 7 {
		t.Fatalf("%d panels, want 7", len(panels))
	}
	if l := by["Training loss per source"].Lines; len(l) != 2 || l[0].Name != "tales" || math.Abs(l[1].Points[0].Y-7) > 0.01 {
		t.Errorf("training lines are %+v", l)
	}
	held := by["Held-out loss per source"].Lines
	if len(held) != 2 || held[0].Name != "tales" || held[1].Points[3] != (Point{350, 5 - 0.35}) {
		t.Errorf("held-out lines are %+v", held)
	}
	e := by["Entropy of the expert load (1 is even)"].Lines
	if len(e) != 2 || math.Abs(e[0].Points[7].Y-0.75) > 1e-9 || math.Abs(e[1].Points[7].Y-1) > 1e-9 {
		t.Errorf("entropies begin with %v and %v, want 0.75 and 1", e[0].Points[7], e[1].Points[7])
	}
	loss := by["Loss"].Lines[0]
	if len(loss.Points) > maxPoints {
		t.Errorf("%d points of the loss, want at most %d", len(loss.Points), maxPoints)
	}
	if n := len(loss.parts(false)); n != 11 {
		t.Errorf("ten skipped steps leave %d stretches of the loss, want 11", n)
	}
	m := panels[6].Map
	if len(m.Rows) != 8 || len(m.Rows[3]) != len(m.X) || m.Rows[0][5] != 0.5 || m.Rows[3][5] != 0 {
		t.Errorf("map has %d rows for %d columns", len(m.Rows), len(m.X))
	}
}

func TestDrawPNG(t *testing.T) {
	var b bytes.Buffer
	if err := Draw(&b, "png", Run(records()), 2); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	size := img.Bounds()
	if size.Dx() < 1000 || size.Dy() < 700 {
		t.Errorf("image is %v", size)
	}
	// each of the seven tiles has curves in colour
	for i := range 7 {
		x0, y0 := i%2*size.Dx()/2, i/2*size.Dy()/4
		coloured := 0
		for y := y0; y < y0+size.Dy()/4; y++ {
			for x := x0; x < x0+size.Dx()/2; x++ {
				if c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA); c.R != c.G || c.G != c.B {
					coloured++
				}
			}
		}
		if coloured < 100 {
			t.Errorf("tile %d has %d coloured pixels", i, coloured)
		}
	}
}

func TestDrawSVG(t *testing.T) {
	var b bytes.Buffer
	if err := Draw(&b, "svg", Run(records()), 2); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tales", "layer 1", "Learning rate"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the SVG does not say %q", want)
		}
	}
	d := xml.NewDecoder(&b)
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDrawAtTheEdges(t *testing.T) {
	for _, tc := range []struct {
		name string
		recs []train.Record
	}{
		{"no records", nil},
		{"one record", []train.Record{{Event: "train", Step: 1, Loss: 3, LR: 1, Norm: 2, Load: [][]float64{{1, 0}}}}},
		{"nothing finite", []train.Record{{Event: "train", Step: 1, Loss: math.NaN(), Norm: math.Inf(1)}}},
		{"dense", []train.Record{{Event: "train", Step: 1, Loss: 3}, {Event: "train", Step: 2, Loss: 2}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := Draw(io.Discard, "png", Run(tc.recs), 2); err != nil {
				t.Error(err)
			}
		})
	}
	if err := Draw(io.Discard, "gif", Run(nil), 2); err == nil || !strings.Contains(err.Error(), "gif") {
		t.Errorf("format gif gives %v", err)
	}
	if err := Draw(io.Discard, "png", nil, 2); err == nil {
		t.Error("no panels give no error")
	}
}
