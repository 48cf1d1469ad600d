package playground_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
	"moebot/bot/playground"
)

// world is a furnished local Discord, its page, and the traces of the replies.
type world struct {
	discord *discordtest.Server
	page    *playground.Server
	url     string
	server  *httptest.Server
	lab     http.Handler                 // of the pages that open makes; nil for none
	front   atomic.Pointer[http.Handler] // what the server serves: the page, unless a test cuts it off

	mu     sync.Mutex
	traces map[string]chat.Trace
}

// Trace implements playground.Tracer.
func (w *world) Trace(id string) (chat.Trace, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.traces[id]
	return t, ok
}

func (w *world) keep(id string, t chat.Trace) {
	w.mu.Lock()
	w.traces[id] = t
	w.mu.Unlock()
	w.page.Traced(id)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{discord: discordtest.New(discordtest.Options{}), traces: map[string]chat.Trace{}}
	playground.Seed(w.discord)
	if err := w.discord.Start(""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.discord.Close(); err != nil {
			t.Error(err)
		}
	})
	w.open()
	w.server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) { (*w.front.Load()).ServeHTTP(out, r) }))
	t.Cleanup(w.server.Close)
	t.Cleanup(func() { w.page.Close() })
	w.url = w.server.URL
	return w
}

// open makes the page, anew after Close.
func (w *world) open() {
	w.page = playground.New(w.discord, playground.Options{
		Tracer: w,
		Lab:    w.lab,
		Notices: []playground.Notice{
			{Label: "Store", Text: "embedded; conversations are kept in /var/lib/moebot/sessions.journal"},
			{Label: "Model", Text: "moebot-small 0.1: 8 experts, 2 at work, 4 layers, 14.6 MB"},
		},
	})
	w.serve(w.page)
}

func (w *world) serve(h http.Handler) { w.front.Store(&h) }

func (w *world) channel(t *testing.T, name string) string {
	t.Helper()
	for _, c := range w.discord.Channels() {
		if c.Name == name {
			return c.ID
		}
	}
	t.Fatalf("no channel %s", name)
	return ""
}

func (w *world) person(t *testing.T, name string) string {
	t.Helper()
	for _, u := range w.discord.Users() {
		if u.DisplayName() == name {
			return u.ID
		}
	}
	t.Fatalf("no person %s", name)
	return ""
}

// answer is what the scripted bot says, in the steps in which it shows it.
var answer = []string{
	"I like",
	"I like the smell of **fresh bread**",
	"I like the smell of **fresh bread** in the morning, and how simple it is: flour, water, salt and time.",
}

