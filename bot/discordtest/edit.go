package discordtest

import (
	"slices"
	"strings"
	"time"
)

// patch is what an edit changes; nil and unset fields stay.
type patch struct {
	content    *string
	embeds     *[]Embed
	components *[]Component
	flags      *MessageFlags
	allowed    *allowedMentions
	files      []upload
	keep       *[]string // ids of attachments to keep; nil: all
}

// patchOf turns a request body into a patch; null clears a field. Documentation: resources/message.mdx,
// "Edit Message": "All parameters to this endpoint are optional and nullable."
func patchOf(b *messageBody, files []upload, f *form) *patch {
	var p patch
	if b.Content.set {
		p.content = &b.Content.value
	}
	if b.Embeds.set {
		p.embeds = &b.Embeds.value
	}
	if b.Components.set {
		p.components = &b.Components.value
	}
	if b.Flags.given() {
		p.flags = &b.Flags.value
	}
	if b.AllowedMentions.given() {
		p.allowed = &b.AllowedMentions.value
		p.allowed.check(f)
	}
	described, keep := b.describe(files, f)
	p.files = described
	if b.Attachments.set {
		p.keep = &keep
	}
	return &p
}

// editMessage changes a message as a user. s.mu is held.
func (s *Server) editMessage(channelID, messageID, userID string, p *patch) (*Message, error) {
	c := s.channels[channelID]
	if c == nil {
		return nil, ErrUnknownChannel
	}
	if !s.permissions(c, userID).Has(ViewChannel) {
		return nil, ErrMissingAccess
	}
	m := c.message(messageID)
	if m == nil || m.OnlyFor != "" {
		return nil, ErrUnknownMessage
	}
	if m.Author.ID != userID {
		// "Other users can only edit flags and only if they have the MANAGE_MESSAGES permission."
		flagsOnly := p.flags != nil && p.content == nil && p.embeds == nil && p.components == nil && p.files == nil && p.keep == nil
		if !flagsOnly {
			return nil, ErrOtherAuthor
		}
		if !s.permissions(c, userID).Has(ManageMessages) {
			return nil, ErrMissingPermissions
		}
	}
	if c.Archived || c.Locked && !s.permissions(c, userID).Has(ManageThreads) {
		return nil, ErrArchivedThread
	}
	return s.applyPatch(c, m, p)
}

// applyPatch replaces a message by its edited successor and tells everybody. s.mu is held.
func (s *Server) applyPatch(c *channel, m *Message, p *patch) (*Message, error) {
	next := *m
	if p.flags != nil {
		// SUPPRESS_EMBEDS comes and goes, IS_COMPONENTS_V2 only comes.
		next.Flags = next.Flags&^SuppressEmbeds | *p.flags&(SuppressEmbeds|ComponentsV2)
	}
	if p.content != nil {
		next.Content = *p.content
	}
	if p.embeds != nil {
		next.Embeds = *p.embeds
	}
	if p.components != nil {
		next.Components = *p.components
	}
	if p.keep != nil {
		next.Attachments = slices.DeleteFunc(slices.Clone(m.Attachments), func(a Attachment) bool { return !slices.Contains(*p.keep, a.ID) })
	}
	var f form
	d := draft{content: next.Content, embeds: next.Embeds, components: next.Components, flags: next.Flags, files: p.files}
	empty := d.check(&f)
	if err := f.err(); err != nil {
		return nil, err
	}
	if empty && len(next.Attachments) == 0 {
		return nil, ErrEmptyMessage
	}
	next.Content = strings.TrimSpace(next.Content)
	if p.keep != nil {
		s.unstore(slices.DeleteFunc(slices.Clone(m.Attachments), func(a Attachment) bool { return slices.Contains(*p.keep, a.ID) }))
	}
	if len(p.files) > 0 {
		next.Attachments = append(slices.Clone(next.Attachments), s.store(&next, p.files)...)
	}
	if p.embeds != nil {
		next.Embeds = placeEmbeds(next.Embeds, next.Attachments)
	}
	if p.components != nil {
		next.Components = numberComponents(next.Components)
	}
	if p.content != nil || p.components != nil {
		// "If there is no explicit allowed_mentions in the edit request, the content will be parsed with default
		// allowances." An edit notifies nobody.
		allowed := p.allowed
		if allowed == nil {
			allowed = defaultMentions(m.webhook)
		}
		s.mention(&next, c, s.permissions(c, m.Author.ID), allowed)
		if to := s.replied(m); m.replyPing && to != nil && !slices.Contains(next.Mentions, to.Author.ID) {
			next.Mentions = append(next.Mentions, to.Author.ID)
		}
	}
	next.Flags &^= Loading
	next.Edited = s.clock.Now()
	next.Edits++
	s.replace(c, &next)
	return &next, nil
}

