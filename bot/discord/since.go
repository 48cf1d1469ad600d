package discord

import "github.com/bwmarrin/discordgo"

// fate is what became of a message while its channel waited: it was deleted, or says
// something else now.
type fate struct {
	deleted bool
	now     *discordgo.Message // nil if it was deleted
}

// deleted notes that a message is gone, if its channel waits.
func (p *places) deleted(channel, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if of := p.fates(channel); of != nil {
		of[message] = fate{deleted: true}
	}
}

// edited notes what a message says now, if its channel waits.
func (p *places) edited(m *discordgo.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if of := p.fates(m.ChannelID); of != nil && len(of) < maxMissed && !of[m.ID].deleted {
		of[m.ID] = fate{now: m}
	}
}

// fates is what is noted of a channel's messages, nil if it does not wait; mu is held.
func (p *places) fates(channel string) map[string]fate {
	if _, waits := p.held[channel]; !waits {
		return nil
	}
	of := p.since[channel]
	if of == nil {
		of = map[string]fate{}
		p.since[channel] = of
	}
	return of
}

// gone reports whether a message was deleted while its channel waited.
func (p *places) gone(m *discordgo.Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.since[m.ChannelID][m.ID].deleted
}

// newestOf is a message as it was edited while its channel waited.
func (p *places) newestOf(m *discordgo.Message) *discordgo.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.since[m.ChannelID][m.ID].now
	if e == nil {
		return m
	}
	now := *m
	now.Content, now.Mentions, now.MentionRoles, now.MentionEveryone = e.Content, e.Mentions, e.MentionRoles, e.MentionEveryone
	now.Attachments, now.EditedTimestamp = e.Attachments, e.EditedTimestamp
	return &now
}

// lapse drops what edits said, once all that waited in a channel is asked. Who was deleted
// is known until the next gap: what was asked may not have had its turn yet. mu is held.
func (p *places) lapse(channel string) {
	of := p.since[channel]
	for id, f := range of {
		if !f.deleted {
			delete(of, id)
		}
	}
	if len(of) == 0 {
		delete(p.since, channel)
	}
}
