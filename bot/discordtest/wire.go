package discordtest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Here objects get the form they have on the wire. Everything is called with s.mu held.

// stamp writes a time as Discord does. Documentation: reference.mdx, "ISO8601 Date/Time".
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000+00:00") }

// memberJSON is a guild member. Documentation: resources/guild.mdx, "Guild Member Object".
type memberJSON struct {
	User        *User        `json:"user,omitempty"`
	Nick        *string      `json:"nick"`
	Avatar      *string      `json:"avatar"`
	Roles       []string     `json:"roles"`
	JoinedAt    string       `json:"joined_at"`
	Deaf        bool         `json:"deaf"`
	Mute        bool         `json:"mute"`
	Flags       int          `json:"flags"`
	Pending     bool         `json:"pending"`
	Permissions *Permissions `json:"permissions,omitempty"` // in interactions
	GuildID     string       `json:"guild_id,omitempty"`    // in events
}

func (m *Member) wire(withUser bool) *memberJSON {
	j := &memberJSON{Roles: m.Roles, JoinedAt: stamp(m.Joined)}
	if m.Nick != "" {
		j.Nick = &m.Nick
	}
	if withUser {
		j.User = &m.User
	}
	return j
}

// channelJSON is a channel. Documentation: resources/channel.mdx, "Channel Object".
type channelJSON struct {
	ID               string            `json:"id"`
	Type             ChannelKind       `json:"type"`
	GuildID          string            `json:"guild_id,omitempty"`
	ParentID         *string           `json:"parent_id,omitempty"`
	Name             *string           `json:"name,omitempty"`
	Topic            *string           `json:"topic,omitempty"`
	Position         *int              `json:"position,omitempty"`
	NSFW             bool              `json:"nsfw"`
	RateLimitPerUser int               `json:"rate_limit_per_user"`
	Overwrites       []Overwrite       `json:"permission_overwrites,omitempty"`
	LastMessageID    *string           `json:"last_message_id"`
	Recipients       []User            `json:"recipients,omitempty"`
	OwnerID          string            `json:"owner_id,omitempty"`
	ThreadMetadata   *threadMetadata   `json:"thread_metadata,omitempty"`
	Member           *threadMemberJSON `json:"member,omitempty"`
	MemberCount      *int              `json:"member_count,omitempty"`
	MessageCount     *int              `json:"message_count,omitempty"`
	TotalMessages    *int              `json:"total_message_sent,omitempty"`
	NewlyCreated     bool              `json:"newly_created,omitempty"`
	Flags            int               `json:"flags"`
	Permissions      *Permissions      `json:"permissions,omitempty"` // in interactions: the user's
}

type threadMetadata struct {
	Archived            bool   `json:"archived"`
	AutoArchiveDuration int    `json:"auto_archive_duration"`
	ArchiveTimestamp    string `json:"archive_timestamp"`
	Locked              bool   `json:"locked"`
	CreateTimestamp     string `json:"create_timestamp"`
}

type threadMemberJSON struct {
	ID      string `json:"id,omitempty"`
	UserID  string `json:"user_id,omitempty"`
	Joined  string `json:"join_timestamp"`
	Flags   int    `json:"flags"`
	GuildID string `json:"guild_id,omitempty"`
}

func (s *Server) channelJSON(c *channel) *channelJSON {
	j := &channelJSON{ID: c.ID, Type: c.Kind, GuildID: c.GuildID, NSFW: c.NSFW, RateLimitPerUser: int(c.SlowMode / time.Second)}
	// Copies, since the JSON is written after the lock is given back.
	last, parent, name, topic, position := c.LastMessageID, c.ParentID, c.Name, c.Topic, c.Position
	if last != "" {
		j.LastMessageID = &last
	}
	if parent != "" {
		j.ParentID = &parent
	}
	if c.Kind == DirectMessage {
		for _, id := range c.People {
			if id != s.bot.ID {
				j.Recipients = append(j.Recipients, *s.users[id])
			}
		}
		return j
	}
	j.Name = &name
	if !c.Kind.IsThread() {
		j.Position, j.Overwrites = &position, c.Overwrites
		if topic != "" {
			j.Topic = &topic
		}
		return j
	}
	n, members := len(c.log), len(c.People)
	j.OwnerID, j.MessageCount, j.TotalMessages, j.MemberCount = c.OwnerID, &n, &n, &members
	j.ThreadMetadata = &threadMetadata{Archived: c.Archived, AutoArchiveDuration: c.autoArchive, Locked: c.Locked,
		ArchiveTimestamp: stamp(c.Created), CreateTimestamp: stamp(c.Created)}
	if c.has(s.bot.ID) {
		j.Member = &threadMemberJSON{ID: c.ID, UserID: s.bot.ID, Joined: stamp(c.Created)}
	}
	return j
}

