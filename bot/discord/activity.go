package discord

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"moebot/session"
)

// Span is the time that /stats tells of.
type Span string

// The spans: since midnight UTC, the last 7 × 24 hours, and since the process started.
const (
	SpanToday Span = "today"
	SpanWeek  Span = "week"
	SpanStart Span = "start"
)

// Names of what is counted in a session.Activity, and of its histograms of durations.
const (
	CountMessages     = "messages"
	CountAnswers      = "answers"
	CountAgain        = "again" // of them, to a question that had one
	CountTokensIn     = "tokens_in"
	CountTokensReused = "tokens_reused" // of them
	CountTokensOut    = "tokens_out"
	CountDecodeTime   = "decode_us" // microseconds in which tokens came out
	CountError        = "error_"    // and the kind
	TimeFirst         = "first"     // to the first token
	TimeWhole         = "whole"     // to the whole answer
)

// Activity is what happened somewhere.
type Activity struct {
	Sum   session.Activity   // of the span that was asked for
	Hours []session.Activity // to draw, the oldest first
	Last  time.Time          // in the last of them
}

// fields are the figures of an activity.
func (a Activity) fields(i *discordgo.Interaction) []Field {
	c := a.Sum.Counts
	times := func(name string) string {
		return fmt.Sprintf("p50 %s\np95 %s\np99 %s", brief(a.Sum.Quantile(name, 0.5)), brief(a.Sum.Quantile(name, 0.95)), brief(a.Sum.Quantile(name, 0.99)))
	}
	speed := 0.0
	if us := c[CountDecodeTime]; us > 0 {
		speed = float64(c[CountTokensOut]) / (float64(us) / 1e6)
	}
	out := []Field{
		{in(i, "Messages", "消息"), fmt.Sprintf(in(i, "%d questions\n%d answers\n%d given again", "问题 %d\n回答 %d\n重新回答 %d"), c[CountMessages], c[CountAnswers]-c[CountAgain], c[CountAgain])},
		{in(i, "People", "人数"), fmt.Sprint(a.Sum.People())},
		{in(i, "Tokens", "Token"), fmt.Sprintf(in(i, "%d in, %d of them from the cache\n%d out, %.0f tokens/s", "输入 %d，其中 %d 来自缓存\n输出 %d，每秒 %.0f 个"), c[CountTokensIn], c[CountTokensReused], c[CountTokensOut], speed)},
		{in(i, "First token", "首个 token"), times(TimeFirst)},
		{in(i, "Whole answer", "完整回答"), times(TimeWhole)},
	}
	var errors []string
	for _, kind := range []say{{"store", "存储"}, {"show", "显示"}, {"timeout", "超时"}, {"busy", "繁忙"}, {"generate", "生成"}, {"panic", "崩溃"}} {
		if n := c[CountError+kind.english]; n > 0 {
			errors = append(errors, fmt.Sprintf("%d %s", n, kind.in(i)))
		}
	}
	if len(errors) > 0 {
		out = append(out, Field{in(i, "Errors", "错误"), strings.Join(errors, "\n")})
	}
	return out
}

