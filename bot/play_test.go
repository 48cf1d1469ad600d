package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moebot/bot/discordtest"
	"moebot/bot/playground"
	"moebot/session"
)

// contents are the texts of a channel's messages, for everybody.
func (p *program) contents(channel string) []string {
	p.t.Helper()
	var out []string
	for _, m := range p.messages(channel) {
		out = append(out, m.Content)
	}
	return out
}

// press presses the button of a message whose custom id begins so.
func (p *program) press(channel, person, begin string) {
	p.t.Helper()
	var message, id string
	p.until("a button "+begin, func() bool {
		_, body := p.get("/api/messages?channel=" + p.channels[channel] + "&as=" + p.people[person])
		var page struct {
			Messages []struct {
				ID         string
				Components []struct {
					Components []struct {
						ID string `json:"custom_id"`
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			p.t.Fatal(err)
		}
		for _, m := range page.Messages {
			for _, row := range m.Components {
				for _, c := range row.Components {
					if strings.HasPrefix(c.ID, begin) {
						message, id = m.ID, c.ID
					}
				}
			}
		}
		return id != ""
	})
	p.post("/api/click", map[string]string{"channel": p.channels[channel], "as": p.people[person], "message": message, "id": id})
}

func TestPlaygroundIsKept(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "playground", playgroundFile)
	p := startProgramIn(t, "", "", dir)
	general := p.channels["general"]
	first := p.ask("general", "Jun", "hello there")
	p.post("/api/send", map[string]string{"channel": general, "as": p.people["Mira"], "content": "to be taken back"})
	all := p.messages("general")
	p.post("/api/delete", map[string]string{"channel": general, "as": p.people["Mira"], "message": all[len(all)-1].ID})
	p.ask("small-talk", "Jun", "to be reset")
	p.command("small-talk", "Robin", "reset")
	p.until("the reset", func() bool { c := p.contents("small-talk"); return strings.Contains(c[len(c)-1], "forgotten") })
	p.ask("experts-lab", "Ada", "to be forgotten")
	p.ask("experts-lab", "Jun", "and this stays")
	p.command("experts-lab", "Ada", "forget-me")
	p.press("experts-lab", "Ada", "forget")
	p.until("it is forgotten", func() bool {
		_, body := p.get("/api/messages?channel=" + p.channels["experts-lab"] + "&as=" + p.people["Ada"])
		return strings.Contains(body, "are forgotten")
	})
	p.close()
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file: %v, %v", info, err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"taken back", "to be reset", "to be forgotten"} {
		if strings.Contains(string(b), gone) {
			t.Errorf("the file still has %q", gone)
		}
	}

	p = startProgramIn(t, "", "", dir)
	if p.channels["general"] != general {
		t.Error("the channel has another id after the restart")
	}
	now := p.contents("general")
	if len(now) != 2 || !strings.HasSuffix(now[0], "hello there") || now[1] != first.Content {
		t.Errorf("after the restart general has %q", now)
	}
	if now := p.contents("experts-lab"); len(now) != 2 || !strings.HasSuffix(now[0], "and this stays") {
		t.Errorf("after the restart experts-lab has %q", now)
	}
	if now := p.contents("small-talk"); len(now) != 1 || !strings.Contains(now[0], "forgotten") {
		t.Errorf("after the restart small-talk has %q", now)
	}
	// The bot goes on where they were, with its commands.
	p.ask("general", "Jun", "and again")
	p.command("general", "Jun", "context")
	p.until("the context of before", func() bool {
		_, body := p.get("/api/messages?channel=" + general + "&as=" + p.people["Jun"])
		return strings.Contains(body, "of the 4 messages")
	})
	p.close()

	if err := os.WriteFile(file, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	p = startProgramIn(t, "", "", dir)
	if now := p.contents("general"); len(now) != 0 || p.channels["general"] == general {
		t.Errorf("of half a file there is %q", now)
	}
	if !strings.Contains(p.log.String(), "set aside") {
		t.Error("the log does not say that the file was set aside")
	}
	if aside, err := os.ReadFile(file + ".broken"); err != nil || len(aside) != len(b)/2 {
		t.Errorf("set aside are %d bytes: %v", len(aside), err)
	}
	p.ask("general", "Jun", "hello")
}

// What the bot does not remember again stays out of the file.
func TestUndoKeepsWhatIsRemembered(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	store := embeddedStore(t, log)
	file := filepath.Join(t.TempDir(), playgroundFile)
	d, keeper, _, err := playground.Keep(file, discordtest.Options{}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	s := playStore{forgetful{store, &mind{}}, keeper}
	channels := map[string]session.Key{}
	for _, c := range d.Channels() {
		channels[c.Name] = session.Key{Channel: c.ID}
	}
	say := func(channel, text string, heard bool) {
		t.Helper()
		m, err := d.Send(channels[channel].Channel, d.Guilds()[0].OwnerID, text)
		if heard && err == nil {
			_, _, err = store.Accept(t.Context(), channels[channel], session.Turn{ID: m.ID, Role: session.RoleUser, AuthorID: m.Author.ID, Text: text, Time: m.Created})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	reset := func(channel string) {
		t.Helper()
		if err := s.Reset(t.Context(), channels[channel]); err != nil {
			t.Fatal(err)
		}
	}
	undo := func(channel string, want int) {
		t.Helper()
		if n, err := s.Undo(t.Context(), channels[channel]); err != nil || n != want {
			t.Errorf("undo in %s: %d, %v; want %d", channel, n, err, want)
		}
	}
	say("general", "the first of two", true)
	reset("general")
	say("general", "the second of two", true)
	reset("general")
	undo("general", 1)
	say("small-talk", "of long ago", false) // as ten minutes behind a reset
	reset("small-talk")
	undo("small-talk", 0)
	say("experts-lab", "reset once more", true)
	reset("experts-lab")
	reset("experts-lab")
	undo("experts-lab", 1)
	keeper.Close()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"the first of two": false, "the second of two": true, "of long ago": false, "reset once more": true} {
		if strings.Contains(string(b), text) != want {
			t.Errorf("%q is in the file: %v, want %v", text, !want, want)
		}
	}
}
