package discord

import (
	"strings"
	"testing"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/discordtest"
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