// messageJSON is a message. Documentation: resources/message.mdx, "Message Object".
type messageJSON struct {
	ID               string            `json:"id"`
	ChannelID        string            `json:"channel_id"`
	GuildID          string            `json:"guild_id,omitempty"` // in events
	Type             MessageKind       `json:"type"`
	Author           User              `json:"author"`
	Member           *memberJSON       `json:"member,omitempty"` // in events
	Content          string            `json:"content"`
	Timestamp        string            `json:"timestamp"`
	EditedTimestamp  *string           `json:"edited_timestamp"`
	TTS              bool              `json:"tts"`
	MentionEveryone  bool              `json:"mention_everyone"`
	Mentions         []mentionJSON     `json:"mentions"`
	MentionRoles     []string          `json:"mention_roles"`
	Attachments      []Attachment      `json:"attachments"`
	Embeds           []Embed           `json:"embeds"`
	Components       []Component       `json:"components"`
	Reactions        []reactionJSON    `json:"reactions,omitempty"`
	Nonce            string            `json:"nonce,omitempty"`
	Pinned           bool              `json:"pinned"`
	Flags            MessageFlags      `json:"flags"`
	WebhookID        string            `json:"webhook_id,omitempty"`
	ApplicationID    string            `json:"application_id,omitempty"`
	MessageReference *referenceJSON    `json:"message_reference,omitempty"`
	Referenced       json.RawMessage   `json:"referenced_message,omitempty"`
	Interaction      *interactionBrief `json:"interaction,omitempty"`
	Metadata         *interactionMeta  `json:"interaction_metadata,omitempty"`
	Thread           *channelJSON      `json:"thread,omitempty"`
}

// mentionJSON is a user named, in events with the member.
type mentionJSON struct {
	User
	Member *memberJSON `json:"member,omitempty"`
}

type referenceJSON struct {
	Type      int    `json:"type"`
	MessageID string `json:"message_id,omitempty"`
	ChannelID string `json:"channel_id"`
	GuildID   string `json:"guild_id,omitempty"`
}

type reactionJSON struct {
	Count int       `json:"count"`
	Me    bool      `json:"me"`
	Emoji emojiJSON `json:"emoji"`
}

type emojiJSON struct {
	ID   *string `json:"id"`
	Name string  `json:"name"`
}

// emojiOf splits name:id.
func emojiOf(s string) emojiJSON {
	if name, id, ok := strings.Cut(s, ":"); ok {
		return emojiJSON{ID: &id, Name: name}
	}
	return emojiJSON{Name: s}
}

type interactionBrief struct {
	ID   string          `json:"id"`
	Type InteractionType `json:"type"`
	Name string          `json:"name"`
	User User            `json:"user"`
}

type interactionMeta struct {
	ID                    string            `json:"id"`
	Type                  InteractionType   `json:"type"`
	User                  User              `json:"user"`
	Owners                map[string]string `json:"authorizing_integration_owners"`
	InteractedMessageID   string            `json:"interacted_message_id,omitempty"`
	TargetMessageID       string            `json:"target_message_id,omitempty"`
	OriginalResponseID    string            `json:"original_response_message_id,omitempty"`
	TriggeringInteraction *interactionMeta  `json:"triggering_interaction_metadata,omitempty"`
}

// readable says whether the application may see a message's content when it has not the MESSAGE_CONTENT
// intent. Documentation: events/gateway.mdx, "Message Content Intent": its own messages, direct messages and
// those it is mentioned in.
func (s *Server) readable(m *Message) bool {
	return m.Author.ID == s.bot.ID || m.GuildID == "" || slices.Contains(m.Mentions, s.bot.ID)
}

// view says for whom a message is written.
type view struct {
	content bool // what people wrote is shown everywhere
	event   bool // with guild_id and members, as events have it
}

