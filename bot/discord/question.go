package discord

import (
	"context"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
	"moebot/session"
)

// question makes a question of a message that is meant for the bot, or may be. Where
// the settings of its place are known, it is decided at once; else in the question's
// turn, when they are read. late says that it comes from a gap. One that says nothing
// but the bot's name is a greeting.
func (b *Bot) question(m *discordgo.Message, late bool) (chat.Question, bool) {
	if !spoken(m, b.me()) || m.GuildID == "" && b.policy.Load().NoDirectMessages {
		return chat.Question{}, false
	}
	direct := m.Author.Bot && m.GuildID != "" && named(m, b.me())
	if !m.Author.Bot {
		b.talk.person(m.ChannelID)
		direct = addressed(m, b.me(), b.seen.in(m.ChannelID))
	}
	if !direct && (m.Author.Bot || m.Content == "" || !b.content.Load()) {
		return chat.Question{}, false
	}
	text := b.policy.Load().shorten(wording(m, b.me()))
	if text == "" && len(m.Attachments)+len(m.StickerItems) > 0 {
		text = "(a picture or a file without words)" // which the model cannot see
	} else if text == "" {
		text = "hi"
	}
	q := chat.Question{Key: session.Key{Channel: m.ChannelID}, Server: m.GuildID, Reply: b.newReply(m.ChannelID, m.ID, m.Author.ID), Quiet: !direct || m.Author.Bot, Turn: session.Turn{ID: m.ID, Role: session.RoleUser,
		AuthorID: m.Author.ID, Author: authorName(m), Text: text, Time: m.Timestamp}}
	if p, ok := b.placeOf(m.GuildID, m.ChannelID); ok {
		if t, ok := b.known(p); ok && (m.Member != nil || !asksRoles(t.Merged())) {
			refusal, ok := b.settle(&q, p, t, m, nil, direct, late)
			if ok && refusal != "" { // said in its turn, as all refusals
				q.Decide = func(context.Context, *chat.Question) (string, bool) { return refusal, true }
			}
			b.withFiles(&q, m)
			return q, ok
		}
	}
	if direct { // or the next gap would be read from before it
		b.seen.handled(m.ChannelID, m.ID)
	}
	q.Decide = func(ctx context.Context, q *chat.Question) (string, bool) {
		p := b.findPlace(ctx, m.GuildID, m.ChannelID)
		t := b.treeAnyway(ctx, p)
		roles, ok := b.rolesOf(ctx, t.Merged(), p, m)
		if !ok {
			return "", false
		}
		return b.settle(q, p, t, m, roles, direct, late)
	}
	b.withFiles(&q, m)
	return q, true
}

// settle decides a question by the settings of its place.
func (b *Bot) settle(q *chat.Question, p place, t session.Tree, m *discordgo.Message, roles []string, direct, late bool) (refusal string, ok bool) {
	if roles == nil && m.Member != nil {
		roles = m.Member.Roles
	}
	d := b.decide(t.Merged(), p, m, roles, direct, late)
	if d == nil {
		return "", false
	}
	b.seen.handled(m.ChannelID, m.ID)
	q.Above, q.Quiet = above(t, p), d.call == callChime || m.Author.Bot
	if r := b.referred(m); r != nil && d.refusal == "" && !b.blocked(p.worded(t.Merged()), r.Text) {
		q.Refers = r
		b.refers.keep(m.ID, *r)
	}
	return d.refusal, true
}

// referred is the message that a message replies to, nil if there is none, or nothing in
// it to read: without the MESSAGE_CONTENT intent Discord shows little of others' messages.
func (b *Bot) referred(m *discordgo.Message) *session.Turn {
	r := m.ReferencedMessage
	if r == nil || r.Author == nil || r.ID == "" {
		return nil
	}
	t := session.Turn{ID: r.ID, Role: session.RoleUser, AuthorID: r.Author.ID, Author: authorName(r), Text: b.policy.Load().shorten(wording(r, b.me())), Time: r.Timestamp}
	if r.Author.ID == b.me() {
		t.Role, t.AuthorID, t.Author = session.RoleAssistant, "", ""
	}
	if t.Text == "" {
		return nil
	}
	return &t
}

// settleLeft gives a question that was left unanswered the settings of its place. It is for
// chat.Question.Decide, and never refuses.
func (b *Bot) settleLeft(ctx context.Context, q *chat.Question) (refusal string, ok bool) {
	p := place{channel: q.Key.Channel}
	if c, err := b.channel(ctx, q.Key.Channel); err == nil {
		p = b.findPlace(ctx, c.GuildID, c.ID)
	}
	q.Above = above(b.treeAnyway(ctx, p), p)
	return "", true
}