// bot connects a scripted bot through the library the real one uses: it answers mentions and direct messages by
// a reply that grows by edits, and has commands for what the page must show.
func (w *world) bot(t *testing.T) {
	t.Helper()
	session, err := discordgo.New("Bot " + w.discord.Token())
	if err != nil {
		t.Fatal(err)
	}
	session.Client = &http.Client{Transport: w.discord.Transport(), Timeout: 10 * time.Second}
	session.Identify.Intents = discordgo.IntentsAllWithoutPrivileged | discordgo.IntentMessageContent
	session.LogLevel = discordgo.LogError
	var running sync.WaitGroup
	ready := make(chan struct{})
	session.AddHandlerOnce(func(*discordgo.Session, *discordgo.Ready) { close(ready) })
	session.AddHandler(func(s *discordgo.Session, m *discordgo.MessageCreate) {
		mentioned := false
		for _, u := range m.Mentions {
			mentioned = mentioned || u.ID == s.State.User.ID
		}
		if m.Author.Bot || !mentioned && m.GuildID != "" {
			return
		}
		running.Go(func() { w.answer(t, s, m.Message) })
	})
	session.AddHandler(func(s *discordgo.Session, i *discordgo.InteractionCreate) {
		running.Go(func() { w.interact(t, s, i) })
	})
	if err := session.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		running.Wait()
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case <-time.After(10 * time.Second):
		t.Fatal("the bot was not greeted")
	}
	admin := int64(discordgo.PermissionAdministrator)
	low := 0.0
	_, err = session.ApplicationCommandBulkOverwrite(session.State.User.ID, "", []*discordgo.ApplicationCommand{
		{Name: "temperature", Description: "Show or set how daring the answers are here", DescriptionLocalizations: &map[discordgo.Locale]string{discordgo.ChineseCN: "查看或设置此处回答的随机程度"}, Options: []*discordgo.ApplicationCommandOption{
			{Type: discordgo.ApplicationCommandOptionNumber, Name: "value", Description: "0 always says the likeliest, 2 is wild", MinValue: &low, MaxValue: 2},
		}},
		{Name: "style", Description: "How the bot speaks here", Options: []*discordgo.ApplicationCommandOption{
			{Type: discordgo.ApplicationCommandOptionString, Name: "manner", Description: "Which manner", Required: true, Choices: []*discordgo.ApplicationCommandOptionChoice{
				{Name: "Plain", Value: "plain"}, {Name: "Cheerful", Value: "cheerful"},
			}},
			{Type: discordgo.ApplicationCommandOptionInteger, Name: "length", Description: "Longest answer in tokens"},
		}},
		{Name: "stats", Description: "How the bot is doing", DefaultMemberPermissions: &admin},
		{Name: "silent", Description: "Does not answer at all"},
		{Name: "pick", Description: "Suggests while one types", Options: []*discordgo.ApplicationCommandOption{
			{Type: discordgo.ApplicationCommandOptionString, Name: "fruit", Description: "Which fruit", Autocomplete: true},
			{Type: discordgo.ApplicationCommandOptionRole, Name: "role", Description: "For whom"},
			{Type: discordgo.ApplicationCommandOptionAttachment, Name: "file", Description: "A file"},
		}},
		{Name: "Ask about this", Type: discordgo.MessageApplicationCommand},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) answer(t *testing.T, s *discordgo.Session, m *discordgo.Message) {
	if err := s.ChannelTyping(m.ChannelID); err != nil {
		t.Error(err)
	}
	time.Sleep(300 * time.Millisecond)
	shown, err := s.ChannelMessageSendComplex(m.ChannelID, &discordgo.MessageSend{Content: answer[0], Reference: m.SoftReference()})
	if err != nil {
		t.Error(err)
		return
	}
	for _, text := range answer[1:] {
		time.Sleep(200 * time.Millisecond)
		edit := discordgo.NewMessageEdit(m.ChannelID, shown.ID).SetContent(text)
		if text == answer[len(answer)-1] {
			edit.Components = &[]discordgo.MessageComponent{discordgo.ActionsRow{Components: []discordgo.MessageComponent{
				discordgo.Button{Label: "Again", Style: discordgo.SecondaryButton, CustomID: "again"},
			}}}
		}
		if _, err := s.ChannelMessageEditComplex(edit); err != nil {
			t.Error(err)
			return
		}
	}
	w.keep(shown.ID, traceFor(answer[len(answer)-1]))
}

func (w *world) interact(t *testing.T, s *discordgo.Session, i *discordgo.InteractionCreate) {
	say := func(data *discordgo.InteractionResponseData) {
		kind := discordgo.InteractionResponseChannelMessageWithSource
		if err := s.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{Type: kind, Data: data}); err != nil {
			t.Error(err)
		}
	}
	if i.Type == discordgo.InteractionMessageComponent {
		say(&discordgo.InteractionResponseData{Content: "Pressed " + i.MessageComponentData().CustomID, Flags: discordgo.MessageFlagsEphemeral})
		return
	}
	if i.Type == discordgo.InteractionApplicationCommandAutocomplete {
		choices := []*discordgo.ApplicationCommandOptionChoice{}
		for _, fruit := range []string{"apple", "apricot", "pear"} {
			if strings.HasPrefix(fruit, i.ApplicationCommandData().Options[0].StringValue()) {
				choices = append(choices, &discordgo.ApplicationCommandOptionChoice{Name: "The " + fruit, Value: fruit})
			}
		}
		if err := s.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{Type: discordgo.InteractionApplicationCommandAutocompleteResult, Data: &discordgo.InteractionResponseData{Choices: choices}}); err != nil {
			t.Error(err)
		}
		return
	}
	if i.Type == discordgo.InteractionModalSubmit {
		row := i.ModalSubmitData().Components[0].(*discordgo.ActionsRow)
		say(&discordgo.InteractionResponseData{Content: "You ask: " + row.Components[0].(*discordgo.TextInput).Value, Flags: discordgo.MessageFlagsEphemeral})
		return
	}
	data := i.ApplicationCommandData()
	switch data.Name {
	case "Ask about this":
		if err := s.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{Type: discordgo.InteractionResponseModal, Data: &discordgo.InteractionResponseData{
			CustomID: "about", Title: "About this message", Components: []discordgo.MessageComponent{discordgo.ActionsRow{Components: []discordgo.MessageComponent{
				discordgo.TextInput{CustomID: "text", Label: "What do you want to know?", Style: discordgo.TextInputShort, Value: "What does this mean?", Required: true, MaxLength: 300},
			}}},
		}}); err != nil {
			t.Error(err)
		}
	case "temperature":
		text := "The temperature here is **0.8**."
		if len(data.Options) > 0 {
			text = fmt.Sprintf("The temperature here is now **%g** (it was 0.8).", data.Options[0].FloatValue())
		}
		if i.Locale == discordgo.ChineseCN {
			text = "此处的温度为 **0.8**。"
		}
		say(&discordgo.InteractionResponseData{Content: text})
	case "pick":
		text := "Picked"
		for _, o := range data.Options {
			text += fmt.Sprintf(" %s", o.Value)
			if o.Type == discordgo.ApplicationCommandOptionAttachment {
				text += fmt.Sprintf(" of %d bytes", data.Resolved.Attachments[o.Value.(string)].Size)
			}
		}
		say(&discordgo.InteractionResponseData{Content: text})
	case "style":
		say(&discordgo.InteractionResponseData{Content: "I speak in a " + data.Options[0].StringValue() + " manner now."})
	case "stats":
		if err := s.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{
			Type: discordgo.InteractionResponseDeferredChannelMessageWithSource, Data: &discordgo.InteractionResponseData{Flags: discordgo.MessageFlagsEphemeral},
		}); err != nil {
			t.Error(err)
			return
		}
		time.Sleep(700 * time.Millisecond)
		_, err := s.InteractionResponseEdit(i.Interaction, &discordgo.WebhookEdit{
			Embeds: &[]*discordgo.MessageEmbed{{
				Title: "moebot, up 2 h 14 min", Description: "All is well.", Color: 0x46dcc6,
				Fields: []*discordgo.MessageEmbedField{
					{Name: "Messages", Value: "128", Inline: true}, {Name: "Tokens in / out", Value: "9,412 / 3,877", Inline: true}, {Name: "Tokens per second", Value: "61.4", Inline: true},
					{Name: "First token p50 / p95", Value: "84 / 210 ms", Inline: true}, {Name: "Store", Value: "embedded, 0.4 ms", Inline: true}, {Name: "Queue", Value: "0 of 64", Inline: true},
				},
				Image: &discordgo.MessageEmbedImage{URL: "attachment://experts.png"},
			}},
			Files: []*discordgo.File{{Name: "experts.png", ContentType: "image/png", Reader: bytes.NewReader(picture(t))}},
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// picture is a small heat map.
func picture(t *testing.T) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 480, 200))
	for y := range 200 {
		for x := range 480 {
			v := uint8(40 + (x/60*37+y/50*71)%200)
			img.Set(x, y, color.RGBA{v / 3, v, v - v/4, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Error(err)
	}
	return b.Bytes()
}

// traceFor makes a trace of a text: words as tokens, chances and experts from a fixed pattern.
func traceFor(text string) chat.Trace {
	trace := chat.Trace{Layers: 4, Experts: 8, Drafts: []chat.Draft{{Text: text, Score: -2.5}, {Text: "It is <b>late</b>.", Score: -3.254}, {Text: "It is <b>late</b>.", Score: -3.254}}}
	for i, word := range strings.SplitAfter(text, " ") {
		p := []float64{0.93, 0.61, 0.34, 0.78, 0.08, 0.99}[i%6]
		token := chat.TraceToken{Text: word, Prob: p, Alternatives: []chat.Alternative{{Text: word, Prob: p}, {Text: "the ", Prob: (1 - p) / 2}, {Text: "a ", Prob: (1 - p) / 4}}}
		for layer := range trace.Layers {
			a := (i*3 + layer*5) % 8
			token.Experts = append(token.Experts, []chat.Choice{{Expert: a, Weight: 0.7}, {Expert: (a + 1 + i%3) % 8, Weight: 0.3}})
		}
		trace.Tokens = append(trace.Tokens, token)
	}
	return trace
}
