package discord

import (
	"strings"
	"testing"

	"moebot/bot/discordtest"
	"moebot/session"
)

func TestSampling(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	if r := w.run(c, w.mia.ID, "sampling"); !r.Ephemeral || !strings.Contains(r.Message.Content, "- Temperature: **0.7** (the default)") || !strings.Contains(r.Message.Content, "- Seed: **chance** (the default)") {
		t.Errorf("showing: %q", r.Message.Content)
	}
	if r := w.run(c, w.mia.ID, "sampling", opt("top-k", 5)); !strings.HasPrefix(r.Message.Content, "Only people who may manage") {
		t.Errorf("without permission: %q", r.Message.Content)
	}
	if r := w.run(c, w.owner.ID, "sampling", opt("top-k", 5), opt("seed", 42)); r.Ephemeral || !strings.Contains(r.Message.Content, "- Top-k: the model's own → **5**\n- Seed: chance → **42**") {
		t.Errorf("setting: %q", r.Message.Content)
	}
	if r := w.run(c, w.owner.ID, "sampling", opt("preset", "wild"), opt("top-k", 7), opt("seed", -1)); !strings.Contains(r.Message.Content, "- Temperature: 0.7 → **1.2**") ||
		!strings.Contains(r.Message.Content, "- Top-k: 5 → **7**") || !strings.Contains(r.Message.Content, "- Seed: 42 → **chance**") {
		t.Errorf("a preset: %q", r.Message.Content)
	}
	if r := w.run(c, w.owner.ID, "sampling", opt("preset", "balanced")); !strings.Contains(r.Message.Content, "- Temperature: 1.2 → **0.7**") {
		t.Errorf("back to balanced: %q", r.Message.Content)
	}
	if r := w.run(c, w.owner.ID, "sampling", opt("preset", "balanced")); !strings.HasPrefix(r.Message.Content, "That is how it was") {
		t.Errorf("no change: %q", r.Message.Content)
	}
	if s, err := w.store.Settings(t.Context(), session.Key{Channel: c}); err != nil || !s.IsZero() {
		t.Errorf("stored: %+v, %v", s, err)
	}
	// what Discord's client would not let pass
	for _, bad := range []map[string]any{{"top-p": 0.0}, {"top-p": "x"}, {"preset": "none"}, {"top-k": 1e300}, {"max-length": 0.0}, {"repetition-penalty": 3.0}} {
		if _, err := sampled(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

func TestPersona(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	if _, err := w.d.Command(c, w.mia.ID, "persona show"); err == nil {
		t.Error("everybody may use /persona")
	}
	if r := w.wait(w.d.Command(c, w.owner.ID, "persona show")); !strings.Contains(r.Message.Content, "nobody in particular") {
		t.Errorf("none: %q", r.Message.Content)
	}
	if r := w.wait(w.d.Command(c, w.owner.ID, "persona set", opt("text", "a pirate @everyone"))); !strings.Contains(r.Message.Content, "from now on:\n> a pirate @\u200beveryone") {
		t.Errorf("set: %q", r.Message.Content)
	}
	i, err := w.d.Command(c, w.owner.ID, "persona set")
	r := w.wait(i, err)
	if r.Modal == nil || r.Modal.Components[0].Components[0].Value != "a pirate @everyone" {
		t.Fatalf("the form: %+v", r)
	}
	if r := w.wait(w.d.Submit(i, map[string]string{inputText: strings.Repeat("a\nb ", 900)})); !strings.Contains(r.Message.Content, "before:\n> a pirate") || length(r.Message.Content) > maxContent {
		t.Errorf("set by a form: %q", r.Message.Content)
	}
	if s, err := w.store.Settings(t.Context(), session.Key{Channel: c}); err != nil || s.Persona == nil || !strings.HasPrefix(*s.Persona, "a\nb a") {
		t.Errorf("stored: %+v, %v", s, err)
	}
	if r := w.wait(w.d.Command(c, w.owner.ID, "persona clear")); !strings.Contains(r.Message.Content, "from now on:\n> *nobody") {
		t.Errorf("cleared: %q", r.Message.Content)
	}
}

func TestCommandsAreDescribedInBothLanguages(t *testing.T) {
	b := &Bot{}
	for _, c := range b.commands() {
		if c.DescriptionLocalizations == nil && c.NameLocalizations == nil {
			t.Errorf("/%s is in one language", c.Name)
		}
		for _, o := range c.Options {
			if len(o.DescriptionLocalizations) == 0 {
				t.Errorf("/%s %s is in one language", c.Name, o.Name)
			}
		}
	}
}
