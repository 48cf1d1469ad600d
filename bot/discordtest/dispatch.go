package discordtest

import (
	"encoding/json"
	"slices"
)

// Here what happens becomes gateway events. Everything is called with s.mu held.
// Documentation: events/gateway-events.mdx, "Receive Events"; events/gateway.mdx, "List of Intents".

// event is one gateway event for all sessions that asked for it.
type event struct {
	guildID string
	intents Intents // any of these; 0: everybody
	name    string
	data    any
	// without is the data for sessions without MESSAGE_CONTENT; nil: the same.
	without any
}

// dispatch sends an event to the sessions of the guild's shard that asked for it.
func (s *Server) dispatch(e event) {
	var full, less json.RawMessage
	for _, x := range s.sessions {
		if e.intents != 0 && x.intents&e.intents == 0 || !x.serves(e.guildID) {
			continue
		}
		if e.without != nil && x.intents&IntentMessageContent == 0 {
			if less == nil {
				less = encode(e.without)
			}
			x.event(e.name, less)
			continue
		}
		if full == nil {
			full = encode(e.data)
		}
		x.event(e.name, full)
	}
}

func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("discordtest: event does not marshal: " + err.Error())
	}
	return b
}

// heard reports whether anybody is there to hear, and the bot can see the channel.
func (s *Server) heard(c *channel) bool {
	return len(s.sessions) > 0 && s.permissions(c, s.bot.ID).Has(ViewChannel)
}

// either picks the intent of a guild channel or of direct messages.
func either(guildID string, guild, direct Intents) Intents {
	if guildID == "" {
		return direct
	}
	return guild
}

func (s *Server) guildList() []*guild {
	list := make([]*guild, 0, len(s.guilds))
	for _, g := range s.guilds {
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b *guild) int { return compareIDs(a.ID, b.ID) })
	return list
}

// guildCreate is the guild with everything in it. Documentation: "Guild Create": without GUILD_PRESENCES the
// members are only the bot itself; threads are the active ones it can see.
func (s *Server) guildCreate(g *guild, x *session) map[string]any {
	j := s.guildJSON(g)
	members := []*memberJSON{}
	for _, m := range g.memberList() {
		if m.User.ID == s.bot.ID || x.intents&IntentGuildPresences != 0 {
			members = append(members, m.wire(true))
		}
	}
	channels, threads := []*channelJSON{}, []*channelJSON{}
	for _, c := range g.channelList() {
		switch {
		case !c.Kind.IsThread():
			channels = append(channels, s.channelJSON(c))
		case !c.Archived && s.permissions(c, s.bot.ID).Has(ViewChannel):
			threads = append(threads, s.channelJSON(c))
		}
	}
	for k, v := range map[string]any{
		"joined_at": stamp(g.members[s.bot.ID].Joined), "large": false, "unavailable": false, "member_count": len(g.members),
		"voice_states": []any{}, "members": members, "channels": channels, "threads": threads, "presences": []any{},
		"stage_instances": []any{}, "guild_scheduled_events": []any{}, "soundboard_sounds": []any{},
	} {
		j[k] = v
	}
	return j
}

func (g *guild) channelList() []*channel {
	list := make([]*channel, 0, len(g.channels))
	for _, c := range g.channels {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *channel) int { return compareIDs(a.ID, b.ID) })
	return list
}

func (s *Server) dispatchGuildCreate(g *guild) {
	for _, x := range s.sessions {
		if x.serves(g.ID) && x.intents&IntentGuilds != 0 {
			x.event("GUILD_CREATE", encode(s.guildCreate(g, x)))
		}
	}
}

func (s *Server) dispatchRole(g *guild, name string, r *Role) {
	s.dispatch(event{guildID: g.ID, intents: IntentGuilds, name: name, data: map[string]any{"guild_id": g.ID, "role": r}})
}

func (s *Server) dispatchMember(g *guild, name string, m *Member) {
	j := m.wire(true)
	j.GuildID = g.ID
	intents := IntentGuildMembers
	if m.User.ID == s.bot.ID {
		intents |= IntentGuilds // "sent for current-user updates regardless of whether the intent is set"
	}
	s.dispatch(event{guildID: g.ID, intents: intents, name: name, data: j})
}

