package discordtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// snapshot is what Snapshot writes, as JSON. Interactions, commands, connections and
// what is pending are not part of it: a client finds them gone after Discord's own
// restarts, too.
type snapshot struct {
	Version  int            `json:"version"`
	LastID   uint64         `json:"last_id"`
	Bot      string         `json:"bot"`
	Users    []User         `json:"users"`
	Guilds   []savedGuild   `json:"guilds"`
	Channels []savedChannel `json:"channels"`
}

type savedGuild struct {
	Guild
	Roles   []Role
	Members []Member
}

type savedChannel struct {
	Channel
	AutoArchive int
	Log         []savedMessage
}

type savedMessage struct {
	Message
	ReplyPing, Webhook bool
	Data               map[string][]byte `json:",omitempty"` // of attachments, by id
}

const snapshotVersion = 1

// Keep bounds a snapshot. Zero values mean no bound.
type Keep struct {
	Messages int                // of a channel, the newest
	Bytes    int                // of attached files together, the newest; messages lose the others
	Message  func(Message) bool // whether a message is kept at all
}

// Snapshot writes down guilds, channels, people and messages, for Restore. Ephemeral
// messages, and those that are still "thinking", are left out.
func (s *Server) Snapshot(k Keep) ([]byte, error) {
	s.mu.Lock()
	out := snapshot{Version: snapshotVersion, LastID: s.lastID, Bot: s.bot.ID}
	for _, id := range slices.SortedFunc(maps.Keys(s.users), compareIDs) {
		out.Users = append(out.Users, *s.users[id])
	}
	for _, g := range s.guildList() {
		out.Guilds = append(out.Guilds, savedGuild{g.Guild, g.roleList(), g.memberList()})
	}
	for _, id := range slices.SortedFunc(maps.Keys(s.channels), compareIDs) {
		c := s.channels[id]
		saved := savedChannel{Channel: c.Channel, AutoArchive: c.autoArchive}
		for _, m := range slices.Backward(c.log) {
			if m.OnlyFor != "" || m.Flags&Loading != 0 || k.Message != nil && !k.Message(*m) {
				continue
			}
			if k.Messages > 0 && len(saved.Log) == k.Messages {
				break
			}
			saved.Log = append(saved.Log, savedMessage{Message: *m, ReplyPing: m.replyPing, Webhook: m.webhook})
		}
		slices.Reverse(saved.Log)
		out.Channels = append(out.Channels, saved)
	}
	s.mu.Unlock() // messages are replaced, never changed
	out.attach(k.Bytes)
	return json.Marshal(out)
}

// attach puts the newest attached files in, up to so many bytes together, and takes
// the others, and pictures of embeds that show them, off their messages.
func (o *snapshot) attach(room int) {
	var all []*savedMessage
	for c := range o.Channels {
		for m := range o.Channels[c].Log {
			if len(o.Channels[c].Log[m].Attachments) > 0 {
				all = append(all, &o.Channels[c].Log[m])
			}
		}
	}
	slices.SortFunc(all, func(a, b *savedMessage) int { return compareIDs(b.ID, a.ID) })
	limited := room > 0
	for _, m := range all {
		var kept []Attachment
		gone := map[string]bool{}
		for _, a := range m.Attachments {
			if limited && len(a.data) > room {
				room, gone[a.URL] = 0, true // nor anything older
				continue
			}
			room -= len(a.data)
			kept = append(kept, a)
			if m.Data == nil {
				m.Data = map[string][]byte{}
			}
			m.Data[a.ID] = a.data
		}
		m.Attachments = kept
		m.Embeds = slices.Clone(m.Embeds)
		for i := range m.Embeds {
			if p := m.Embeds[i].Image; p != nil && gone[p.URL] {
				m.Embeds[i].Image = nil
			}
		}
	}
}

// Restore makes a Discord of what Snapshot wrote, with the bot user and the ids of
// then; it does not listen yet. Of the options, ApplicationID is not looked at. It
// returns an error if the bytes are no such snapshot, or one that contradicts itself.
func Restore(o Options, data []byte) (*Server, error) {
	var in snapshot
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("discordtest: snapshot: %w", err)
	}
	if in.Version != snapshotVersion {
		return nil, fmt.Errorf("discordtest: snapshot of version %d, not %d", in.Version, snapshotVersion)
	}
	if _, ok := parseID(in.Bot); !ok {
		return nil, fmt.Errorf("discordtest: snapshot: the bot's id is %q", in.Bot)
	}
	o.ApplicationID = in.Bot
	s := New(o)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := restorer{Server: s}
	r.seen(in.Bot)
	s.lastID = max(s.lastID, in.LastID)
	for _, u := range in.Users {
		r.user(u)
	}
	for _, g := range in.Guilds {
		r.guild(g)
	}
	slices.SortStableFunc(in.Channels, func(a, b savedChannel) int { return cmp.Compare(a.order(), b.order()) })
	for _, c := range in.Channels {
		r.channel(c)
	}
	if r.err != nil {
		return nil, fmt.Errorf("discordtest: snapshot: %w", r.err)
	}
	return s, nil
}

