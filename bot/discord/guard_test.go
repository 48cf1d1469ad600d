package discord

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/bwmarrin/discordgo"
	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
	"moebot/session/redisstore"
)

func TestPolicy(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true, Policy: Policy{MaxLength: 40, Blocked: []*regexp.Regexp{regexp.MustCompile(`(?i)\bspam\b`)}}}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	rude := w.d.AddUser("rude")
	w.d.AddMember(w.guild.ID, rude.ID)
	p := *w.bot.policy.Load()
	p.Banned = map[string]bool{rude.ID: true}
	w.bot.SetPolicy(p) // while it runs
	w.send(c, rude.ID, w.at("answer me"))
	w.send(c, w.mia.ID, w.at("buy Spam now"))
	w.says(c, sayBlocked.english)
	w.send(c, w.mia.ID, w.at(strings.Repeat("é", 100)))
	w.says(c, "re: "+strings.Repeat("é", 40)+" …")
	if n := len(w.replies(c)); n != 2 {
		t.Errorf("%d messages, want 2: who is banned hears nothing", n)
	}
	if r := w.run(c, rude.ID, "ask", opt("question", "hi")); !r.Ephemeral || r.Message.Content != sayBanned.english {
		t.Errorf("a banned person's /ask: %q", r.Message.Content)
	}
	if r := w.run(c, w.mia.ID, "ask", opt("question", "spam?")); r.Message.Content != sayBlocked.english {
		t.Errorf("/ask with such words: %q", r.Message.Content)
	}
	w.stored(c, strings.Repeat("é", 40)+" …", "re: "+strings.Repeat("é", 40)+" …")

	// where direct messages are not answered, commands in them are not either
	dm, err := w.d.OpenDM(w.owner.ID)
	if err != nil {
		t.Fatal(err)
	}
	r := w.run(dm.ID, w.owner.ID, "ask", opt("question", "hi"))
	w.ends(r.Message.Interaction.ID, "> hi\nre: hi", "")
	p.NoDirectMessages = true
	w.bot.SetPolicy(p)
	if r := w.run(dm.ID, w.owner.ID, "ask", opt("question", "hi")); r.Message.Content != sayNoDirect.english {
		t.Errorf("/ask in a direct message: %q", r.Message.Content)
	}
}

