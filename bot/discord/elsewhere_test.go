package discord

import (
	"strings"
	"testing"

	"moebot/bot/discordtest"
	"moebot/session"
)

// Below a persona that was set it is said how well the own model follows it, where that
// answers.
func TestHowWellAPersonaIsFollowed(t *testing.T) {
	by := func(set session.Settings) string {
		if set.Engine != nil && *set.Engine == session.EngineServer {
			return "big at gpu:8081"
		}
		return ""
	}
	w := newWorld(t, discordtest.Options{}, Options{Elsewhere: by, Small: true}, true)
	here, there := w.d.AddChannel(w.guild.ID, "here").ID, w.d.AddChannel(w.guild.ID, "there").ID
	w.set(session.Key{Channel: there}, session.Settings{Engine: ptr(session.EngineServer)})
	w.run(here, w.owner.ID, "help")
	for _, c := range []struct {
		channel, command string
		options          []discordtest.Option
		noted            bool
	}{
		{here, "persona set", []discordtest.Option{opt("text", "a pirate")}, true},
		{here, "settings set", []discordtest.Option{opt("name", "persona"), opt("value", "a fox")}, true},
		{here, "settings set", []discordtest.Option{opt("name", "top_k"), opt("value", "9")}, false},
		{here, "persona show", nil, false},
		{here, "persona clear", nil, false},
		{there, "persona set", []discordtest.Option{opt("text", "a pirate")}, false},
		{there, "settings set", []discordtest.Option{opt("name", "persona"), opt("value", "a fox")}, false},
	} {
		if said := w.cmd(c.channel, w.owner.ID, c.command, c.options...).Message.Content; strings.HasSuffix(said, "\n"+saySeldomFollowed.english) != c.noted {
			t.Errorf("/%s %v: %q", c.command, c.options, said)
		}
	}
}

// Who makes the answers is told as it is in each channel.
func TestWhoMakesTheAnswersIsTold(t *testing.T) {
	by := func(set session.Settings) string {
		if set.Engine != nil && *set.Engine == session.EngineServer {
			return "big at gpu:8081"
		}
		return ""
	}
	w := newWorld(t, discordtest.Options{}, Options{Elsewhere: by}, true)
	here, there := w.d.AddChannel(w.guild.ID, "here").ID, w.d.AddChannel(w.guild.ID, "there").ID
	w.set(session.Key{Channel: there}, session.Settings{Engine: ptr(session.EngineServer)})
	for _, name := range []string{"help", "privacy"} {
		if said := w.run(here, w.mia.ID, name).Message.Content; !strings.Contains(said, "runs inside") || strings.Contains(said, "another server") {
			t.Errorf("/%s where the own model answers: %q", name, said)
		}
		if said := w.run(there, w.mia.ID, name).Message.Content; strings.Contains(said, "inside") || !strings.Contains(said, "another server") || !strings.Contains(said, "big at gpu:8081") {
			t.Errorf("/%s where another one does: %q", name, said)
		}
	}
}
