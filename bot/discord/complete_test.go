package discord

import (
	"fmt"
	"strings"
	"testing"

	"moebot/bot/discordtest"
	"moebot/session"
)

// suggested are the names of what is suggested for an option, and its values.
func (w *world) suggested(channel, user, command, option string, opts ...discordtest.Option) (names []string, values []string) {
	w.t.Helper()
	r := w.wait(w.d.Autocomplete(channel, user, command, option, opts...))
	if r.Type != discordtest.ChoicesCallback {
		w.t.Fatalf("the answer to a completion is of type %d", r.Type)
	}
	for _, c := range r.Choices {
		names, values = append(names, c.Name), append(values, strings.Trim(string(c.Value), `"`))
	}
	return names, values
}

func TestAutocomplete(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	var words []string
	for n := range 40 {
		words = append(words, fmt.Sprintf("word %d %s", n, strings.Repeat("界", 50)))
	}
	role := w.d.AddRole(w.guild.ID, "rude", 0)
	w.set(session.ServerKey(w.guild.ID), session.Settings{WordsOut: &words, Muted: ptr([]string{w.mia.ID, "5 2020-01-01T00:00:00Z"}), Block: ptr([]string{"role:" + role.ID, "person:" + w.mia.ID, "channel:" + c})})
	all, _ := w.suggested(c, w.owner.ID, "settings set", "name")
	if len(all) != min(maxChoices, len(session.Fields())) || !strings.HasPrefix(all[0], "temperature · 0.7") {
		t.Errorf("all names: %q", all)
	}
	if _, got := w.suggested(c, w.owner.ID, "settings set", "name", opt("name", "CHIME")); strings.Join(got, " ") != "chime_in chime_in_fall" {
		t.Errorf("names: %q", got)
	}
	if _, got := w.suggested(c, w.owner.ID, "settings unset", "name", opt("name", ""), opt("level", "server")); strings.Join(got, " ") != "block muted words_out" {
		t.Errorf("names to unset: %q", got)
	}
	if _, got := w.suggested(c, w.owner.ID, "settings set", "value", opt("name", "mode"), opt("value", "p")); strings.Join(got, " ") != "pause" {
		t.Errorf("values of mode: %q", got)
	}
	if names, got := w.suggested(c, w.owner.ID, "settings set", "value", opt("name", "temperature"), opt("value", "")); strings.Join(got, " ") != "0.2 0.7 1.2" || names[2] != "1.2 · wild" {
		t.Errorf("values of temperature: %q %q", names, got)
	}
	if names, got := w.suggested(c, w.owner.ID, "settings set", "value", opt("name", "audit_channel"), opt("value", "gen")); len(got) != 1 || got[0] != c || names[0] != "#general" {
		t.Errorf("channels: %q %q", names, got)
	}
	if names, got := w.suggested(c, w.owner.ID, "persona set", "text", opt("text", "pir")); len(got) != 1 || names[0] != "A pirate" || !strings.HasPrefix(got[0], "You are a friendly pirate") {
		t.Errorf("personas: %q %q", names, got)
	}
	if names, got := w.suggested(c, w.owner.ID, "admin unmute", "person", opt("person", "m")); strings.Join(got, " ") != w.mia.ID || names[0] != "mia" {
		t.Errorf("muted persons: %q %q", names, got)
	}
	if _, got := w.suggested(c, w.owner.ID, "admin words remove", "word", opt("where", "answers"), opt("word", "WORD 3")); len(got) != 11 || !strings.HasPrefix(got[0], "word 3 ") {
		t.Errorf("words: %q", got)
	}
	if _, got := w.suggested(c, w.owner.ID, "admin words remove", "word", opt("where", "answers"), opt("word", "")); len(got) != 25 {
		t.Errorf("%d words, want 25", len(got))
	}
	if names, got := w.suggested(c, w.owner.ID, "admin block remove", "entry"); strings.Join(got, " ") != "role:"+role.ID+" person:"+w.mia.ID+" channel:"+c || strings.Join(names, " ") != "@rude mia #general" {
		t.Errorf("blocked: %q %q", names, got)
	}
	if names, got := w.suggested(c, w.owner.ID, "admin mute", "minutes", opt("person", w.mia.ID), opt("minutes", "1")); strings.Join(got, " ") != "10 60 1440 10080" || names[0] != "10 minutes" {
		t.Errorf("minutes: %q %q", names, got)
	}
	// without the store it suggests what it knows, in time
	w.redis.Close()
	if _, got := w.suggested(c, w.owner.ID, "settings set", "name", opt("name", "top")); strings.Join(got, " ") != "top_p top_k" {
		t.Errorf("without the store: %q", got)
	}
}

// FuzzFitting: never more or longer suggestions than Discord takes, and no two alike.
func FuzzFitting(f *testing.F) {
	f.Add("a", "A pirate|a", 30)
	f.Add("", "🦊", 26)
	f.Fuzz(func(t *testing.T, typed, shown string, n int) {
		var list []suggestion
		for i := range max(0, min(n, 60)) {
			list = append(list, suggestion{shown + fmt.Sprint(i%30) + strings.Repeat(shown, i%5), shown})
		}
		seen := map[string]bool{}
		got := fitting(list, typed)
		for _, s := range got {
			if length(s.shown) > maxChoice || s.shown == "" || seen[s.shown] || length(s.value.(string)) > maxChoice {
				t.Fatalf("%q", s)
			}
			seen[s.shown] = true
		}
		if len(got) > maxChoices {
			t.Fatal(len(got))
		}
	})
}
