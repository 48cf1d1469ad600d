package discord

import (
	"strings"
	"testing"

	"moebot/bot/discordtest"
)

// /help names every command that there is, and none that there is not, in one message.
func TestHelpNamesEveryCommand(t *testing.T) {
	for name, steering := range map[string]*Steering{"with /steer": testSteering(), "without /steer": nil} {
		w := newWorld(t, discordtest.Options{}, Options{Steering: steering}, true)
		c := w.d.AddChannel(w.guild.ID, "general").ID
		help := w.run(c, w.owner.ID, "help").Message.Content
		for _, command := range w.d.CommandsFor(c, w.owner.ID) {
			says := "**/" + command.Name + "**"
			if command.Type != discordtest.ChatInput {
				says = command.Name
			}
			if command.Name != "help" && !strings.Contains(help, says) {
				t.Errorf("%s: /help lacks %s", name, says)
			}
		}
		if strings.Contains(help, "/steer") != (steering != nil) {
			t.Errorf("%s: /help says %q", name, help)
		}
		if n := length(w.bot.help(strings.Repeat("m", 150))); n > maxContent {
			t.Errorf("%s: /help has %d characters, %d at most", name, n, maxContent)
		}
	}
}
