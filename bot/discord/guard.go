package discord

import (
	"context"
	"strings"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
)

// What people are told who are not answered.
const (
	sayBanned  = "I don't answer you here."
	sayBlocked = "I don't answer messages with such words in them."
)

// blocked reports whether a text holds words that are not answered.
func (p *Policy) blocked(text string) bool {
	for _, re := range p.Blocked {
		if re.MatchString(text) {
			return true
		}
	}
	return false
}

// shorten cuts a text to what is read of it.
func (p *Policy) shorten(text string) string {
	if p.MaxLength <= 0 || len(text) <= p.MaxLength {
		return text
	}
	n := 0
	for i := range text {
		if n++; n > p.MaxLength {
			return strings.TrimSpace(text[:i]) + " …"
		}
	}
	return text
}

// barred says in one sentence why a question that comes by a command is not answered,
// "" if it is.
func (b *Bot) barred(ctx context.Context, who *discordgo.User, text string) string {
	p := b.policy.Load()
	switch {
	case p.Banned[who.ID]:
		return sayBanned
	case p.blocked(text):
		return sayBlocked
	}
	ctx, cancel := soon(ctx)
	defer cancel()
	if wait := b.chat.Limited(ctx, who.ID); wait > 0 {
		return chat.TooFast(wait)
	}
	return ""
}
