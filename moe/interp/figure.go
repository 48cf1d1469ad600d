package interp

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Figure is one picture, of a size in points that suits what it shows.
type Figure struct {
	Plot          *plot.Plot
	Width, Height vg.Length
}

// margin is left free around each figure, points.
const margin = 10

// Draw writes figures below one another as one picture. Format is "png" or "svg".
func Draw(w io.Writer, format string, figures []Figure) error {
	if format != "png" && format != "svg" {
		return fmt.Errorf("a picture of format %q cannot be drawn, want png or svg", format)
	}
	width, height := vg.Length(1), vg.Length(0)
	for _, f := range figures {
		width, height = max(width, f.Width), height+f.Height
	}
	c, err := draw.NewFormattedCanvas(width, max(height, 1), format)
	if err != nil {
		return err
	}
	all := draw.New(c)
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	top := height
	for _, f := range figures {
		part := draw.Crop(all, margin, f.Width-width-margin, top-f.Height+margin, top-height-margin)
		f.Plot.Draw(part)
		top -= f.Height
	}
	_, err = c.WriteTo(w)
	return err
}

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = vg.Points(6)
	p.Legend.Padding = vg.Points(3) // between its lines
	return p
}

// colours tells apart the lines of a figure, also for most colour-blind eyes (Okabe & Ito 2008).
var colours = []color.Color{color.RGBA{0, 114, 178, 255}, color.RGBA{213, 94, 0, 255}, color.RGBA{0, 158, 115, 255}, color.RGBA{204, 121, 167, 255},
	color.RGBA{86, 180, 233, 255}, color.RGBA{230, 159, 0, 255}, color.RGBA{120, 120, 120, 255}, color.RGBA{0, 0, 0, 255}}

// line is one series of a figure; the interval, if there is one, is drawn as a band.
type line struct {
	name         string
	x, y         []float64
	low, high    []float64
	dashed, dots bool
}

// lines draws series over a common axis. NaN values are left out.
func lines(title, x, y string, series ...line) Figure {
	p := newPlot(title, x, y)
	for i, s := range series {
		c := colours[i%len(colours)]
		var at plotter.XYs
		for j := range s.x {
			if !math.IsNaN(s.y[j]) && !math.IsInf(s.y[j], 0) {
				at = append(at, plotter.XY{X: s.x[j], Y: s.y[j]})
			}
		}
		if len(at) == 0 {
			continue
		}
		if len(s.low) == len(s.x) {
			var ring plotter.XYs
			for j := range s.x {
				ring = append(ring, plotter.XY{X: s.x[j], Y: s.low[j]})
			}
			for j := len(s.x) - 1; j >= 0; j-- {
				ring = append(ring, plotter.XY{X: s.x[j], Y: s.high[j]})
			}
			if band, err := plotter.NewPolygon(ring); err == nil {
				r, g, b, _ := c.RGBA()
				band.Color = color.NRGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 40}
				band.LineStyle.Width = 0
				p.Add(band)
			}
		}
		l, dots, err := plotter.NewLinePoints(at)
		if err != nil {
			continue
		}
		l.Color, dots.Color, l.Width = c, c, vg.Points(1.5)
		dots.Shape, dots.Radius = draw.CircleGlyph{}, vg.Points(2)
		if s.dashed {
			l.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		}
		if s.dots {
			p.Add(dots)
		} else {
			p.Add(l, dots)
		}
		if s.name != "" {
			p.Legend.Add(s.name, l)
		}
	}
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	if len(series) > 1 {
		p.Y.Max += min(0.5, 0.1*float64(len(series))) * (p.Y.Max - p.Y.Min) // room for the legend
	}
	p.X.Tick.Marker = wholeTicks{}
	return Figure{p, 620, 340}
}

// wholeTicks are the usual ones, but at whole numbers on a short axis between such.
type wholeTicks struct{}

func (wholeTicks) Ticks(lo, hi float64) []plot.Tick {
	if lo != math.Floor(lo) || hi != math.Floor(hi) || hi-lo > 24 || hi-lo < 2 {
		return plot.DefaultTicks{}.Ticks(lo, hi)
	}
	var t []plot.Tick
	for v := lo; v <= hi; v++ {
		t = append(t, plot.Tick{Value: v, Label: fmt.Sprint(v)})
	}
	return t
}

// bars draws groups of bars, one a name and series.
func bars(title, y string, names []string, series ...line) Figure {
	p := newPlot(title, "", y)
	width := vg.Points(max(3, min(18, 560/float64(max(1, len(names)*len(series)+len(names))))))
	for i, s := range series {
		b, err := plotter.NewBarChart(plotter.Values(finite(s.y)), width)
		if err != nil {
			continue
		}
		b.Color, b.LineStyle.Width = colours[i%len(colours)], 0
		b.Offset = width * vg.Length(float64(i)-float64(len(series)-1)/2)
		p.Add(b)
		if s.name != "" && len(series) > 1 {
			p.Legend.Add(s.name, b)
		}
	}
	p.Legend.Top = true
	if len(series) > 1 {
		p.Y.Max += 0.1 * float64(len(series)) * (p.Y.Max - p.Y.Min)
	}
	p.X.Min, p.X.Max = -0.6, float64(len(names))-0.4
	p.X.Tick.Marker = named(names)
	slant(p, names)
	return Figure{p, max(420, min(1400, vg.Length(len(names))*max(22, 3+width*vg.Length(len(series)))+90)), 340}
}