// Words that are not answered stay out of a conversation also by an edit while the
// server is paused, and by a file in a channel that the gateway did not tell of.
func TestBlockedWordsByOtherWays(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true, Policy: Policy{Blocked: []*regexp.Regexp{regexp.MustCompile("spam")}}}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	one := w.send(c, w.mia.ID, w.at("one"))
	w.says(c, "re: one")
	two := w.send(c, w.mia.ID, w.at("two"))
	w.says(c, "re: two")
	w.cmd(c, w.owner.ID, "admin words add", opt("where", "questions"), opt("word", "pizza"))
	w.cmd(c, w.owner.ID, "admin pause")
	for _, e := range []struct{ id, text string }{{one.ID, "pizza"}, {two.ID, "three"}} { // in this order
		if _, err := w.d.Edit(c, e.id, w.mia.ID, w.at(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	w.stored(c, "one", "re: one", "three", "re: two")

	w.cmd(c, w.owner.ID, "admin resume")
	other := w.d.AddChannel(w.guild.ID, "other").ID
	w.until("the channel is known", func() bool { _, err := w.bot.dg.State.Channel(other); return err == nil })
	if err := w.bot.dg.State.ChannelRemove(&discordgo.Channel{ID: other, GuildID: w.guild.ID}); err != nil {
		t.Fatal(err)
	}
	w.send(other, w.mia.ID, w.at("what is in it?"), discordtest.Attach("a.txt", []byte("much spam")))
	w.says(other, sayBlocked.english)
}

func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"@everyone and @here": "@\u200beveryone and @\u200bhere",
		"<@12> <@!34> <@&56>": "<\u200b@12> <\u200b@!34> <\u200b@&56>",
		"<@ 1> @ever a@b.c":   "<@ 1> @ever a@b.c",
		"<#12> <:x:34>":       "<#12> <:x:34>",
		"x@everyones @hereby": "x@\u200beveryones @\u200bhereby",
	} {
		if got := harmless(in); got != want {
			t.Errorf("harmless(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzHarmless: what is shown of any text, whole or in parts, holds nothing that Discord
// reads as a mention, and without the marks it is the text.
func FuzzHarmless(f *testing.F) {
	for _, seed := range []string{"@everyone <@12> <@&3> <@!4>", "<@everyone>", "<<@@here1>", "@\u200beveryone", "```\n@here\n```", "@every\u200bone<@\u200b1>", strings.Repeat("<@1", 900)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		shown := harmless(text)
		if strings.ReplaceAll(shown, "\u200b", "") != strings.ReplaceAll(text, "\u200b", "") || harmless(shown) != shown {
			t.Errorf("%q is shown as %q", text, shown)
		}
		for _, part := range append(split(shown), shown) {
			for i := range len(part) {
				rest := part[i:]
				if strings.HasPrefix(rest, "@everyone") || strings.HasPrefix(rest, "@here") {
					t.Errorf("%q of %q pings everyone", part, text)
				}
				if id, ok := strings.CutPrefix(rest, "<@"); ok {
					if id != "" && (id[0] == '!' || id[0] == '&') {
						id = id[1:]
					}
					if id != "" && id[0] >= '0' && id[0] <= '9' {
						t.Errorf("%q of %q pings somebody", part, text)
					}
				}
			}
		}
	})
}

// nowhere answers every request with an empty object.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) {
	return response(200, map[string]any{"id": "1"}), nil
}

// FuzzPayloads feeds the handlers what no Discord should send: none may panic, and no
// text of theirs may ping.
func FuzzPayloads(f *testing.F) {
	for _, seed := range []string{
		`{"id":"1","type":2,"token":"t","channel_id":"2","data":{"id":"3","name":"sampling","type":1,"options":[{"name":"top-p","type":10,"value":"x"}]}}`,
		`{"id":"1","type":2,"token":"t","channel_id":"2","member":{"permissions":"8"},"data":{"name":"persona","type":1,"options":[{"name":"set","type":1,"options":[{"name":"text","type":3,"value":5}]}]}}`,
		`{"id":"1","type":3,"token":"t","channel_id":"2","user":{"id":"7"},"data":{"custom_id":"pick:1:7:-5","component_type":2}}`,
		`{"id":"1","type":3,"token":"t","channel_id":"2","user":{"id":"7"},"message":{"id":"4"},"data":{"custom_id":"stop:1:7:0","component_type":2}}`,
		`{"id":"1","type":5,"token":"t","data":{"custom_id":"about:9","components":[{"type":1,"components":[{"type":4,"custom_id":"text","value":"@everyone"}]}]}}`,
		`{"id":"1","type":2,"token":"t","data":{"name":"Answer again from here","type":3,"target_id":"5","resolved":{"messages":{"5":{"id":"5","content":"x"}}}}}`,
		`{"id":"5","channel_id":"2","content":"<@1> hi","author":{"id":"7"},"edited_timestamp":"2026-01-01T00:00:00Z","mentions":[null]}`,
		`{"id":"","content":"","type":19,"referenced_message":{"author":null}}`,
	} {
		f.Add(seed)
	}
	store, err := redisstore.New(redis.NewClient(&redis.Options{Addr: miniredis.RunT(f).Addr(), ContextTimeoutEnabled: true}), redisstore.Options{})
	if err != nil {
		f.Fatal(err)
	}
	defer store.Close()
	log := slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, payload string) {
		c := chat.New(store, newParrot(), chat.Options{QueueLen: 4, Timeout: time.Second, Log: log})
		b, err := New(c, store, Options{Token: "x", Transport: nowhere{}, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		b.self.Store(&discordgo.User{ID: "1"})
		var i discordgo.Interaction
		if json.Unmarshal([]byte(payload), &i) == nil {
			b.onInteraction(&i)
		}
		var m discordgo.Message
		if json.Unmarshal([]byte(payload), &m) == nil {
			b.onMessage(&m)
			b.onEdit(&m)
		}
		b.Hush()
		c.Close(t.Context())
		b.wg.Wait()
		if strings.Contains(harmless(payload), "@everyone") {
			t.Error("a ping is left")
		}
	})
}
