package discord

import (
	"strings"
	"testing"

	"moebot/bot/discordtest"
	"moebot/session"
)

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
