package discord

import (
	"strings"
	"testing"

	"moebot/bot/discordtest"
	"moebot/session"
)

func TestCommands(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	if r := w.run(c, w.mia.ID, "temperature"); !r.Ephemeral || !strings.Contains(r.Message.Content, "**0.7** (the default)") {
		t.Errorf("showing: %+v", r.Message)
	}
	if r := w.run(c, w.mia.ID, "temperature", discordtest.Option{Name: "value", Value: 1.5}); !strings.Contains(r.Message.Content, "Only people who may manage") {
		t.Errorf("setting without permission: %q", r.Message.Content)
	}
	if r := w.run(c, w.owner.ID, "temperature", discordtest.Option{Name: "value", Value: 0.0}); r.Ephemeral || !strings.Contains(r.Message.Content, "0.7 → **0**") {
		t.Errorf("setting: %q", r.Message.Content)
	}
	if s, err := w.store.Settings(t.Context(), session.Key{Channel: c}); err != nil || s.Temperature == nil || *s.Temperature != 0 {
		t.Errorf("stored settings %+v, %v", s, err)
	}
	w.send(c, w.mia.ID, w.at("hello"))
	w.says(c, "re: hello")
	if r := w.run(c, w.mia.ID, "reset"); !strings.Contains(r.Message.Content, "forgotten") {
		t.Errorf("reset: %q", r.Message.Content)
	}
	if s, err := w.store.Load(t.Context(), session.Key{Channel: c}); err == nil && len(s.Turns) > 0 {
		t.Errorf("after a reset there is %+v", s.Turns)
	}
	if s, err := w.store.Settings(t.Context(), session.Key{Channel: c}); err != nil || s.Temperature == nil {
		t.Errorf("the reset took the settings: %+v, %v", s, err)
	}
	if r := w.run(c, w.mia.ID, "help"); !r.Ephemeral || !strings.Contains(r.Message.Content, "/temperature") {
		t.Errorf("help: %+v", r.Message)
	}
	if _, err := w.d.Command(c, w.mia.ID, "stats"); err == nil {
		t.Error("everybody may see /stats")
	}
	r := w.run(c, w.owner.ID, "stats")
	w.until("the figures", func() bool {
		r, _ := w.d.Interaction(r.Message.Interaction.ID)
		got := r.Response()
		return got.Message != nil && len(got.Message.Embeds) == 1 && len(got.Message.Attachments) == 1 && got.Ephemeral
	})
	// a second bot with the same store finds its commands registered
	before := w.d.Requests()["PUT /applications/{application}/commands"].Requests
	w.bot.register()
	if after := w.d.Requests()["PUT /applications/{application}/commands"].Requests; after != before || before != 1 {
		t.Errorf("the commands were sent %d times, then %d", before, after)
	}
}

func TestStoreAwayIsSaidCalmlyAndInTime(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.mia.ID, "temperature")
	w.redis.Close()
	if r := w.run(c, w.owner.ID, "temperature", discordtest.Option{Name: "value", Value: 1.0}); r.Message.Content != sayStoreAway.english || r.Acknowledged > ackTime {
		t.Errorf("%q after %v", r.Message.Content, r.Acknowledged)
	}
	w.send(c, w.mia.ID, w.at("hello"))
	w.until("a calm word", func() bool { r := w.replies(c); return len(r) > 0 && strings.Contains(r[len(r)-1].Content, "memory") })
}
