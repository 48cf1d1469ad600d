package discord

import (
	"time"

	"github.com/bwmarrin/discordgo"
)

// A gap may hide the first question of a channel that was not known before. Which channels
// those may be, the servers say as they come: those whose newest message is newer than all
// that was heard before the gap (resources/channel, last_message_id).

// unknownAge is how old such a message may be, so that not everything is read after a
// night, and gapTime how long after a gap's end the servers may take to come.
const (
	unknownAge = 10 * time.Minute
	gapTime    = time.Minute
)

// doubt makes the messages of a channel wait that is not known, if its newest message was
// not heard and is later than oldest; after is what to read it from.
func (p *places) doubt(channel, newest, oldest string, gap int64) (after string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	after = oldest
	if later(p.gap, after) {
		after = p.gap
	}
	if _, known := p.last[channel]; known || p.gap == "" || !later(newest, after) || len(p.last) >= maxPlaces {
		return "", false
	}
	p.last[channel], p.held[channel], p.unsure[channel] = after, nil, gap
	return after, true
}

// doubted reports whether doubt was called for a channel in a gap.
func (p *places) doubted(channel string, gap int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.unsure[channel]
	return ok && at == gap
}

// readUnknown reads what came in the gap in channels of a server that are not known.
func (b *Bot) readUnknown(g *discordgo.Guild) {
	gap := b.gaps.Load()
	me := &discordgo.Member{}
	for _, m := range g.Members {
		if m != nil && m.User != nil && m.User.ID == b.me() {
			me = m
		}
	}
	oldest := idAt(time.Now().Add(-unknownAge))
	read := func(c *discordgo.Channel) {
		after, ok := b.seen.doubt(c.ID, c.LastMessageID, oldest, gap)
		if !ok {
			return
		}
		b.begin(func() {
			b.contain("rescan", func() { b.rescanChannel(b.ctx, b.doubting, c.ID, after, gap) })
		})
	}
	for _, c := range g.Channels {
		if c != nil && hasMessages(c.Type) && later(c.LastMessageID, oldest) && b.mayRead(c, me) {
			read(c)
		}
	}
	for _, t := range g.Threads { // of which only those come that the bot may read
		if t != nil {
			read(t)
		}
	}
}

// hasMessages reports whether channels of a type have messages of their own.
func hasMessages(t discordgo.ChannelType) bool {
	switch t {
	case discordgo.ChannelTypeGuildText, discordgo.ChannelTypeGuildNews, discordgo.ChannelTypeGuildVoice, discordgo.ChannelTypeGuildStageVoice:
		return true
	}
	return false
}

// mayRead reports whether the bot may read a channel; Discord counts requests that it
// forbids.
func (b *Bot) mayRead(c *discordgo.Channel, me *discordgo.Member) bool {
	const reading = discordgo.PermissionViewChannel | discordgo.PermissionReadMessageHistory
	p, err := b.dg.State.MessagePermissions(&discordgo.Message{ChannelID: c.ID, Author: &discordgo.User{ID: b.me()}, Member: me})
	return err == nil && p&reading == reading
}