// messageJSON writes a message, with the one replied to.
func (s *Server) messageJSON(m *Message, v view) *messageJSON {
	j := s.plainMessage(m, v)
	if m.Kind != Reply && m.Kind != ThreadStarter {
		return j
	}
	// "If this field exists but is null, the referenced message was deleted."
	j.Referenced = json.RawMessage("null")
	if to := s.replied(m); to != nil {
		j.Referenced, _ = json.Marshal(s.plainMessage(to, view{content: v.content}))
	}
	return j
}

func (s *Server) plainMessage(m *Message, v view) *messageJSON {
	j := &messageJSON{
		ID: m.ID, ChannelID: m.ChannelID, Type: m.Kind, Author: m.Author, Timestamp: stamp(m.Created), TTS: m.TTS,
		MentionEveryone: m.MentionEveryone, MentionRoles: orEmpty(m.MentionRoles), Mentions: []mentionJSON{},
		Attachments: []Attachment{}, Embeds: []Embed{}, Components: []Component{}, Nonce: m.Nonce, Pinned: m.Pinned, Flags: m.Flags,
	}
	if v.content || s.readable(m) {
		j.Content, j.Attachments, j.Embeds, j.Components = m.Content, orEmpty(m.Attachments), orEmpty(m.Embeds), orEmpty(m.Components)
	}
	if !m.Edited.IsZero() {
		edited := stamp(m.Edited)
		j.EditedTimestamp = &edited
	}
	g := s.guilds[m.GuildID]
	if v.event && g != nil {
		j.GuildID = g.ID
		if member := g.members[m.Author.ID]; member != nil {
			j.Member = member.wire(false)
		}
	}
	for _, id := range m.Mentions {
		named := mentionJSON{User: *s.users[id]}
		if v.event && g != nil && g.members[id] != nil {
			named.Member = g.members[id].wire(false)
		}
		j.Mentions = append(j.Mentions, named)
	}
	for _, r := range m.Reactions {
		j.Reactions = append(j.Reactions, reactionJSON{len(r.Users), slices.Contains(r.Users, s.bot.ID), emojiOf(r.Emoji)})
	}
	if m.ReplyTo != "" || m.Kind == ThreadCreated {
		j.MessageReference = &referenceJSON{MessageID: m.ReplyTo, ChannelID: m.ReplyToIn, GuildID: m.GuildID}
	}
	if m.webhook {
		j.WebhookID, j.ApplicationID = s.bot.ID, s.bot.ID
	}
	if i := m.Interaction; i != nil {
		by := *s.users[i.UserID]
		j.Metadata = &interactionMeta{ID: i.ID, Type: i.Type, User: by, Owners: s.owners(m.GuildID)}
		if i.Type == CommandInteraction {
			j.Interaction = &interactionBrief{i.ID, i.Type, i.Name, by}
			j.Metadata.TargetMessageID = i.TargetID
		} else {
			j.Metadata.InteractedMessageID = i.TargetID
		}
	}
	if t := s.channels[m.ThreadID]; m.ThreadID != "" && t != nil {
		j.Thread = s.channelJSON(t)
	}
	return j
}

// owners says by whose installation an interaction came: the guild's, or the bot's own in direct messages.
// Documentation: interactions/receiving-and-responding.mdx, "Authorizing Integration Owners Object".
func (s *Server) owners(guildID string) map[string]string {
	if guildID == "" {
		return map[string]string{"0": "0"}
	}
	return map[string]string{"0": guildID}
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// guildJSON is a guild as REST and, with channels and members, GUILD_CREATE give it. Documentation:
// resources/guild.mdx, "Guild Object".
func (s *Server) guildJSON(g *guild) map[string]any {
	return map[string]any{
		"id": g.ID, "name": g.Name, "icon": nil, "splash": nil, "discovery_splash": nil, "owner_id": g.OwnerID,
		"afk_channel_id": nil, "afk_timeout": 300, "verification_level": 0, "default_message_notifications": 0,
		"explicit_content_filter": 0, "roles": g.roleList(), "emojis": []any{}, "stickers": []any{}, "features": []string{},
		"mfa_level": 0, "application_id": nil, "system_channel_id": nil, "system_channel_flags": 0,
		"rules_channel_id": nil, "max_members": 500000, "vanity_url_code": nil, "description": nil, "banner": nil,
		"premium_tier": 0, "premium_subscription_count": 0, "preferred_locale": "en-US",
		"public_updates_channel_id": nil, "nsfw_level": 0, "premium_progress_bar_enabled": false,
		"safety_alerts_channel_id": nil,
	}
}
