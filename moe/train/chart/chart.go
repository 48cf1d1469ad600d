// Package chart draws what a training logged: panels of curves and maps, as PNG or
// SVG. What the figures mean is moe/train's; this package only lays them out. Its
// functions are safe for concurrent use.
package chart

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

// Point is one value of a curve.
type Point struct{ X, Y float64 }

// Line is one curve. Points whose Y is not finite break it.
type Line struct {
	Name   string // in the legend; empty keeps it out
	Points []Point
	Dashed bool
	Group  int // lines of one group greater than 0 share the colour of that number
}

// Panel is one diagram: curves, or a map.
type Panel struct {
	Title, X, Y string
	Log         bool // logarithmic Y axis; values that are not positive break the line
	Lines       []Line
	Map         *Map
}

// Map is a field of values over x, drawn as colours: Rows[r][i] belongs to X[i].
type Map struct {
	X    []float64
	Rows [][]float64
	Name func(row int) string // of a row on the Y axis; "" leaves the tick out
}

const (
	panelWidth  = 440 // points
	panelHeight = 260
	legendWidth = 150
)

// Draw lays the panels out in columns and writes them to w in format, "png" or "svg".
func Draw(w io.Writer, format string, panels []Panel, columns int) error {
	if format != "png" && format != "svg" {
		return fmt.Errorf(`chart: format %q, want "png" or "svg"`, format)
	}
	if len(panels) == 0 || columns < 1 {
		return fmt.Errorf("chart: %d panels in %d columns", len(panels), columns)
	}
	rows := (len(panels) + columns - 1) / columns
	width, height := vg.Length(columns*(panelWidth+legendWidth)), vg.Length(rows*panelHeight)
	c, err := draw.NewFormattedCanvas(width, height, format)
	if err != nil {
		return fmt.Errorf("chart: %w", err)
	}
	dc := draw.New(c)
	dc.SetColor(color.White)
	dc.Fill(dc.Rectangle.Path())
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadTop: 8, PadBottom: 8, PadLeft: 8, PadRight: 8, PadX: 12, PadY: 14}
	for i, p := range panels {
		d, err := p.plot()
		if err != nil {
			return fmt.Errorf("chart: panel %s: %w", p.Title, err)
		}
		area := tiles.At(dc, i%columns, i/columns)
		legend := draw.Crop(area, area.Max.X-area.Min.X-legendWidth, 0, 0, 0)
		if p.legend(legend) {
			area = draw.Crop(area, 0, -legendWidth-8, 0, 0)
		}
		d.Draw(area)
	}
	_, err = c.WriteTo(w)
	return err
}

