package discordtest_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"
	"go.uber.org/goleak"

	"moebot/bot/discordtest"
)

// TestMain asks that no goroutine is left. Those of discordgo take a second or two to notice the end.
func TestMain(m *testing.M) {
	code := m.Run()
	var err error
	for range 10 {
		if err = goleak.Find(); err == nil {
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// world is a guild with its owner, a channel and a bot that is not connected yet.
type world struct {
	*discordtest.Server
	ada     discordtest.User // owns the guild
	bob     discordtest.User // an ordinary member
	guild   discordtest.Guild
	channel discordtest.Channel
}

func newWorld(t *testing.T, o discordtest.Options) *world {
	t.Helper()
	w := &world{Server: discordtest.New(o)}
	if err := w.Start(""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	w.ada, w.bob = w.AddUser("Ada"), w.AddUser("Bob")
	w.guild = w.AddGuild("Home", w.ada.ID)
	w.AddMember(w.guild.ID, w.bob.ID)
	w.channel = w.AddChannel(w.guild.ID, "general")
	return w
}

// client is a discordgo client pointed at the world, not opened.
func (w *world) client(t *testing.T) *discordgo.Session {
	t.Helper()
	dg, err := discordgo.New("Bot " + w.Token())
	if err != nil {
		t.Fatal(err)
	}
	dg.Client = &http.Client{Transport: w.Transport(), Timeout: 20 * time.Second}
	dg.Identify.Intents = discordgo.IntentsAllWithoutPrivileged | discordgo.IntentMessageContent
	dg.SyncEvents = true
	dg.LogLevel = -1
	return dg
}

// open connects a client and closes it at the end.
func open(t *testing.T, dg *discordgo.Session) {
	t.Helper()
	if err := dg.Open(); err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { dg.Close() })
	// A discordgo client that is closed before its first heartbeat takes the close for a broken connection and
	// reconnects for ever.
	for ready := false; !ready; time.Sleep(time.Millisecond) {
		dg.RLock()
		ready = dg.DataReady
		dg.RUnlock()
	}
}

// listen collects the events of one kind.
func listen[E any](dg *discordgo.Session) <-chan *E {
	events := make(chan *E, 10000)
	dg.AddHandler(func(_ *discordgo.Session, e *E) { events <- e })
	return events
}

// next waits for an event.
func next[E any](t *testing.T, events <-chan E) E {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no event within 10 s")
		panic("unreachable")
	}
}

func none[E any](t *testing.T, events <-chan E) {
	t.Helper()
	select {
	case e := <-events:
		t.Fatalf("unexpected event %+v", e)
	case <-time.After(100 * time.Millisecond):
	}
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	dg := w.client(t)
	created, guilds := listen[discordgo.MessageCreate](dg), listen[discordgo.GuildCreate](dg)
	open(t, dg)

	g := next(t, guilds)
	if g.Name != "Home" || len(g.Channels) != 1 || g.Channels[0].Name != "general" || len(g.Members) != 1 {
		t.Fatalf("guild create: %+v", g.Guild)
	}
	if dg.State.User.ID != w.Bot().ID {
		t.Errorf("ready user %v, want %v", dg.State.User, w.Bot())
	}

	q, err := w.Send(w.channel.ID, w.bob.ID, "<@"+w.Bot().ID+"> hello")
	if err != nil {
		t.Fatal(err)
	}
	e := next(t, created)
	if e.ID != q.ID || e.Content != q.Content || e.Author.ID != w.bob.ID || e.GuildID != w.guild.ID || e.Member == nil {
		t.Errorf("message create: %+v", e.Message)
	}
	if len(e.Mentions) != 1 || e.Mentions[0].ID != w.Bot().ID {
		t.Errorf("mentions: %+v", e.Mentions)
	}

	m, err := dg.ChannelMessageSendReply(w.channel.ID, "hi Bob", e.Reference())
	if err != nil {
		t.Fatal(err)
	}
	if e := next(t, created); e.ID != m.ID || e.ReferencedMessage == nil || e.ReferencedMessage.ID != q.ID || e.Type != discordgo.MessageTypeReply {
		t.Errorf("reply: %+v", e.Message)
	}
	if _, err := dg.ChannelMessageEdit(w.channel.ID, m.ID, "hi Bob!"); err != nil {
		t.Fatal(err)
	}
	got := w.Messages(w.channel.ID)
	if len(got) != 2 || got[1].Content != "hi Bob!" || got[1].Edits != 1 || got[1].ReplyTo != q.ID {
		t.Errorf("messages: %+v", got)
	}
	if err := dg.ChannelTyping(w.channel.ID); err != nil {
		t.Error(err)
	}
	list, err := dg.ChannelMessages(w.channel.ID, 1, "", "", "")
	if err != nil || len(list) != 1 || list[0].ID != m.ID {
		t.Errorf("list: %v %v", list, err)
	}
	if err := dg.ChannelMessageDelete(w.channel.ID, m.ID); err != nil {
		t.Error(err)
	}
	if n := len(w.Messages(w.channel.ID)); n != 1 {
		t.Errorf("%d messages after delete", n)
	}
	if r := w.Requests()["POST /channels/{channel}/messages"]; r.Requests != 1 || r.Status[200] != 1 {
		t.Errorf("requests: %+v", r)
	}
}