// dispatchChannel tells of a guild channel or thread. "Bots no longer receive Channel Create Gateway Event for
// DMs" (change-log.mdx, API v8).
func (s *Server) dispatchChannel(name string, c *channel) {
	if c.GuildID == "" || len(s.sessions) == 0 || c.Kind.IsThread() && !s.permissions(c, s.bot.ID).Has(ViewChannel) {
		return
	}
	s.dispatch(event{guildID: c.GuildID, intents: IntentGuilds, name: name, data: s.channelJSON(c)})
}

func (s *Server) dispatchThreadCreate(t *channel) {
	if !s.heard(t) {
		return
	}
	j := s.channelJSON(t)
	j.NewlyCreated = len(t.People) <= 1
	s.dispatch(event{guildID: t.GuildID, intents: IntentGuilds, name: "THREAD_CREATE", data: j})
}

// dispatchThreadMembers tells who came and went; without GUILD_MEMBERS only when it is the bot.
// Documentation: "Thread Members Update".
func (s *Server) dispatchThreadMembers(t *channel, added, removed []string) {
	if len(s.sessions) == 0 {
		return
	}
	intents := IntentGuildMembers
	if slices.Contains(added, s.bot.ID) || slices.Contains(removed, s.bot.ID) {
		intents |= IntentGuilds
	}
	members := []threadMemberJSON{}
	for _, id := range added {
		members = append(members, threadMemberJSON{ID: t.ID, UserID: id, Joined: stamp(s.clock.Now())})
	}
	s.dispatch(event{guildID: t.GuildID, intents: intents, name: "THREAD_MEMBERS_UPDATE", data: map[string]any{
		"id": t.ID, "guild_id": t.GuildID, "member_count": len(t.People), "added_members": members, "removed_member_ids": orEmpty(removed)}})
}

func (s *Server) dispatchMessage(name string, m *Message) {
	if m.OnlyFor != "" || !s.heard(s.channels[m.ChannelID]) {
		return
	}
	s.dispatch(event{guildID: m.GuildID, intents: either(m.GuildID, IntentGuildMessages, IntentDirectMessages), name: name,
		data:    s.messageJSON(m, view{content: true, event: true}),
		without: s.messageJSON(m, view{event: true})})
}

func (s *Server) dispatchDeleted(c *channel, ids []string, bulk bool) {
	if !s.heard(c) {
		return
	}
	name, data := "MESSAGE_DELETE", map[string]any{"channel_id": c.ID}
	if bulk {
		name, data["ids"] = "MESSAGE_DELETE_BULK", ids
	} else {
		data["id"] = ids[0]
	}
	if c.GuildID != "" {
		data["guild_id"] = c.GuildID
	}
	s.dispatch(event{guildID: c.GuildID, intents: either(c.GuildID, IntentGuildMessages, IntentDirectMessages), name: name, data: data})
}

func (s *Server) dispatchTyping(c *channel, u *User) {
	if !s.heard(c) {
		return
	}
	data := map[string]any{"channel_id": c.ID, "user_id": u.ID, "timestamp": s.clock.Now().Unix()}
	if g := s.guilds[c.GuildID]; g != nil {
		data["guild_id"] = g.ID
		if m := g.members[u.ID]; m != nil {
			data["member"] = m.wire(true)
		}
	}
	s.dispatch(event{guildID: c.GuildID, intents: either(c.GuildID, IntentGuildMessageTyping, IntentDirectMessageTyping), name: "TYPING_START", data: data})
}

func (s *Server) dispatchReaction(name string, m *Message, userID, emoji string) {
	if !s.heard(s.channels[m.ChannelID]) {
		return
	}
	data := map[string]any{"user_id": userID, "channel_id": m.ChannelID, "message_id": m.ID, "message_author_id": m.Author.ID,
		"emoji": emojiOf(emoji), "burst": false, "type": 0}
	if g := s.guilds[m.GuildID]; g != nil {
		data["guild_id"] = g.ID
		if member := g.members[userID]; member != nil && name == "MESSAGE_REACTION_ADD" {
			data["member"] = member.wire(true)
		}
	}
	s.dispatch(event{guildID: m.GuildID, intents: either(m.GuildID, IntentGuildMessageReactions, IntentDirectMessageReactions), name: name, data: data})
}