func (p Panel) plot() (*plot.Plot, error) {
	d := plot.New()
	d.Title.Text, d.X.Label.Text, d.Y.Label.Text = p.Title, p.X, p.Y
	d.Title.TextStyle.Font.Size = 11
	if p.Map != nil {
		return d, p.Map.add(d)
	}
	d.Add(plotter.NewGrid())
	for i, l := range p.Lines {
		for _, part := range l.parts(p.Log) {
			if len(part) == 1 { // a lone value is a dot
				s, err := plotter.NewScatter(part)
				if err != nil {
					return nil, err
				}
				s.Color, s.Shape, s.Radius = l.color(i), draw.CircleGlyph{}, 1.5
				d.Add(s)
				continue
			}
			c, err := plotter.NewLine(part)
			if err != nil {
				return nil, err
			}
			c.LineStyle = l.style(i)
			d.Add(c)
		}
	}
	if math.IsInf(d.X.Min, 0) { // nothing to show
		d.X.Min, d.X.Max, d.Y.Min, d.Y.Max = 0, 1, 0, 1
		if p.Log {
			d.Y.Min = 0.1
		}
	}
	if d.X.Max == d.X.Min {
		d.X.Max++
	}
	if d.Y.Max <= d.Y.Min {
		d.Y.Min, d.Y.Max = d.Y.Min*0.9, d.Y.Min*1.1+1e-9
	}
	if p.Log {
		// whole decades, so that the axis has figures
		d.Y.Min, d.Y.Max = math.Pow(10, math.Floor(math.Log10(d.Y.Min))), math.Pow(10, math.Ceil(math.Log10(d.Y.Max)))
		d.Y.Scale, d.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	return d, nil
}

// parts are the stretches of a line that can be drawn.
func (l Line) parts(log bool) (out []plotter.XYs) {
	var cur plotter.XYs
	for _, p := range l.Points {
		if math.IsNaN(p.Y) || math.IsInf(p.Y, 0) || (log && p.Y <= 0) {
			if len(cur) > 0 {
				out = append(out, cur)
			}
			cur = nil
			continue
		}
		cur = append(cur, plotter.XY{X: p.X, Y: p.Y})
	}
	if len(cur) > 0 {
		out = append(out, cur)
	}
	return out
}

func (l Line) color(i int) color.Color {
	if l.Group > 0 {
		i = l.Group - 1
	}
	return hue(float64(i) * 0.381966) // steps of the golden ratio: neighbours differ
}

func (l Line) style(i int) draw.LineStyle {
	s := draw.LineStyle{Color: l.color(i), Width: 1.1}
	if l.Dashed {
		s.Dashes = []vg.Length{3, 2}
	}
	return s
}

// hue is a colour of middling lightness at h turns around the wheel, from blue on.
func hue(h float64) color.Color {
	h = math.Mod(h+0.6, 1) * 6
	x := func(shift float64) uint8 {
		k := math.Mod(h+shift, 6)
		return uint8(255 * (0.82 - 0.62*max(0, min(k, 4-k, 1))))
	}
	return color.RGBA{x(5), x(3), x(1), 255}
}

// legend lists the named lines, in a type small enough to hold them all; false if there are none.
func (p Panel) legend(c draw.Canvas) bool {
	var named []int
	for i, l := range p.Lines {
		if l.Name != "" {
			named = append(named, i)
		}
	}
	if len(named) == 0 {
		return false
	}
	lg := plot.NewLegend()
	lg.Top, lg.Left = true, true
	lg.TextStyle.Font.Size = min(8, vg.Length(panelHeight-30)/vg.Length(len(named))*0.8)
	lg.ThumbnailWidth = 14
	for _, i := range named {
		lg.Add(p.Lines[i].Name, &plotter.Line{LineStyle: p.Lines[i].style(i)})
	}
	lg.Draw(c)
	return true
}

// add draws the map; its columns stand side by side whatever their distance in x.
func (m *Map) add(d *plot.Plot) error {
	if len(m.X) == 0 || len(m.Rows) == 0 {
		return fmt.Errorf("an empty map")
	}
	for i, r := range m.Rows {
		if len(r) != len(m.X) {
			return fmt.Errorf("row %d has %d values, want %d", i, len(r), len(m.X))
		}
	}
	h := plotter.NewHeatMap(grid{m}, blues(64))
	if h.Max <= h.Min {
		h.Max = h.Min + 1
	}
	d.Add(h)
	var ticks []plot.Tick
	for i := range m.Rows {
		if name := m.Name(i); name != "" {
			ticks = append(ticks, plot.Tick{Value: float64(i), Label: name})
		}
	}
	d.Y.Tick.Marker = plot.ConstantTicks(ticks)
	d.X.Tick.Marker = columnTicks(m.X)
	return nil
}

// columnTicks names about six columns by their x.
func columnTicks(x []float64) plot.Ticker {
	var ticks []plot.Tick
	for i := 0; i < len(x); i += max(1, len(x)/6) {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: fmt.Sprintf("%g", x[i])})
	}
	return plot.ConstantTicks(ticks)
}

type grid struct{ m *Map }

func (g grid) Dims() (c, r int)   { return len(g.m.X), len(g.m.Rows) }
func (g grid) Z(c, r int) float64 { return g.m.Rows[r][c] }
func (g grid) X(c int) float64    { return float64(c) }
func (g grid) Y(r int) float64    { return float64(r) }

// blues is a palette of n colours from white to dark blue.
type blues int

func (n blues) Colors() []color.Color {
	var out []color.Color
	for i := range int(n) {
		f := float64(i) / float64(n-1)
		out = append(out, color.RGBA{uint8(255 - 235*f), uint8(255 - 185*f), uint8(255 - 115*f), 255})
	}
	return out
}