// order is by what a channel hangs on: categories, channels, threads.
func (c savedChannel) order() int {
	switch {
	case c.Kind == Category:
		return 0
	case c.Kind.IsThread():
		return 2
	}
	return 1
}

// restorer enters what was saved; s.mu is held. The first error stays.
type restorer struct {
	*Server
	err error
}

func (r *restorer) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// seen checks an id and has new ones be greater.
func (r *restorer) seen(id string) {
	n, ok := parseID(id)
	if !ok {
		r.fail("%q is no id", id)
	}
	r.lastID = max(r.lastID, n)
}

func (r *restorer) user(u User) {
	r.seen(u.ID)
	switch {
	case u.ID == r.bot.ID:
		return
	case u.Name == "" || r.users[u.ID] != nil:
		r.fail("user %s is twice or without a name", u.ID)
	}
	r.users[u.ID] = &u
}

func (r *restorer) guild(in savedGuild) {
	r.seen(in.ID)
	g := &guild{Guild: in.Guild, roles: map[string]*Role{}, members: map[string]*Member{}, channels: map[string]*channel{}, commands: map[string]*Command{}}
	for _, role := range in.Roles {
		r.seen(role.ID)
		g.roles[role.ID] = &role
	}
	for _, m := range in.Members {
		u := r.users[m.User.ID]
		if u == nil {
			r.fail("guild %s has an unknown member %q", in.ID, m.User.ID)
			return
		}
		m.User = *u
		if m.Roles == nil {
			m.Roles = []string{}
		}
		for _, id := range m.Roles {
			if g.roles[id] == nil {
				r.fail("guild %s has a member with the unknown role %q", in.ID, id)
			}
		}
		g.members[m.User.ID] = &m
	}
	if r.guilds[in.ID] != nil || g.roles[in.ID] == nil || g.members[in.OwnerID] == nil {
		r.fail("guild %s is twice, or without @everyone or its owner", in.ID)
	}
	r.guilds[in.ID] = g
}

func (r *restorer) channel(in savedChannel) {
	r.seen(in.ID)
	c := &channel{Channel: in.Channel, autoArchive: in.AutoArchive}
	switch {
	case r.channels[in.ID] != nil:
		r.fail("channel %s is twice", in.ID)
	case in.Kind == DirectMessage:
		if in.GuildID != "" || len(in.People) != 2 || in.People[0] != r.bot.ID || r.users[in.People[1]] == nil || r.dms[in.People[1]] != nil {
			r.fail("channel %s is no direct message of the bot's with a person", in.ID)
			return
		}
		r.dms[in.People[1]] = c
	case r.guilds[in.GuildID] == nil || in.Kind != TextChannel && in.Kind != Category && !in.Kind.IsThread():
		r.fail("channel %s is in the unknown guild %q, or of the unknown kind %d", in.ID, in.GuildID, in.Kind)
		return
	case in.Kind.IsThread() && (r.channels[in.ParentID] == nil || r.channels[in.ParentID].Kind != TextChannel):
		r.fail("thread %s hangs on the unknown channel %q", in.ID, in.ParentID)
	}
	for _, id := range in.People {
		if r.users[id] == nil {
			r.fail("channel %s has the unknown person %q", in.ID, id)
		}
	}
	for _, m := range in.Log {
		r.message(c, m)
	}
	r.channels[c.ID] = c
	if g := r.guilds[c.GuildID]; g != nil {
		g.channels[c.ID] = c
	}
}

func (r *restorer) message(c *channel, in savedMessage) {
	r.seen(in.ID)
	m := in.Message
	u := r.users[m.Author.ID]
	if n := len(c.log); u == nil || m.ChannelID != c.ID || m.GuildID != c.GuildID || n > 0 && compareIDs(c.log[n-1].ID, m.ID) >= 0 {
		r.fail("message %s of channel %s is out of order, of another channel, or by the unknown person %q", m.ID, c.ID, m.Author.ID)
		return
	}
	people := slices.Clone(m.Mentions)
	for _, reaction := range m.Reactions {
		people = append(people, reaction.Users...)
	}
	if m.Interaction != nil {
		people = append(people, m.Interaction.UserID)
	}
	for _, id := range people {
		if r.users[id] == nil {
			r.fail("message %s has the unknown person %q", m.ID, id)
		}
	}
	m.Author, m.replyPing, m.webhook = *u, in.ReplyPing, in.Webhook
	for i := range m.Attachments {
		a := &m.Attachments[i]
		r.seen(a.ID)
		if want := "https://cdn.discordapp.com/attachments/" + c.ID + "/" + a.ID + "/" + a.Name; a.URL != want || strings.ContainsAny(a.Name, "/\\") {
			r.fail("message %s has a file at %q", m.ID, a.URL)
		}
		a.data = in.Data[a.ID]
		a.Size = len(a.data)
		file := *a
		r.files[a.ID] = &file
	}
	c.log = append(c.log, &m)
}
