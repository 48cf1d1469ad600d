package discordtest

import (
	"slices"
	"time"
)

// CreateThread starts a public thread as a user, on a message of the channel or, when messageID is empty, on
// none. Everybody named joins besides the user who starts it. The error is an *Error.
func (s *Server) CreateThread(channelID, userID, name, messageID string, memberIDs ...string) (Channel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.createThread(channelID, userID, messageID, threadDraft{name: name, kind: PublicThread})
	if err != nil {
		return Channel{}, err
	}
	for _, id := range memberIDs {
		if err := s.joinThread(t, id); err != nil {
			return t.Channel, err
		}
	}
	return t.Channel, nil
}

// JoinThread lets a user into a thread. The error is an *Error.
func (s *Server) JoinThread(threadID, userID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.channels[threadID]
	if t == nil {
		return ErrUnknownChannel
	}
	return s.joinThread(t, userID)
}

// threadDraft is a thread to be.
type threadDraft struct {
	name     string
	kind     ChannelKind
	archive  int // minutes without a message; 0: a day
	slowMode time.Duration
}

// createThread starts a thread on a message, or on none. s.mu is held. Documentation: resources/channel.mdx,
// "Start Thread from Message", "Start Thread without Message"; topics/threads.mdx.
func (s *Server) createThread(channelID, userID, messageID string, d threadDraft) (*channel, error) {
	c := s.channels[channelID]
	if c == nil {
		return nil, ErrUnknownChannel
	}
	u := s.users[userID]
	if u == nil {
		return nil, ErrUnknownUser
	}
	p := s.permissions(c, userID)
	if !p.Has(ViewChannel) {
		return nil, ErrMissingAccess
	}
	if c.Kind != TextChannel {
		return nil, ErrWrongChannelType
	}
	var f form
	f.length("name", d.name, 1, 100)
	if d.kind != PublicThread && d.kind != PrivateThread {
		f.add("type", "BASE_TYPE_CHOICES", "Value must be one of (11, 12).")
	}
	switch d.archive {
	case 0:
		d.archive = 1440
	case 60, 1440, 4320, 10080:
	default:
		f.add("auto_archive_duration", "BASE_TYPE_CHOICES", "Value must be one of (60, 1440, 4320, 10080).")
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	need := CreatePublicThreads
	if d.kind == PrivateThread {
		need = CreatePrivateThreads
	}
	if !p.Has(need) {
		return nil, ErrMissingPermissions
	}
	t := &channel{Channel: Channel{GuildID: c.GuildID, ParentID: c.ID, Kind: d.kind, Name: d.name, OwnerID: userID,
		NSFW: c.NSFW, SlowMode: d.slowMode, Created: s.clock.Now()}, autoArchive: d.archive}
	var starter *Message
	if messageID != "" {
		if starter = c.message(messageID); starter == nil || starter.OnlyFor != "" {
			return nil, ErrUnknownMessage
		}
		if starter.ThreadID != "" {
			return nil, ErrThreadExists
		}
		// "The created thread and the message it was started from will share the same id."
		t.ID = messageID
	} else {
		t.ID = s.newID()
	}
	t.People = []string{userID}
	s.addChannel(t)
	s.dispatchThreadCreate(t)
	switch {
	case starter != nil:
		next := *starter
		next.ThreadID = t.ID
		next.Flags |= HasThread
		s.replace(c, &next)
	case d.kind == PublicThread:
		// Documentation: topics/threads.mdx, "New Message Types": THREAD_CREATED.
		m := &Message{ID: s.newID(), ChannelID: c.ID, GuildID: c.GuildID, Kind: ThreadCreated, Author: *u, Content: d.name,
			Created: s.clock.Now(), ReplyToIn: t.ID}
		s.appendMessage(c, m)
		s.dispatchMessage("MESSAGE_CREATE", m)
		s.publishMessage(MessageCreated, m)
	}
	return t, nil
}

// joinThread lets a user who sees the channel into a thread. s.mu is held. Documentation:
// resources/channel.mdx, "Join Thread", "Add Thread Member".
func (s *Server) joinThread(t *channel, userID string) error {
	switch {
	case s.users[userID] == nil:
		return ErrUnknownUser
	case !t.Kind.IsThread():
		return ErrWrongChannelType
	case t.Archived:
		return ErrArchivedThread
	}
	parent := s.channels[t.ParentID]
	if parent == nil || !s.permissions(parent, userID).Has(ViewChannel) {
		return ErrMissingAccess
	}
	if !t.has(userID) {
		s.addToThread(t, userID)
	}
	return nil
}

// addToThread enters a member and tells everybody. s.mu is held.
func (s *Server) addToThread(t *channel, userID string) {
	t.People = append(slices.Clone(t.People), userID)
	if userID == s.bot.ID {
		// The bot "has recently gained access": it learns of a private thread, and of its membership of any.
		s.dispatchThreadCreate(t)
	}
	s.dispatchThreadMembers(t, []string{userID}, nil)
	s.publishChannel(ChannelChanged, t)
}

// leaveThread takes a member out. s.mu is held.
func (s *Server) leaveThread(t *channel, userID string) error {
	if !t.Kind.IsThread() {
		return ErrWrongChannelType
	}
	if t.Archived {
		return ErrArchivedThread
	}
	if !t.has(userID) {
		return nil
	}
	t.People = slices.DeleteFunc(slices.Clone(t.People), func(id string) bool { return id == userID })
	s.dispatchThreadMembers(t, nil, []string{userID})
	s.publishChannel(ChannelChanged, t)
	return nil
}
