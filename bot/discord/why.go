package discord

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bwmarrin/discordgo"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"moebot/bot/chat"
)

var sayNoTrace = say{"I don't know any more how that answer came about: I keep that of the last few only, and not over a restart.", "我已不知道那个回答是怎样得出的：这些信息只保留最近几个回答的，重启后也会丢失。"}

// traced finds how the last answer of the channel came about. It has told the person
// if ok is false. The interaction is acknowledged then in any case.
func (b *Bot) traced(ctx context.Context, i *discordgo.Interaction) (t chat.Trace, ok bool, err error) {
	s, err := b.load(ctx, i)
	if err != nil {
		return t, false, errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	a, _, found := last(s)
	if !found {
		return t, false, b.respond(ctx, i, in(i, "I haven't answered anything here that I remember.", "在我的记忆中，我没有在此处回答过问题。"), true)
	}
	if b.opt.Trace != nil {
		t, ok = b.opt.Trace(a.ID)
	}
	if !ok || len(t.Tokens) == 0 || !spells(t, a.Text) {
		b.yield(ctx)
		return t, false, b.respond(ctx, i, sayNoTrace.in(i), true)
	}
	return t, true, b.deferred(ctx, i, true)
}

// spells reports whether a trace is that of a text: another alternative may be chosen
// by now, or the answer was gone on with.
func spells(t chat.Trace, text string) bool {
	var all strings.Builder
	for _, token := range t.Tokens {
		all.WriteString(token.Text)
	}
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	got, want := squeeze(all.String()), squeeze(strings.TrimRight(text, " …"))
	if n := strings.IndexRune(got, '\uFFFD'); n >= 0 { // a character of several tokens, which do not tell it
		got, want = got[:n], want[:min(len(want), n)]
	}
	return strings.HasPrefix(got, want)
}

// why shows the tokens of the last answer, how likely each was, and what else might
// have been said there.
func (b *Bot) why(ctx context.Context, i *discordgo.Interaction) error {
	t, ok, err := b.traced(ctx, i)
	if err != nil || !ok {
		return err
	}
	text := whyText(i, t)
	m := hookBody{Content: &text, files: []*discordgo.File{{Name: "why.txt", ContentType: "text/plain; charset=utf-8", Reader: bytes.NewReader(whyTable(t))}}}
	if picture, err := chancePicture(t); err != nil {
		b.log.Error("the chances of an answer could not be drawn", "err", err)
	} else {
		m.Embeds = []*discordgo.MessageEmbed{{Color: embedBlue, Image: &discordgo.MessageEmbedImage{URL: "attachment://why.png"}}}
		m.files = append(m.files, &discordgo.File{Name: "why.png", ContentType: "image/png", Reader: bytes.NewReader(picture)})
	}
	return b.fill(ctx, i, m)
}

// whyText tells of an answer's tokens in one message.
func whyText(i *discordgo.Interaction, t chat.Trace) string {
	nats, sum := 0.0, 0.0
	for _, token := range t.Tokens {
		sum += token.Prob
		nats -= math.Log(max(token.Prob, 1e-9))
	}
	n := float64(len(t.Tokens))
	out := fmt.Sprintf(in(i, "**%d tokens**, each with a chance of %.0f %% on average; perplexity %.1f.", "**%d 个 token**，平均概率 %.0f %%；困惑度 %.1f。"), len(t.Tokens), 100*sum/n, math.Exp(nats/n))
	if n := len(t.Drafts); n > 1 {
		chosen := in(i, "found this one the likeliest", "认为这一个最可能")
		if slices.ContainsFunc(t.Drafts[1:], func(d chat.Draft) bool { return d.Score > t.Drafts[0].Score }) { // one that was given before, say
			chosen = in(i, "chose this one", "选了这一个")
		}
		out += fmt.Sprintf(in(i, " I made %d answers at once, and %s.", "我同时生成了 %d 个回答，%s。"), n, chosen)
	}
	out += in(i, " Where I was least sure:", "我最没有把握之处：")
	order := make([]int, len(t.Tokens))
	for n := range order {
		order[n] = n
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t.Tokens[a].Prob, t.Tokens[b].Prob) })
	for _, n := range order[:min(len(order), 8)] {
		token := t.Tokens[n]
		line := fmt.Sprintf("\n- %s %.0f %%", code1(token.Text), 100*token.Prob)
		var instead []string
		for _, a := range token.Alternatives {
			if a.Text != token.Text && len(instead) < 3 && a.Prob >= 0.005 {
				instead = append(instead, fmt.Sprintf("%s %.0f %%", code1(a.Text), 100*a.Prob))
			}
		}
		if len(instead) > 0 {
			line += in(i, ", instead of ", "，而不是 ") + strings.Join(instead, in(i, ", ", "、"))
		}
		if length(out)+length(line) > maxContent-10 {
			break
		}
		out += line
	}
	return out
}

