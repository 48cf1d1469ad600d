package discordtest

import (
	"slices"
	"strings"
)

// React puts an emoji under a message as a user. The error is an *Error.
func (s *Server) React(channelID, messageID, userID, emoji string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.react(channelID, messageID, userID, emoji)
}

// Unreact takes a user's emoji away again. The error is an *Error.
func (s *Server) Unreact(channelID, messageID, userID, emoji string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unreact(channelID, messageID, userID, emoji)
}

// maxReactions is how many different emoji a message takes. Documentation:
// topics/opcodes-and-status-codes.mdx, 30010.
const maxReactions = 20

var errTooManyReactions = &Error{Status: 400, Code: 30010, Message: "Maximum number of reactions reached (20)"}

// reactable finds the message and checks what both directions need. s.mu is held.
func (s *Server) reactable(channelID, messageID, userID, emoji string) (*channel, *Message, error) {
	c := s.channels[channelID]
	if c == nil {
		return nil, nil, ErrUnknownChannel
	}
	p := s.permissions(c, userID)
	if !p.Has(ViewChannel) {
		return nil, nil, ErrMissingAccess
	}
	if !p.Has(ReadHistory) {
		return nil, nil, ErrMissingPermissions
	}
	m := c.message(messageID)
	if m == nil || m.OnlyFor != "" {
		return nil, nil, ErrUnknownMessage
	}
	if c.Archived {
		return nil, nil, ErrArchivedThread
	}
	if !isEmoji(emoji) {
		return nil, nil, ErrUnknownEmoji
	}
	return c, m, nil
}

// isEmoji accepts name:id and, roughly, Unicode emoji: a few characters, none of them a plain letter.
func isEmoji(s string) bool {
	if name, id, ok := strings.Cut(s, ":"); ok {
		_, isID := parseID(id)
		return name != "" && isID
	}
	if s == "" || textLength(s) > 16 {
		return false
	}
	ascii := strings.IndexFunc(s, func(r rune) bool { return r < 0x80 }) >= 0
	keycap := strings.HasSuffix(s, "\u20e3")
	return !ascii || keycap
}

// react adds a reaction. s.mu is held. Documentation: resources/message.mdx, "Create Reaction".
func (s *Server) react(channelID, messageID, userID, emoji string) error {
	c, m, err := s.reactable(channelID, messageID, userID, emoji)
	if err != nil {
		return err
	}
	next := *m
	next.Reactions = slices.Clone(m.Reactions)
	at := slices.IndexFunc(next.Reactions, func(r Reaction) bool { return r.Emoji == emoji })
	switch {
	case at < 0 && !s.permissions(c, userID).Has(AddReactions):
		return ErrMissingPermissions
	case at < 0 && len(next.Reactions) == maxReactions:
		return errTooManyReactions
	case at < 0:
		next.Reactions = append(next.Reactions, Reaction{Emoji: emoji, Users: []string{userID}})
	case slices.Contains(next.Reactions[at].Users, userID):
		return nil
	default:
		next.Reactions[at].Users = append(slices.Clone(next.Reactions[at].Users), userID)
	}
	s.reacted(c, &next, "MESSAGE_REACTION_ADD", userID, emoji)
	return nil
}

// unreact takes a reaction away. s.mu is held. Documentation: resources/message.mdx, "Delete Own Reaction".
func (s *Server) unreact(channelID, messageID, userID, emoji string) error {
	c, m, err := s.reactable(channelID, messageID, userID, emoji)
	if err != nil {
		return err
	}
	next := *m
	next.Reactions = nil
	found := false
	for _, r := range m.Reactions {
		if r.Emoji == emoji && slices.Contains(r.Users, userID) {
			found = true
			r.Users = slices.DeleteFunc(slices.Clone(r.Users), func(id string) bool { return id == userID })
			if len(r.Users) == 0 {
				continue
			}
		}
		next.Reactions = append(next.Reactions, r)
	}
	if found {
		s.reacted(c, &next, "MESSAGE_REACTION_REMOVE", userID, emoji)
	}
	return nil
}

// reacted puts the message in place and tells everybody; for bots that is another event than an edit.
func (s *Server) reacted(c *channel, m *Message, event, userID, emoji string) {
	c.log[c.search(m.ID)] = m
	s.dispatchReaction(event, m, userID, emoji)
	s.publishMessage(MessageUpdated, m)
}