// brief is a duration with three digits.
func brief(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d == 0:
		return "–"
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

// The colours of the pictures of activity: bars and first lines, and second ones.
var (
	firstColour  = color.RGBA{0x3b, 0x6f, 0xd8, 0xff}
	secondColour = color.RGBA{0xd9, 0x77, 0x1f, 0xff}
)

// picture draws messages, people, tokens and the time to the first token over the
// hours, PNG. Of more than two days, six hours are one bar.
func (a Activity) picture() ([]byte, error) {
	step := 1
	if len(a.Hours) > 48 {
		step = 6
	}
	list := steps(a.Hours, a.Last, step)
	bars := func(title string, value func(session.Activity) float64) (*plot.Plot, error) {
		p := over(title, a.Last, len(list), step)
		v := make(plotter.Values, len(list))
		for i, h := range list {
			v[i] = value(h)
		}
		b, err := plotter.NewBarChart(v, vg.Points(200/float64(len(list))*0.75))
		if err != nil {
			return nil, err
		}
		b.Color, b.LineStyle.Width = firstColour, 0
		p.Add(b)
		p.Y.Min, p.Y.Max = 0, max(1.05*p.Y.Max, 1)
		return p, nil
	}
	count := func(name string) func(session.Activity) float64 {
		return func(h session.Activity) float64 { return float64(h.Counts[name]) }
	}
	messages, err := bars("Messages", count(CountMessages))
	if err != nil {
		return nil, err
	}
	people, err := bars("People", func(h session.Activity) float64 { return float64(h.People()) })
	if err != nil {
		return nil, err
	}
	tokens := over("Tokens", a.Last, len(list), step)
	first := over("First token, ms", a.Last, len(list), step)
	lines(tokens, list, "in", firstColour, count(CountTokensIn))
	lines(tokens, list, "out", secondColour, count(CountTokensOut))
	quantile := func(p float64) func(session.Activity) float64 {
		return func(h session.Activity) float64 {
			d := h.Quantile(TimeFirst, p)
			if d == 0 {
				return math.NaN()
			}
			return float64(d) / float64(time.Millisecond)
		}
	}
	lines(first, list, "p50", firstColour, quantile(0.5))
	lines(first, list, "p95", secondColour, quantile(0.95))
	for _, p := range []*plot.Plot{tokens, first} {
		p.Y.Min, p.Y.Max = 0, max(1.6*p.Y.Max, 1) // room for the legend
	}
	return tiled([][]*plot.Plot{{messages, people}, {tokens, first}}, 540, 420)
}

// steps are sums of so many hours each, which end where a day of UTC can be divided;
// the first may be of fewer.
func steps(hours []session.Activity, last time.Time, step int) (out []session.Activity) {
	at := last.UTC().Truncate(time.Hour).Add(-time.Duration(len(hours)-1) * time.Hour)
	for i, h := range hours {
		if i == 0 || at.Add(time.Duration(i)*time.Hour).Hour()%step == 0 {
			out = append(out, session.Activity{})
		}
		out[len(out)-1].Merge(h)
	}
	return out
}

// lettering is the size of what stands beside the pictures of activity. A message shows
// their 540 points as 550 pixels, on a phone as 300, where it must be legible still.
const lettering = font.Length(17)

// over is a plot over n steps of so many hours, the last of which holds a time.
func over(title string, last time.Time, n, step int) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.X.Min, p.X.Max = -0.6, float64(n)-0.4
	p.X.Tick.Marker = plot.TickerFunc(func(_, _ float64) (t []plot.Tick) {
		end := last.UTC().Truncate(time.Duration(step) * time.Hour)
		for i := range n {
			at := end.Add(-time.Duration((n-1-i)*step) * time.Hour)
			switch {
			case step == 1 && at.Hour()%6 == 0:
				t = append(t, plot.Tick{Value: float64(i), Label: at.Format("15:04")})
			case step > 1 && at.Hour() == 0:
				label := "" // a tick all the same
				if at.YearDay()%3 == 0 {
					label = at.Format("Jan 2")
				}
				t = append(t, plot.Tick{Value: float64(i), Label: label})
			}
		}
		return t
	})
	p.Y.Tick.Marker = plot.TickerFunc(short)
	for _, f := range []*font.Font{&p.Title.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font} {
		f.Size = lettering
	}
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color = color.Gray{0xdd}
	p.Add(grid)
	p.Legend.Top, p.Legend.Padding, p.Title.Padding = true, vg.Points(2), vg.Points(8)
	return p
}

// short are two to five ticks from 0 to most, which is 1 at least, labelled in few letters.
func short(_, most float64) (out []plot.Tick) {
	step := math.Pow(10, math.Floor(math.Log10(most)))
	switch n := most / step; {
	case n < 2:
		step = max(step/2, 1)
	case n >= 5:
		step *= 2
	}
	for v := 0.0; v <= most; v += step {
		label := fmt.Sprintf("%g", v)
		switch {
		case v >= 1e6:
			label = fmt.Sprintf("%gM", v/1e6)
		case v >= 1e3:
			label = fmt.Sprintf("%gk", v/1e3)
		}
		out = append(out, plot.Tick{Value: v, Label: label})
	}
	return out
}

// lines adds a line with a mark at each step that has a value, NaN being none; it is
// broken where there is none.
func lines(p *plot.Plot, list []session.Activity, name string, c color.Color, value func(session.Activity) float64) {
	style := vgdraw.LineStyle{Color: c, Width: vg.Points(1.6)}
	var run plotter.XYs
	end := func() {
		if len(run) > 0 {
			p.Add(&plotter.Line{XYs: run, LineStyle: style},
				&plotter.Scatter{XYs: run, GlyphStyle: vgdraw.GlyphStyle{Color: c, Radius: vg.Points(2), Shape: vgdraw.CircleGlyph{}}})
		}
		run = nil
	}
	for i, h := range list {
		if v := value(h); !math.IsNaN(v) {
			run = append(run, plotter.XY{X: float64(i), Y: v})
		} else {
			end()
		}
	}
	end()
	p.Legend.Add(name, &plotter.Line{LineStyle: style})
}

// tiled draws plots in rows, PNG.
func tiled(plots [][]*plot.Plot, width, height vg.Length) ([]byte, error) {
	img := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(144)) // sharp where a screen has small pixels
	t := vgdraw.Tiles{Rows: len(plots), Cols: len(plots[0]), PadX: vg.Points(18), PadY: vg.Points(18),
		PadTop: vg.Points(10), PadBottom: vg.Points(8), PadLeft: vg.Points(8), PadRight: vg.Points(14)}
	canvases := plot.Align(plots, t, vgdraw.New(img))
	for r, row := range plots {
		for c, p := range row {
			p.Draw(canvases[r][c])
		}
	}
	var out bytes.Buffer
	_, err := vgimg.PngCanvas{Canvas: img}.WriteTo(&out)
	return out.Bytes(), err
}