// replace puts the successor of a message in its place and tells everybody. s.mu is held.
func (s *Server) replace(c *channel, m *Message) {
	if i := c.search(m.ID); i < len(c.log) && c.log[i].ID == m.ID {
		c.log[i] = m
	}
	if m.OnlyFor == "" {
		s.dispatchMessage("MESSAGE_UPDATE", m)
	}
	s.publishMessage(MessageUpdated, m)
}

// deleteMessage removes a message as a user. s.mu is held. Documentation: resources/message.mdx, "Delete
// Message".
func (s *Server) deleteMessage(channelID, messageID, userID string) error {
	c := s.channels[channelID]
	if c == nil {
		return ErrUnknownChannel
	}
	p := s.permissions(c, userID)
	if !p.Has(ViewChannel) {
		return ErrMissingAccess
	}
	m := c.message(messageID)
	if m == nil || m.OnlyFor != "" && m.OnlyFor != userID {
		return ErrUnknownMessage
	}
	// Who an ephemeral message is for may dismiss it.
	if m.Author.ID != userID && m.OnlyFor != userID && !p.Has(ManageMessages) {
		return ErrMissingPermissions
	}
	if c.Archived && c.Locked && !p.Has(ManageThreads) {
		return ErrArchivedThread
	}
	s.remove(c, m)
	if m.OnlyFor == "" {
		s.dispatchDeleted(c, []string{m.ID}, false)
	}
	return nil
}

// remove takes a message out of the log and tells the subscribers. s.mu is held.
func (s *Server) remove(c *channel, m *Message) {
	i := c.search(m.ID)
	c.log = slices.Delete(c.log, i, i+1)
	s.unstore(m.Attachments)
	s.publishMessage(MessageDeleted, m)
}

// bulkDelete removes many messages of a guild channel. s.mu is held. Documentation: resources/message.mdx,
// "Bulk Delete Messages".
func (s *Server) bulkDelete(channelID, userID string, ids []string) error {
	c := s.channels[channelID]
	if c == nil {
		return ErrUnknownChannel
	}
	p := s.permissions(c, userID)
	switch {
	case !p.Has(ViewChannel):
		return ErrMissingAccess
	case c.GuildID == "":
		return ErrWrongChannelType
	case !p.Has(ManageMessages):
		return ErrMissingPermissions
	case len(ids) < 2 || len(ids) > 100:
		return ErrBulkDeleteCount
	}
	var f form
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			f.add("messages", "BASE_TYPE_DUPLICATES", "Duplicate message ids.")
		}
		if s.clock.Now().Sub(Time(id)) > 14*24*time.Hour {
			return ErrBulkDeleteAge
		}
	}
	if err := f.err(); err != nil {
		return err
	}
	var gone []string
	for _, id := range ids {
		if m := c.message(id); m != nil && m.OnlyFor == "" {
			s.remove(c, m)
			gone = append(gone, id)
		}
	}
	if len(gone) > 0 {
		s.dispatchDeleted(c, gone, true)
	}
	return nil
}
