package discord

import "github.com/bwmarrin/discordgo"

// fates are what became of messages while their channel waited, by id: what they say now,
// nil for one that was deleted.
type fates map[string]*discordgo.Message

// deleted notes that a message is gone, if its channel waits.
func (p *places) deleted(channel, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if of := p.noted(channel); of != nil {
		of[message] = nil
	}
}

// edited notes what a message says now, if its channel waits.
func (p *places) edited(m *discordgo.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.noted(m.ChannelID)
	if was, known := of[m.ID]; of != nil && len(of) < maxMissed && (!known || was != nil) {
		of[m.ID] = m
	}
}

// noted is what is noted of a channel's messages, nil if it does not wait; mu is held.
func (p *places) noted(channel string) fates {
	if _, waits := p.held[channel]; !waits {
		return nil
	}
	of := p.since[channel]
	if of == nil {
		of = fates{}
		p.since[channel] = of
	}
	return of
}

// gone reports whether a message was deleted while its channel waited.
func (p *places) gone(m *discordgo.Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, known := p.since[m.ChannelID][m.ID]
	return known && now == nil
}

// newestOf is a message as it was edited while its channel waited.
func (p *places) newestOf(m *discordgo.Message) *discordgo.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.since[m.ChannelID][m.ID]
	if e == nil {
		return m
	}
	now := *m
	now.Content, now.Mentions, now.MentionRoles, now.MentionEveryone = e.Content, e.Mentions, e.MentionRoles, e.MentionEveryone
	now.Attachments, now.EditedTimestamp = e.Attachments, e.EditedTimestamp
	return &now
}

// lapse drops what edits said, once all that waited in a channel is asked. What was deleted
// is known until the next gap: what was asked may not have had its turn yet. mu is held.
func (p *places) lapse(channel string) {
	of := p.since[channel]
	for id, now := range of {
		if now != nil {
			delete(of, id)
		}
	}
	if len(of) == 0 {
		delete(p.since, channel)
	}
}
