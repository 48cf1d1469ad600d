package discord

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
)

// Bounds of the files that are read with a message.
const (
	maxFiles     = 3
	maxFileBytes = 64 << 10 // of each
	fileTime     = 3 * time.Second
)

// fileHosts are where Discord keeps attached files (reference, "CDN Base URL"); nothing
// is fetched from anywhere else, whatever an event says.
var fileHosts = []string{"cdn.discordapp.com", "media.discordapp.net"}

// textual reports whether an attached file may be read as text: by its type, or, where
// that says nothing, by its name.
func textual(a *discordgo.MessageAttachment) bool {
	kind, _, err := mime.ParseMediaType(a.ContentType)
	if err == nil && (strings.HasPrefix(kind, "text/") || kind == "application/json") {
		return true
	}
	if err == nil && kind != "application/octet-stream" {
		return false
	}
	return slices.Contains([]string{".txt", ".md", ".csv", ".json", ".log", ".go", ".py", ".js", ".c", ".h", ".java", ".rs", ".toml", ".yaml", ".yml", ".sh"}, strings.ToLower(path.Ext(a.Filename)))
}

// withFiles has the text files of a message read in its question's turn, before what
// decides it now; the text is what was written, and the files after it.
func (b *Bot) withFiles(q *chat.Question, m *discordgo.Message) {
	var files []*discordgo.MessageAttachment
	for _, a := range m.Attachments {
		if a != nil && textual(a) && a.Size <= maxFileBytes && len(files) < maxFiles {
			files = append(files, a)
		}
	}
	if len(files) == 0 {
		return
	}
	decide := q.Decide
	q.Decide = func(ctx context.Context, q *chat.Question) (refusal string, ok bool) {
		if decide != nil {
			if refusal, ok = decide(ctx, q); !ok || refusal != "" {
				return refusal, ok
			}
		}
		ctx, cancel := context.WithTimeout(ctx, fileTime)
		defer cancel()
		text := wording(m, b.me())
		for _, a := range files {
			body, err := b.fetch(ctx, a.URL)
			if err != nil {
				b.log.Warn("an attached file could not be read", "channel", m.ChannelID, "message", m.ID, "err", err)
				continue
			}
			text += fmt.Sprintf("\n\n%s:\n%s", strings.Join(strings.Fields(a.Filename), " "), body)
		}
		if text = b.policy.Load().shorten(strings.TrimSpace(text)); text == "" {
			return "", true
		}
		q.Turn.Text = text
		if b.blockedAt(m.GuildID, m.ChannelID, text) { // what may not be said may not be in a file, either
			return sayBlocked, true
		}
		return "", true
	}
}

// fetch reads a text file of Discord's.
func (b *Bot) fetch(ctx context.Context, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || !slices.Contains(fileHosts, u.Host) {
		return "", fmt.Errorf("%q is no address of Discord's files", address)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	client := &http.Client{Transport: b.opt.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", u.Path, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxFileBytes+1))
	if err != nil {
		return "", err
	}
	if len(body) > maxFileBytes || bytes.IndexByte(body, 0) >= 0 || !utf8.Valid(body) {
		return "", fmt.Errorf("%s is no text of at most %d bytes", u.Path, maxFileBytes)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(body), "\uFEFF")), nil
}
