package discord

import (
	"strings"
	"testing"

	"moebot/bot/discordtest"
	"moebot/session"
)

// Another server's model cannot be chosen where there is none; what was stored when there
// was one does not stand in the way of other settings.
func TestEngineNeedsAServer(t *testing.T) {
	const no = "There is no other server for `engine`: the configuration names none in `[engine] url`. Nothing was changed."
	server := session.EngineServer
	for name, tc := range map[string]struct {
		elsewhere func(session.Settings) string
		want      string
	}{
		"no server": {func(session.Settings) string { return "" }, no},
		"a server":  {func(session.Settings) string { return "big at 127.0.0.1" }, "- engine: not set → **server**"},
	} {
		w := newWorld(t, discordtest.Options{}, Options{Elsewhere: tc.elsewhere}, true)
		c := w.d.AddChannel(w.guild.ID, "general").ID
		w.run(c, w.owner.ID, "help")
		if got := w.cmd(c, w.owner.ID, "settings set", opt("name", "engine"), opt("value", "server")).Message.Content; !strings.Contains(got, tc.want) {
			t.Errorf("%s: set: %q", name, got)
		}
		if got := w.settingsAt(session.Key{Channel: c}).Engine; (got == nil) != (tc.want == no) {
			t.Errorf("%s: stored %v", name, got)
		}
		if tc.want != no {
			continue
		}
		file := discordtest.Upload{Name: "s.json", Data: []byte(`{"channel":{"engine":"server"}}`)}
		if got := w.cmd(c, w.owner.ID, "settings import", opt("file", file)).Message.Content; got != no {
			t.Errorf("%s: import: %q", name, got)
		}
		w.cmd(c, w.owner.ID, "settings set", opt("name", "engine"), opt("value", "own"))
		w.set(session.Key{Channel: c}, session.Settings{Engine: &server})
		if got := w.cmd(c, w.owner.ID, "settings set", opt("name", "top_k"), opt("value", "9")).Message.Content; !strings.Contains(got, "→ **9**") {
			t.Errorf("%s: beside what was stored: %q", name, got)
		}
		if got := w.settingsAt(session.Key{Channel: c}).Engine; got == nil || *got != server {
			t.Errorf("%s: what was stored is now %v", name, got)
		}
	}
}
