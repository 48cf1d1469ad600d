package discord

import (
	"bytes"
	"context"
	"fmt"
	"image/color"
	"time"

	"github.com/bwmarrin/discordgo"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Report is what /stats shows.
type Report struct {
	Fields []Field
	Load   [][]int64 // [layer][expert] tokens routed; drawn if there are experts
}

// Field is one figure, or a few that belong together.
type Field struct{ Name, Value string }

// Choices of /stats.
const optionPeriod, optionOf, ofAll = "period", "of", "all"

// statsCommand describes /stats.
func statsCommand() *discordgo.ApplicationCommand {
	period := choices(option(optText, optionPeriod, "Today if you leave it out", "留空则为今天"),
		choice{string(SpanToday), "今天", "today"}, choice{string(SpanWeek), "7 天", "7 days"}, choice{string(SpanStart), "启动以来", "since start"})
	of := choices(option(optText, optionOf, "This server if you leave it out", "留空则为本服务器"),
		choice{"here", "本服务器", "this server"}, choice{ofAll, "所有服务器", "all servers"})
	return inServers(allow(command("stats", "What I have been doing, for administrators", "我的运行统计（仅管理员）", period, of), discordgo.PermissionAdministrator))
}

// stats answers for the person alone: first an acknowledgement, then the figures
// with pictures, which take longer than an acknowledgement may.
func (b *Bot) stats(ctx context.Context, i *discordgo.Interaction) error {
	if i.GuildID == "" || !may(i, discordgo.PermissionAdministrator) {
		return b.respond(ctx, i, in(i, "Only administrators of a server can see that.", "只有服务器管理员才能查看。"), true)
	}
	err := b.deferred(ctx, i, true)
	if err != nil {
		return err
	}
	_, options := given(i)
	span, server, where := SpanToday, i.GuildID, in(i, "in this server", "本服务器")
	if v, ok := options[optionPeriod].(string); ok {
		span = Span(v)
	}
	if options[optionOf] == ofAll {
		server, where = "", in(i, "everywhere", "所有服务器")
	}
	var m hookBody
	if b.opt.Activity != nil {
		m.add(b.activityEmbed(ctx, i, server, where, span))
	}
	r := b.opt.Report(ctx, language(i))
	embed := &discordgo.MessageEmbed{Title: in(i, "How moebot is", "moebot 的运行状况"), Color: embedBlue, Timestamp: time.Now().UTC().Format(time.RFC3339), Fields: inline(r.Fields)}
	var picture []byte
	if len(r.Load) > 0 && len(r.Load[0]) > 1 {
		if picture, err = loadPicture(r.Load); err != nil {
			b.log.Error("the expert load could not be drawn", "err", err)
		}
	}
	m.add(embed, "experts.png", picture)
	return b.fill(ctx, i, m)
}

// embedBlue is the colour of embeds.
const embedBlue = 0x5b8def

// activityEmbed has the figures of a span of time, and their picture if it can be drawn.
func (b *Bot) activityEmbed(ctx context.Context, i *discordgo.Interaction, server, where string, span Span) (e *discordgo.MessageEmbed, name string, picture []byte) {
	when := map[Span]string{SpanToday: in(i, "Today", "今天"), SpanWeek: in(i, "The last 7 days", "最近 7 天"), SpanStart: in(i, "Since the start", "启动以来")}[span]
	e = &discordgo.MessageEmbed{Title: when + in(i, ", ", "，") + where, Color: embedBlue}
	a, err := b.opt.Activity(ctx, server, span)
	if err != nil {
		b.log.Error("the activity could not be read", "err", err)
		e.Description = sayStoreAway.in(i)
		return e, "", nil
	}
	e.Fields = inline(a.fields(i))
	drawn := in(i, "The last 24 hours, by hour (UTC)", "最近 24 小时，按小时（UTC）")
	if len(a.Hours) > 48 {
		drawn = in(i, "The last 7 days, by six hours (UTC)", "最近 7 天，每 6 小时（UTC）")
	}
	e.Footer = &discordgo.MessageEmbedFooter{Text: drawn}
	if picture, err = a.picture(); err != nil {
		b.log.Error("the activity could not be drawn", "err", err)
	}
	return e, "activity.png", picture
}

func inline(fields []Field) (out []*discordgo.MessageEmbedField) {
	for _, f := range fields {
		out = append(out, &discordgo.MessageEmbedField{Name: f.Name, Value: fit(f.Value, maxField), Inline: true})
	}
	return out
}

// add adds an embed with a picture; without one it is the embed alone.
func (m *hookBody) add(e *discordgo.MessageEmbed, name string, picture []byte) {
	if len(picture) > 0 {
		e.Image = &discordgo.MessageEmbedImage{URL: "attachment://" + name}
		m.files = append(m.files, &discordgo.File{Name: name, ContentType: "image/png", Reader: bytes.NewReader(picture)})
	}
	m.Embeds = append(m.Embeds, e)
}

// maxField is the length of an embed's field (resources/message, Embed Limits).
const maxField = 1024

// fit cuts a text to n characters, as Discord counts them.
func fit(s string, n int) string {
	if length(s) <= n {
		return s
	}
	return s[:hardCut(s, n-1)] + "…"
}

// grid is the share of each layer's tokens that each expert took, for plotter.HeatMap.
type grid [][]float64

func (g grid) Dims() (c, r int)   { return len(g[0]), len(g) }
func (g grid) Z(c, r int) float64 { return g[r][c] }
func (g grid) X(c int) float64    { return float64(c) }
func (g grid) Y(r int) float64    { return float64(r) }

// loadPicture draws the expert load as a heat map, PNG.
func loadPicture(load [][]int64) ([]byte, error) {
	g := make(grid, len(load))
	top := 0.0
	for l, row := range load {
		sum := int64(0)
		for _, n := range row {
			sum += n
		}
		for _, n := range row {
			share := float64(n) / float64(max(sum, 1))
			g[l] = append(g[l], share)
			top = max(top, share)
		}
	}
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Share of each layer's tokens by expert (even: %.1f %%)", 100/float64(len(g[0])))
	p.X.Label.Text, p.Y.Label.Text = "expert", "layer"
	h := plotter.NewHeatMap(g, blues(64))
	h.Min, h.Max = 0, max(top, 1e-9)
	p.Add(h)
	var labels plotter.XYLabels
	for l, row := range g {
		for e, share := range row {
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(e), Y: float64(l)})
			labels.Labels = append(labels.Labels, fmt.Sprintf("%.0f%%", 100*share))
		}
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = whole(len(g[0])), whole(len(g))
	return drawn(p, labels, vg.Length(90+60*len(g[0])), vg.Length(110+36*len(g)))
}

// drawn adds labels in the middle of their places and draws a plot, PNG.
func drawn(p *plot.Plot, labels plotter.XYLabels, width, height vg.Length) ([]byte, error) {
	text, err := plotter.NewLabels(labels)
	if err != nil {
		return nil, err
	}
	for i := range text.TextStyle {
		text.TextStyle[i].XAlign, text.TextStyle[i].YAlign = -0.5, -0.5
		text.TextStyle[i].Color = color.Black
	}
	p.Add(text)
	p.Title.Padding = vg.Points(8)
	return tiled([][]*plot.Plot{{p}}, width+22, height+26)
}

// blues runs from white to a blue on which black text can be read.
type blues int

func (n blues) Colors() []color.Color {
	out := make([]color.Color, n)
	for i := range out {
		f := float64(i) / float64(n-1)
		out[i] = color.RGBA{uint8(255 - 165*f), uint8(255 - 105*f), uint8(255 - 10*f), 255}
	}
	return out
}

// whole puts a mark at 0, 1, ... n-1.
type whole int

func (n whole) Ticks(_, _ float64) (t []plot.Tick) {
	for i := range int(n) {
		t = append(t, plot.Tick{Value: float64(i), Label: fmt.Sprint(i)})
	}
	return t
}
