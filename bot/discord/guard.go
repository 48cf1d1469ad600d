package discord

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
	"moebot/session"
)

// What people are told who are not answered.
var (
	sayBanned   = say{"I don't answer you here.", "我在此处不回答你。"}
	sayNoDirect = say{"I don't answer direct messages.", "我不回答私信。"}
	sayBlocked  = say{"I don't answer messages with such words in them.", "我不回答含有这类词语的消息。"}
	sayAdult    = say{"I don't answer in age-restricted channels.", "我不在年龄限制频道中回答。"}
)

// worded are the settings of a place with the adult words among those that are not
// answered and not said, if it is none for them.
func (p place) worded(set session.Settings) session.Settings {
	if p.adult || set.AdultWords == nil {
		return set
	}
	return set.Merge(session.Settings{WordsIn: set.AdultWords, WordsOut: set.AdultWords})
}

// blocked reports whether a text holds words that are answered nowhere.
func (p *Policy) blocked(text string) bool {
	for _, re := range p.Blocked {
		if re.MatchString(text) {
			return true
		}
	}
	return false
}

// blocked reports whether a text holds words that are not answered where such settings
// hold.
func (b *Bot) blocked(set session.Settings, text string) bool {
	return b.policy.Load().blocked(text) || set.WordsIn != nil && chat.FindWords(*set.WordsIn).In(text)
}

// blockedAt is blocked for a channel, with the settings of it that are known.
func (b *Bot) blockedAt(server, channel, text string) bool {
	p, _ := b.placeOf(server, channel)
	t, _ := b.treeKnown(p)
	return b.blocked(p.worded(t.Merged()), text)
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

// barred says in one sentence why a question that comes by an interaction is not
// answered, "" if it is. It counts as one that is asked.
func (b *Bot) barred(ctx context.Context, i *discordgo.Interaction, p place, set session.Settings, text string) string {
	if why := b.unwelcome(i, p, set, text); why != "" {
		return why
	}
	if wait := b.chat.Limited(ctx, i.ID, i.GuildID, person(i).ID, set); wait > 0 {
		return tooFast(i, wait)
	}
	return ""
}

// unwelcome is barred without counting.
func (b *Bot) unwelcome(i *discordgo.Interaction, p place, set session.Settings, text string) string {
	if i.GuildID == "" && b.policy.Load().NoDirectMessages {
		return sayNoDirect.in(i)
	}
	who := person(i).ID
	var roles []string
	if i.Member != nil {
		roles = i.Member.Roles
	}
	if b.policy.Load().Banned[who] || barredBy(set, p, who, roles) {
		return sayBanned.in(i)
	}
	if until, yes := muted(set, who, time.Now()); yes {
		return sayMuted(i, until)
	}
	return b.unwilling(set, p, text).in(i)
}

func sayMuted(i *discordgo.Interaction, until time.Time) string {
	if until.IsZero() {
		return in(i, "I don't answer you here: you were muted.", "我在此处不回答你：你已被禁言。")
	}
	return fmt.Sprintf(in(i, "I don't answer you here: you are muted until <t:%d:f>.", "我在此处不回答你：你被禁言至 <t:%d:f>。"), until.Unix())
}