// code1 shows a token so that its blanks are seen.
func code1(token string) string {
	s := strings.Trim(strconv.Quote(token), `"`)
	s = strings.ReplaceAll(s, "`", "ˋ")
	s = clip(s, 24)
	if strings.TrimSpace(s) == "" {
		s = "␣"
	}
	return "`" + strings.ReplaceAll(s, " ", "␣") + "`"
}

// whyTable lists all tokens, a line for each.
func whyTable(t chat.Trace) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "token\tchance\talternatives\n")
	for _, token := range t.Tokens {
		fmt.Fprintf(&out, "%q\t%.4f", token.Text, token.Prob)
		for _, a := range token.Alternatives {
			fmt.Fprintf(&out, "\t%q %.4f", a.Text, a.Prob)
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// columns is the width of the picture of an answer, tokens.
const columns = 10

// chanceGrid is the chance of each token, read line by line from the top.
type chanceGrid []chat.TraceToken

func (g chanceGrid) Dims() (c, r int) { return columns, (len(g) + columns - 1) / columns }
func (g chanceGrid) X(c int) float64  { return float64(c) }
func (g chanceGrid) Y(r int) float64  { return float64(r) }
func (g chanceGrid) Z(c, r int) float64 {
	_, rows := g.Dims()
	n := (rows-1-r)*columns + c
	if n >= len(g) {
		return math.NaN()
	}
	return g[n].Prob
}

// maxDrawn bounds the tokens in a picture.
const maxDrawn = 160

// chancePicture draws an answer's tokens on the colour of their chance, PNG.
func chancePicture(t chat.Trace) ([]byte, error) {
	g := chanceGrid(t.Tokens[:min(len(t.Tokens), maxDrawn)])
	p := plot.New()
	p.Title.Text = "Chance of each token: the darker, the surer"
	p.HideAxes()
	h := plotter.NewHeatMap(g, blues(64))
	h.Min, h.Max, h.NaN = 0, 1, color.White
	p.Add(h)
	_, rows := g.Dims()
	var labels plotter.XYLabels
	for n, token := range g {
		text := strings.TrimSpace(token.Text)
		if r := []rune(text); len(r) > 10 {
			text = string(r[:9]) + "…"
		}
		labels.XYs = append(labels.XYs, plotter.XY{X: float64(n % columns), Y: float64(rows - 1 - n/columns)})
		labels.Labels = append(labels.Labels, fmt.Sprintf("%s\n%.0f%%", strings.ToValidUTF8(text, "?"), 100*token.Prob))
	}
	return drawn(p, labels, vg.Length(30+66*columns), vg.Length(50+34*rows))
}

// experts draws which experts answered, as a share of each layer's tokens.
func (b *Bot) experts(ctx context.Context, i *discordgo.Interaction) error {
	t, ok, err := b.traced(ctx, i)
	if err != nil || !ok {
		return err
	}
	load := make([][]int64, t.Layers)
	for l := range load {
		load[l] = make([]int64, t.Experts)
	}
	for _, token := range t.Tokens {
		for l, chosen := range token.Experts {
			for _, c := range chosen {
				if l < len(load) && c.Expert >= 0 && c.Expert < t.Experts {
					load[l][c.Expert]++
				}
			}
		}
	}
	text := fmt.Sprintf(in(i, "The last answer: %d tokens, through %d layers with %d experts each. The share of each layer's work that each expert did:", "上一个回答：%d 个 token，经过 %d 层，每层 %d 个专家。各专家在每层所做的工作占比："), len(t.Tokens), t.Layers, t.Experts)
	m := hookBody{Content: &text}
	if t.Experts > 1 && t.Layers > 0 {
		picture, err := loadPicture(load)
		if err != nil {
			return err
		}
		m.files = []*discordgo.File{{Name: "experts.png", ContentType: "image/png", Reader: bytes.NewReader(picture)}}
		m.Embeds = []*discordgo.MessageEmbed{{Color: embedBlue, Image: &discordgo.MessageEmbedImage{URL: "attachment://experts.png"}}}
	}
	return b.fill(ctx, i, m)
}
