package discord

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bwmarrin/discordgo"
)

// addressed decides whether a message is meant for the bot.
//
// Meant for it are: direct messages, messages that mention it by name (not through
// @everyone or a role), replies to it, and messages in a thread it takes part in,
// unless they mention or reply to somebody else. Messages by bots, webhooks and Discord itself
// never are. Settings may have more of them answered; see where.go.
func addressed(m *discordgo.Message, self string, thread bool) bool {
	if !spoken(m, self) || m.Author.Bot {
		return false
	}
	return m.GuildID == "" || named(m, self) || thread && !toOthers(m, self) && m.Content != ""
}

// spoken reports whether a message is one that somebody else wrote: no webhook, and not
// Discord itself.
func spoken(m *discordgo.Message, self string) bool {
	return m.Author != nil && m.Author.ID != self && !m.Author.System && m.WebhookID == "" &&
		(m.Type == discordgo.MessageTypeDefault || m.Type == discordgo.MessageTypeReply)
}

// named reports whether a message mentions the bot or replies to it.
func named(m *discordgo.Message, self string) bool {
	return mentions(m.Content, self) || m.ReferencedMessage != nil && m.ReferencedMessage.Author != nil && m.ReferencedMessage.Author.ID == self
}

func mentions(content, self string) bool {
	return strings.Contains(content, "<@"+self+">") || strings.Contains(content, "<@!"+self+">")
}

// toOthers reports whether a message mentions somebody else or replies to anybody.
func toOthers(m *discordgo.Message, self string) bool {
	return m.MentionEveryone || len(m.MentionRoles) > 0 || m.ReferencedMessage != nil ||
		slices.ContainsFunc(m.Mentions, func(u *discordgo.User) bool { return u != nil && u.ID != self })
}

// wording is what a message says to the bot.
func wording(m *discordgo.Message, self string) string {
	content := strings.NewReplacer("<@"+self+">", " ", "<@!"+self+">", " ").Replace(m.Content)
	return readable(content, m.Mentions)
}

var (
	userMention = regexp.MustCompile(`<@!?(\d{1,20})>`)
	otherMarkup = regexp.MustCompile(`<(?:a?(:\w{1,32}:)\d{1,20}|(@&|#)\d{1,20}|t:\d{1,20}(?::\w)?)>`)
	blanks      = regexp.MustCompile(`[ \t]{2,}`)
)

// readable turns Discord's markup into words: the model has not seen ids.
func readable(content string, mentions []*discordgo.User) string {
	content = userMention.ReplaceAllStringFunc(content, func(s string) string {
		id := userMention.FindStringSubmatch(s)[1]
		for _, u := range mentions {
			if u != nil && u.ID == id {
				return "@" + shownName(u)
			}
		}
		return "@someone"
	})
	content = otherMarkup.ReplaceAllStringFunc(content, func(s string) string {
		m := otherMarkup.FindStringSubmatch(s)
		switch {
		case m[1] != "":
			return m[1]
		case m[2] == "@&":
			return "@a-role"
		case m[2] == "#":
			return "#a-channel"
		}
		return "a time"
	})
	return strings.TrimSpace(blanks.ReplaceAllString(content, " "))
}

// shownName is the name people see.
func shownName(u *discordgo.User) string {
	if u.GlobalName != "" {
		return u.GlobalName
	}
	return u.Username
}

// authorName is the name of a message's author in its server.
func authorName(m *discordgo.Message) string {
	if m.Member != nil && m.Member.Nick != "" {
		return m.Member.Nick
	}
	return shownName(m.Author)
}
