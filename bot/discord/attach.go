package discord

import (
	"bytes"
	"context"
	"errors"
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

// filesOf are the text files of a message that are read.
func filesOf(m *discordgo.Message) (files []*discordgo.MessageAttachment) {
	for _, a := range m.Attachments {
		if a != nil && textual(a) && a.Size <= maxFileBytes && len(files) < maxFiles {
			files = append(files, a)
		}
	}
	return files
}

// whole is what a message says with the text files after what was written; with an error
// some of them are missing.
func (b *Bot) whole(ctx context.Context, m *discordgo.Message) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fileTime)
	defer cancel()
	text := wording(m, b.me())
	var missing error
	for _, a := range filesOf(m) {
		body, err := b.fetch(ctx, a.URL, maxFileBytes)
		if err != nil {
			missing = errors.Join(missing, err)
			continue
		}
		text += fmt.Sprintf("\n\n%s:\n%s", strings.Join(strings.Fields(a.Filename), " "), body)
	}
	return b.policy.Load().shorten(strings.TrimSpace(text)), missing
}

// withFiles has the text files of a message read in its question's turn, before what
// decides it now.
func (b *Bot) withFiles(q *chat.Question, m *discordgo.Message) {
	if len(filesOf(m)) == 0 {
		return
	}
	decide := q.Decide
	q.Decide = func(ctx context.Context, q *chat.Question) (refusal string, ok bool) {
		if decide != nil {
			if refusal, ok = decide(ctx, q); !ok || refusal != "" {
				return refusal, ok
			}
		}
		text, err := b.whole(ctx, m)
		if err != nil {
			b.log.Warn("an attached file could not be read", "channel", m.ChannelID, "message", m.ID, "err", err)
		}
		if text == "" {
			return "", true
		}
		q.Turn.Text = text
		if b.blockedAt(m.GuildID, m.ChannelID, text) { // what may not be said may not be in a file, either
			return sayBlocked.english, true
		}
		return "", true
	}
}

// fetch reads a text file of Discord's, of at most so many bytes.
func (b *Bot) fetch(ctx context.Context, address string, limit int) (string, error) {
	u, err := url.Parse(address)
	if err != nil || !b.filesFrom(u) {
		return "", errors.New("discord: the address of a file is none of Discord's")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", withoutAddress(err)
	}
	res, err := b.files.Do(req)
	if err != nil {
		return "", fmt.Errorf("discord: a file: %w", withoutAddress(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("discord: a file is answered with %s", res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
	if err != nil {
		return "", err
	}
	if len(body) > limit || bytes.IndexByte(body, 0) >= 0 || !utf8.Valid(body) {
		return "", fmt.Errorf("discord: a file is no text of at most %d bytes", limit)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(body), "\uFEFF")), nil
}

// filesFrom reports whether an address is one where Discord keeps files (reference,
// Signed Attachment CDN URLs), or lies where its API is taken to be. Nothing is fetched
// from anywhere else, whatever an event says.
func (b *Bot) filesFrom(u *url.URL) bool {
	if u.Scheme == "https" && (u.Host == "cdn.discordapp.com" || u.Host == "media.discordapp.net") {
		return true
	}
	base, err := url.Parse(b.opt.APIBase)
	return err == nil && base.Host != "" && u.Host == base.Host
}