func finite(xs []float64) []float64 {
	out := make([]float64, len(xs))
	for i, x := range xs {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			out[i] = x
		}
	}
	return out
}

// slant turns the names on the horizontal axis if they would run into each other.
func slant(p *plot.Plot, names []string) {
	longest := 0
	for _, n := range names {
		longest = max(longest, len([]rune(n)))
	}
	if longest > 3 {
		p.X.Tick.Label.Rotation = math.Pi / 3
		p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XRight, draw.YCenter
	}
}

// named puts names at 0, 1, 2, ..., of very many only some.
type named []string

func (n named) Ticks(_, _ float64) (t []plot.Tick) {
	every := max(1, len(n)/64)
	for i, s := range n {
		if i%every == 0 {
			t = append(t, plot.Tick{Value: float64(i), Label: short(s, 24)})
		}
	}
	return t
}

// short cuts a text to n characters.
func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// cells is a matrix [rows][columns] as a heat map; row 0 is at the bottom.
type cells [][]float64

func (g cells) Dims() (c, r int)   { return len(g[0]), len(g) }
func (g cells) Z(c, r int) float64 { return g[r][c] }
func (g cells) X(c int) float64    { return float64(c) }
func (g cells) Y(r int) float64    { return float64(r) }

// heat draws a matrix [rows][columns], row 0 at the bottom. If the values lie on both
// sides of zero, blue is below and red above. Small matrices show their numbers.
func heat(title, x, y string, z [][]float64, columns, rows []string) Figure {
	if len(z) == 0 || len(z[0]) == 0 {
		return Figure{newPlot(title+" (nothing to show)", x, y), 420, 120}
	}
	lo, hi := 0.0, 0.0
	for _, row := range z {
		for _, v := range finite(row) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	p := newPlot(title, x, y)
	scale := palette{two: lo < 0}
	if scale.two {
		hi = max(hi, -lo)
		lo = -hi
	}
	h := plotter.NewHeatMap(cells(z), scale)
	h.Min, h.Max, h.NaN = lo, max(hi, lo+1e-9), color.Gray{200}
	p.Add(h)
	if len(z)*len(z[0]) <= 200 {
		if l := numbers(z); l != nil {
			p.Add(l)
		}
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = named(columns), named(rows)
	slant(p, columns)
	return Figure{p, max(360, min(1500, vg.Length(len(z[0]))*38+130)), max(180, min(1500, vg.Length(len(z))*26+130))}
}

// numbers writes each cell's value into it.
func numbers(z [][]float64) *plotter.Labels {
	var l plotter.XYLabels
	for r, row := range z {
		for c, v := range row {
			l.XYs = append(l.XYs, plotter.XY{X: float64(c), Y: float64(r)})
			l.Labels = append(l.Labels, fmt.Sprintf("%.2g", v))
		}
	}
	return centred(l, 8)
}

func centred(l plotter.XYLabels, points float64) *plotter.Labels {
	text, err := plotter.NewLabels(l)
	if err != nil {
		return nil
	}
	for i := range text.TextStyle {
		text.TextStyle[i].XAlign, text.TextStyle[i].YAlign = draw.XCenter, draw.YCenter
		text.TextStyle[i].Font.Size = vg.Points(points)
	}
	return text
}

// palette runs from white to blue, or from blue over white to red.
type palette struct{ two bool }

// Colors are light enough at both ends for black text.
func (p palette) Colors() []color.Color {
	out := make([]color.Color, 129)
	for i := range out {
		f := float64(i) / 128
		blue := func(f float64) color.Color {
			return color.RGBA{uint8(255 - 165*f), uint8(255 - 105*f), uint8(255 - 10*f), 255}
		}
		switch {
		case !p.two:
			out[i] = blue(f)
		case f < 0.5:
			out[i] = blue(1 - 2*f)
		default:
			f = 2*f - 1
			out[i] = color.RGBA{uint8(255 - 10*f), uint8(255 - 115*f), uint8(255 - 145*f), 255}
		}
	}
	return out
}

// scatter draws points with their names beside them, coloured by group.
func scatter(title, x, y string, at [][2]float64, names []string, group []int) Figure {
	p := newPlot(title, x, y)
	var l plotter.XYLabels
	for i, q := range at {
		l.XYs = append(l.XYs, plotter.XY{X: q[0], Y: q[1]})
		l.Labels = append(l.Labels, short(names[i], 20))
	}
	if text := centred(l, 9); text != nil && len(at) > 0 {
		for i := range text.TextStyle {
			if group != nil {
				text.TextStyle[i].Color = colours[group[i]%len(colours)]
			}
		}
		p.Add(text)
	}
	return Figure{p, 900, 700}
}
