package discordtest

import (
	"fmt"
	"slices"
	"time"
)

// ChannelKind is Discord's channel type. Documentation: resources/channel.mdx, "Channel Types".
type ChannelKind int

// The kinds of channel that exist here.
const (
	TextChannel   ChannelKind = 0
	DirectMessage ChannelKind = 1
	Category      ChannelKind = 4
	PublicThread  ChannelKind = 11
	PrivateThread ChannelKind = 12
)

// IsThread reports whether channels of this kind hang below another channel.
func (k ChannelKind) IsThread() bool { return k == PublicThread || k == PrivateThread }

// Channel is a place for messages. Documentation: resources/channel.mdx, "Channel Object".
type Channel struct {
	ID         string
	GuildID    string // empty for direct messages
	ParentID   string // the category of a channel, the channel of a thread
	Kind       ChannelKind
	Name       string // empty for direct messages
	Topic      string
	Position   int
	NSFW       bool
	SlowMode   time.Duration // between two messages of one person; whole seconds
	Overwrites []Overwrite
	// People are the two users of a direct message, or those who have joined a thread.
	People        []string
	OwnerID       string // who started a thread
	Archived      bool   // of a thread
	Locked        bool   // of a thread: only MANAGE_THREADS opens it again
	LastMessageID string
	Created       time.Time
}

// channel is a Channel with its messages. Guarded by Server.mu.
type channel struct {
	Channel
	log    []*Message // by id; ephemeral ones too, which REST never shows
	nonces map[string]sentNonce
	lastBy map[string]time.Time // for slow mode: when each person last wrote
	// autoArchive is how many minutes without a message archive a thread; it is told, not acted upon.
	autoArchive int
}

func (c *channel) has(userID string) bool { return slices.Contains(c.People, userID) }

// AddChannel makes a text channel in a guild. Panics when the guild is unknown.
func (s *Server) AddChannel(guildID, name string) Channel {
	return s.AddChannelLike(guildID, Channel{Name: name})
}

// AddChannelLike makes a channel with the properties of like, whose ids and times are given anew; Kind is
// TextChannel or Category. Panics when the guild is unknown or the kind another one.
func (s *Server) AddChannelLike(guildID string, like Channel) Channel {
	if like.Kind != TextChannel && like.Kind != Category {
		panic(fmt.Sprintf("discordtest: AddChannelLike makes no channel of type %d", like.Kind))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.mustGuild(guildID)
	c := &channel{Channel: like}
	c.ID, c.GuildID, c.Created, c.LastMessageID = s.newID(), guildID, s.clock.Now(), ""
	if c.Position == 0 {
		c.Position = len(g.channels)
	}
	c.Overwrites = slices.Clone(like.Overwrites)
	s.addChannel(c)
	s.dispatchChannel("CHANNEL_CREATE", c)
	return c.Channel
}

// addChannel enters a channel everywhere. s.mu is held.
func (s *Server) addChannel(c *channel) {
	s.channels[c.ID] = c
	if g := s.guilds[c.GuildID]; g != nil {
		g.channels[c.ID] = c
	}
	s.publishChannel(ChannelChanged, c)
}

// ChangeChannel lets change alter a channel's properties (name, topic, overwrites, slow mode, NSFW, archived,
// locked) and tells everybody. Ids, kind and people stay what they were. It returns ErrUnknownChannel when
// there is none.
func (s *Server) ChangeChannel(channelID string, change func(*Channel)) (Channel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channelID]
	if c == nil {
		return Channel{}, ErrUnknownChannel
	}
	next := c.Channel
	next.Overwrites = slices.Clone(next.Overwrites)
	change(&next)
	next.ID, next.GuildID, next.Kind, next.People, next.LastMessageID = c.ID, c.GuildID, c.Kind, c.People, c.LastMessageID
	next.Created, next.OwnerID = c.Created, c.OwnerID
	c.Channel = next
	s.channelUpdated(c)
	return c.Channel, nil
}

// channelUpdated tells everybody. s.mu is held.
func (s *Server) channelUpdated(c *channel) {
	name := "CHANNEL_UPDATE"
	if c.Kind.IsThread() {
		name = "THREAD_UPDATE"
	}
	s.dispatchChannel(name, c)
	s.publishChannel(ChannelChanged, c)
}

// RemoveChannel deletes a channel with its messages and threads. It returns ErrUnknownChannel when there is
// none, ErrWrongChannelType for a direct message.
func (s *Server) RemoveChannel(channelID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channelID]
	if c == nil {
		return ErrUnknownChannel
	}
	if c.Kind == DirectMessage {
		return ErrWrongChannelType
	}
	s.removeChannel(c)
	return nil
}

// removeChannel drops a channel. s.mu is held. Deleting a channel deletes its threads; clients are told of
// the channel only, since the threads go with it.
func (s *Server) removeChannel(c *channel) {
	for _, t := range s.threadsOf(c.ID) {
		s.forgetChannel(t)
	}
	name := "CHANNEL_DELETE"
	if c.Kind.IsThread() {
		name = "THREAD_DELETE"
	}
	s.dispatchChannel(name, c)
	s.forgetChannel(c)
}

// forgetChannel takes a channel of a guild out everywhere, with the files of its messages. s.mu is held.
func (s *Server) forgetChannel(c *channel) {
	delete(s.channels, c.ID)
	delete(s.guilds[c.GuildID].channels, c.ID)
	for _, m := range c.log {
		s.unstore(m.Attachments)
	}
	s.publishChannel(ChannelRemoved, c)
}

// threadsOf lists the threads below a channel, by id. s.mu is held.
func (s *Server) threadsOf(channelID string) []*channel {
	var list []*channel
	parent := s.channels[channelID]
	if parent == nil || parent.GuildID == "" {
		return nil
	}
	for _, c := range s.guilds[parent.GuildID].channels {
		if c.ParentID == channelID && c.Kind.IsThread() {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *channel) int { return compareIDs(a.ID, b.ID) })
	return list
}

// Channel finds a channel, thread or direct message by id.
func (s *Server) Channel(id string) (Channel, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[id]
	if c == nil {
		return Channel{}, false
	}
	return c.Channel, true
}

// Channels lists all channels, threads and direct messages, by id.
func (s *Server) Channels() []Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Channel, 0, len(s.channels))
	for _, c := range s.channels {
		list = append(list, c.Channel)
	}
	slices.SortFunc(list, func(a, b Channel) int { return compareIDs(a.ID, b.ID) })
	return list
}

// OpenDM returns the direct message channel between the application's bot and a user, made when it is first
// asked for. The bot hears of it with the first message. It returns ErrUnknownUser when there is no such
// user, ErrCannotMessageUser for the bot itself.
func (s *Server) OpenDM(userID string) (Channel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.openDM(userID)
	if err != nil {
		return Channel{}, err
	}
	return c.Channel, nil
}

func (s *Server) openDM(userID string) (*channel, error) {
	if s.users[userID] == nil {
		return nil, ErrUnknownUser
	}
	if userID == s.bot.ID {
		return nil, ErrCannotMessageUser
	}
	if c := s.dms[userID]; c != nil {
		return c, nil
	}
	c := &channel{Channel: Channel{ID: s.newID(), Kind: DirectMessage, People: []string{s.bot.ID, userID}, Created: s.clock.Now()}}
	s.dms[userID] = c
	s.addChannel(c)
	return c, nil
}
