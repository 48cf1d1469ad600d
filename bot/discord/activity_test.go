package discord

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/discordtest"
	"moebot/session"
)

// busy is a made up activity of so many hours up to a time.
func busy(hours int, last time.Time) Activity {
	a := Activity{Hours: make([]session.Activity, hours), Last: last}
	for i := range a.Hours {
		h := &a.Hours[i]
		n := int64(20 * (1 + math.Sin(float64(i)*math.Pi/12)))
		for k := range n {
			h.Saw(strings.Repeat("x", int(k%7+1)))
			h.Observe(TimeFirst, time.Duration(2+k)*time.Millisecond)
			h.Observe(TimeWhole, time.Duration(40+9*k)*time.Millisecond)
		}
		h.Add(CountMessages, n)
		h.Add(CountAnswers, n)
		h.Add(CountTokensIn, 220*n)
		h.Add(CountTokensReused, 180*n)
		h.Add(CountTokensOut, 30*n)
		h.Add(CountDecodeTime, 20000*n)
		a.Sum.Merge(*h)
	}
	return a
}

func TestActivityPicture(t *testing.T) {
	last := time.Date(2026, 11, 29, 17, 20, 0, 0, time.UTC)
	for name, a := range map[string]Activity{"day": busy(24, last), "week": busy(168, last), "nothing": {Hours: make([]session.Activity, 24), Last: last}} {
		b, err := a.picture()
		if err != nil {
			t.Fatal(name, err)
		}
		img, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(name, err)
		}
		if s := img.Bounds().Size(); s.X < 900 || s.Y < 500 || len(b) > 400<<10 {
			t.Errorf("%s: the picture is %v, %d bytes", name, s, len(b))
		}
		// Shown 300 pixels wide, as on a phone, letters are 9 pixels high at least.
		if points := 72.0 / 144 * float64(img.Bounds().Dx()); 300/points*float64(lettering) < 9 {
			t.Errorf("%s: letters of %v in a picture of %v points", name, lettering, points)
		}
		blue := 0
		for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
			for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
				if r, g, b, _ := img.At(x, y).RGBA(); r>>8 == 0x3b && g>>8 == 0x6f && b>>8 == 0xd8 {
					blue++
				}
			}
		}
		if (blue > 5000) != (name != "nothing") {
			t.Errorf("%s: %d pixels are of bars and lines", name, blue)
		}
		if path := os.Getenv("MOEBOT_PICTURE"); path != "" { // to look at it
			if err := os.WriteFile(path+"-"+name+".png", b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Ticks are few, and their labels short, whatever is counted.
func TestShortTicks(t *testing.T) {
	for _, tc := range []struct {
		most float64
		want string
	}{{1, "0 1"}, {1.9, "0 1"}, {3.2, "0 1 2 3"}, {7.35, "0 2 4 6"}, {10, "0 5 10"}, {42, "0 10 20 30 40"}, {180, "0 50 100 150"}, {1300, "0 500 1k"}, {57000, "0 20k 40k"}, {3.4e6, "0 1M 2M 3M"}} {
		var labels []string
		for _, tick := range short(0, tc.most) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != tc.want {
			t.Errorf("to %v the ticks are %s, want %s", tc.most, got, tc.want)
		}
	}
}

func TestActivitySteps(t *testing.T) {
	last := time.Date(2026, 11, 29, 7, 59, 0, 0, time.UTC) // the steps begin at 0, 6, 12 and 18 hours
	hours := make([]session.Activity, 15)                  // 17:00 to 07:00
	for i := range hours {
		hours[i].Add("messages", 1)
	}
	var got []int64
	for _, s := range steps(hours, last, 6) {
		got = append(got, s.Counts["messages"])
	}
	if len(got) != 4 || got[0] != 1 || got[1] != 6 || got[2] != 6 || got[3] != 2 {
		t.Errorf("steps of %v hours, want 1, 6, 6 and 2", got)
	}
}

func TestActivityFields(t *testing.T) {
	var a Activity
	a.Sum.Add(CountMessages, 3)
	a.Sum.Add(CountAnswers, 5)
	a.Sum.Add(CountAgain, 4)
	a.Sum.Add(CountError+"timeout", 2)
	a.Sum.Observe(TimeFirst, 20*time.Millisecond)
	got := map[string]string{}
	for _, f := range a.fields(nil) {
		got[f.Name] = f.Value
	}
	if got["Messages"] != "3 questions\n1 answers\n4 given again" || got["Errors"] != "2 timeout" || !strings.Contains(got["First token"], "p99 ") || got["Whole answer"] != "p50 –\np95 –\np99 –" {
		t.Errorf("%q", got)
	}
}

func TestStatsOfSpans(t *testing.T) {
	type ask struct {
		server string
		span   Span
	}
	asked := make(chan ask, 9)
	var fail error
	w := newWorld(t, discordtest.Options{}, Options{Activity: func(_ context.Context, server string, s Span) (Activity, error) {
		asked <- ask{server, s}
		if fail != nil {
			return Activity{}, fail
		}
		return busy(map[Span]int{SpanToday: 24, SpanStart: 24, SpanWeek: 168}[s], time.Now()), nil
	}}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	text := func(r discordtest.Response) string {
		var b strings.Builder
		for _, e := range r.Message.Embeds {
			b.WriteString(e.Title + "\n")
			if e.Footer != nil {
				b.WriteString(e.Footer.Text + "\n")
			}
			for _, f := range e.Fields {
				b.WriteString(f.Name + ": " + f.Value + "\n")
			}
		}
		return b.String()
	}
	for _, tc := range []struct {
		options []discordtest.Option
		want    ask
		say     string
	}{
		{nil, ask{w.guild.ID, SpanToday}, "Today, in this server\nThe last 24 hours"},
		{[]discordtest.Option{{Name: "period", Value: "week"}}, ask{w.guild.ID, SpanWeek}, "The last 7 days, in this server\nThe last 7 days, by six hours"},
		{[]discordtest.Option{{Name: "period", Value: "start"}, {Name: "of", Value: "all"}}, ask{"", SpanStart}, "Since the start, everywhere"},
	} {
		r := w.run(c, w.owner.ID, "stats", tc.options...)
		if got := <-asked; got != tc.want {
			t.Errorf("/stats %v asks for %v, want %v", tc.options, got, tc.want)
		}
		if !strings.Contains(text(r), tc.say) || !strings.Contains(text(r), "p95") || !r.Ephemeral || len(r.Message.Attachments) != 2 {
			t.Errorf("/stats %v: ephemeral %v, %d pictures, %s", tc.options, r.Ephemeral, len(r.Message.Attachments), text(r))
		}
	}
	fail = errors.New("away")
	if r := w.run(c, w.owner.ID, "stats"); len(r.Message.Attachments) != 1 || r.Message.Embeds[0].Description != sayStoreAway.english {
		t.Errorf("without the store: %d pictures, %+v", len(r.Message.Attachments), r.Message.Embeds[0])
	}
	<-asked
	// Discord shows the command to administrators alone, who may allow it to others: the
	// bot refuses them all the same, and reads nothing.
	member := &discordgo.Interaction{ID: "1", AppID: w.d.Bot().ID, Token: "x", GuildID: w.guild.ID, ChannelID: c, Type: discordgo.InteractionApplicationCommand,
		Data: discordgo.ApplicationCommandInteractionData{Name: "stats"}, Member: &discordgo.Member{User: &discordgo.User{ID: w.mia.ID}, Permissions: discordgo.PermissionManageChannels}}
	if err := w.bot.stats(t.Context(), member); err == nil || len(asked) > 0 { // nobody hears the refusal: Discord knows no such interaction
		t.Errorf("a member's /stats gives %v and %d reads", err, len(asked))
	}
}
