package discord

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/discordtest"
	"moebot/session"
)

func TestTextFilesAreRead(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	for _, tc := range []struct {
		text string
		opts []discordtest.SendOption
		want string
	}{
		{"what is in it?", []discordtest.SendOption{discordtest.Attach("notes.txt", []byte("\uFEFFbuy milk\n"))}, "re: what is in it?\n\nnotes.txt:\nbuy milk"},
		{"", []discordtest.SendOption{discordtest.Attach("a.md", []byte("# one")), discordtest.Attach("b.json", []byte(`{"two": 2}`))}, "re: a.md:\n# one\n\nb.json:\n{\"two\": 2}"},
		{"a picture", []discordtest.SendOption{discordtest.Attach("cat.png", []byte("\x89PNG\r\n\x1a\n")), discordtest.Attach("c.txt", []byte("and text"))}, "re: a picture\n\nc.txt:\nand text"},
		{"no text", []discordtest.SendOption{discordtest.Attach("x.txt", []byte("a\x00b"))}, "re: no text"},
		{"too long", []discordtest.SendOption{discordtest.Attach("y.txt", []byte(strings.Repeat("y", maxFileBytes+1)))}, "re: too long"},
		{"", []discordtest.SendOption{discordtest.Attach("cat.png", []byte("\x89PNG\r\n\x1a\n"))}, "re: (a picture or a file without words)"},
	} {
		w.send(c, w.mia.ID, w.at(tc.text), tc.opts...)
		w.says(c, tc.want)
	}
	// Only Discord's own addresses are asked.
	for _, address := range []string{"http://cdn.discordapp.com/attachments/1/2/a.txt", "https://example.com/a.txt", "https://cdn.discordapp.com@127.0.0.1/a.txt", "https://169.254.169.254/", "file:///etc/passwd", "%"} {
		if got, err := w.bot.fetch(t.Context(), address, maxFileBytes); err == nil {
			t.Errorf("%s was fetched: %q", address, got)
		}
	}
}

func TestTextual(t *testing.T) {
	for name, kind := range map[string]string{"a.txt": "text/plain; charset=utf-8", "b.go": "", "c.GO": "application/octet-stream", "d": "application/json", "e.html": "text/html"} {
		if !textual(&discordgo.MessageAttachment{Filename: name, ContentType: kind}) {
			t.Errorf("%s (%s) is not read", name, kind)
		}
	}
	for name, kind := range map[string]string{"a.png": "image/png", "b.txt": "image/png", "c.exe": "", "d": "application/octet-stream"} {
		if textual(&discordgo.MessageAttachment{Filename: name, ContentType: kind}) {
			t.Errorf("%s (%s) is read", name, kind)
		}
	}
}

// A file stays with its question when that is edited, and is read of a message that is
// answered from its menu.
func TestFilesOfEditedMessages(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	m := w.send(c, w.mia.ID, w.at("whot is in it?"), discordtest.Attach("notes.txt", []byte("buy milk")))
	w.says(c, "re: whot is in it?\n\nnotes.txt:\nbuy milk")
	w.idle(c, m.ID)
	if _, err := w.d.Edit(c, m.ID, w.mia.ID, w.at("what is in it?")); err != nil {
		t.Fatal(err)
	}
	w.until("the question is edited", func() bool {
		s, err := w.store.Load(t.Context(), session.Key{Channel: c})
		return err == nil && s.Turns[0].Text == "what is in it?\n\nnotes.txt:\nbuy milk"
	})
	w.run(c, w.mia.ID, "help")
	m = w.send(c, w.mia.ID, "this one", discordtest.Attach("b.txt", []byte("bread")))
	w.wait(w.d.CommandOn(c, w.mia.ID, menuAgain, m.ID))
	w.says(c, "re: this one\n\nb.txt:\nbread")
}

// Errors that are logged have no address in them: it has a token.
func TestErrorsHaveNoAddress(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, false)
	if err := w.d.Close(); err != nil {
		t.Fatal(err)
	}
	i := &discordgo.Interaction{ID: "1", Token: "s3cret", AppID: "2"}
	_, err := w.bot.webhook(t.Context(), http.MethodPost, discordgo.EndpointInteractionResponse(i.ID, i.Token), nil, nil)
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a request for an interaction: %v", err)
	}
	w.bot.files.Transport = http.NewFileTransport(http.Dir(t.TempDir())) // which refuses https
	_, err = w.bot.fetch(t.Context(), "https://cdn.discordapp.com/attachments/1/2/my.txt?hm=s3cret", 9)
	if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "my.txt") {
		t.Errorf("a file: %v", err)
	}
}
