package discordtest

import (
	"fmt"
	"slices"
	"time"
)

// Guild is what people call a server. Its id is also the id of its @everyone role.
// Documentation: resources/guild.mdx, "Guild Object".
type Guild struct {
	ID      string
	Name    string
	OwnerID string
	Created time.Time
}

// Role is a named set of permissions in a guild. Documentation: topics/permissions.mdx, "Role Object".
type Role struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Permissions Permissions `json:"permissions"`
	Mentionable bool        `json:"mentionable"` // anybody may ping it
	Position    int         `json:"position"`
	Color       int         `json:"color"`
	Hoist       bool        `json:"hoist"`
	Managed     bool        `json:"managed"` // belongs to a bot
}

// Member is a user in a guild. Documentation: resources/guild.mdx, "Guild Member Object".
type Member struct {
	User   User
	Nick   string   // empty: the user's own name
	Roles  []string // ids, without @everyone
	Joined time.Time
}

// guild is a Guild with what is in it. Guarded by Server.mu.
type guild struct {
	Guild
	roles    map[string]*Role
	members  map[string]*Member // replaced, not changed
	channels map[string]*channel
	commands map[string]*Command
	creates  dailyCount // of application commands
}

// AddGuild makes a guild with its owner as the first member and the application's bot as the second. The bot
// gets a managed role of its own with MemberDefault. There is no channel yet. Panics when the owner is unknown.
func (s *Server) AddGuild(name, ownerID string) Guild {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustUser(ownerID)
	id := s.newID()
	g := &guild{
		Guild:   Guild{ID: id, Name: name, OwnerID: ownerID, Created: s.clock.Now()},
		roles:   map[string]*Role{id: {ID: id, Name: "@everyone", Permissions: MemberDefault}},
		members: make(map[string]*Member), channels: make(map[string]*channel), commands: make(map[string]*Command),
	}
	s.guilds[id] = g
	role := &Role{ID: s.newID(), Name: s.bot.Name, Permissions: MemberDefault, Managed: true, Position: 1}
	g.roles[role.ID] = role
	g.members[ownerID] = &Member{User: *s.users[ownerID], Roles: []string{}, Joined: s.clock.Now()}
	g.members[s.bot.ID] = &Member{User: *s.bot, Roles: []string{role.ID}, Joined: s.clock.Now()}
	s.publish(Event{Kind: GuildChanged, GuildID: id})
	s.dispatchGuildCreate(g)
	return g.Guild
}

// Guilds lists the guilds, oldest first.
func (s *Server) Guilds() []Guild {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Guild, 0, len(s.guilds))
	for _, g := range s.guilds {
		list = append(list, g.Guild)
	}
	slices.SortFunc(list, func(a, b Guild) int { return compareIDs(a.ID, b.ID) })
	return list
}

// AddRole makes a role above all others. Panics when the guild is unknown.
func (s *Server) AddRole(guildID, name string, permissions Permissions) Role {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.mustGuild(guildID)
	r := &Role{ID: s.newID(), Name: name, Permissions: permissions, Position: len(g.roles)}
	g.roles[r.ID] = r
	s.dispatchRole(g, "GUILD_ROLE_CREATE", r)
	return *r
}

// SetRole replaces the role with the same id; the id of the guild is that of @everyone. Panics when there is
// none.
func (s *Server) SetRole(guildID string, r Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.mustGuild(guildID)
	if g.roles[r.ID] == nil {
		panic(fmt.Sprintf("discordtest: no role %q in guild %s", r.ID, guildID))
	}
	g.roles[r.ID] = &r
	s.dispatchRole(g, "GUILD_ROLE_UPDATE", &r)
}

// Roles lists a guild's roles, lowest first; nil for an unknown guild.
func (s *Server) Roles(guildID string) []Role {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.guilds[guildID]
	if g == nil {
		return nil
	}
	return g.roleList()
}

func (g *guild) roleList() []Role {
	list := make([]Role, 0, len(g.roles))
	for _, r := range g.roles {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b Role) int {
		if a.Position != b.Position {
			return a.Position - b.Position
		}
		return compareIDs(a.ID, b.ID)
	})
	return list
}

// AddMember lets a user into a guild, or, who is in already, gives exactly these roles. Panics when the guild
// or the user is unknown.
func (s *Server) AddMember(guildID, userID string, roleIDs ...string) Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.mustGuild(guildID)
	u := s.mustUser(userID)
	m := &Member{User: *u, Roles: append([]string{}, roleIDs...), Joined: s.clock.Now()}
	name := "GUILD_MEMBER_ADD"
	if old := g.members[userID]; old != nil {
		m.Joined, m.Nick = old.Joined, old.Nick
		name = "GUILD_MEMBER_UPDATE"
	}
	g.members[userID] = m
	s.dispatchMember(g, name, m)
	s.publish(Event{Kind: MemberChanged, GuildID: guildID, User: u})
	return *m
}

// AddAdmin lets a user into a guild with a role of its own that has ADMINISTRATOR.
func (s *Server) AddAdmin(guildID, userID string) Member {
	r := s.AddRole(guildID, "admin", Administrator)
	return s.AddMember(guildID, userID, r.ID)
}

// RemoveMember takes a user out of a guild; nothing happens when there is none.
func (s *Server) RemoveMember(guildID, userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.guilds[guildID]
	if g == nil || g.members[userID] == nil {
		return
	}
	u := g.members[userID].User
	delete(g.members, userID)
	s.dispatch(event{guildID: guildID, intents: IntentGuildMembers, name: "GUILD_MEMBER_REMOVE",
		data: map[string]any{"guild_id": guildID, "user": u}})
	s.publish(Event{Kind: MemberChanged, GuildID: guildID, User: &u})
}

// Members lists a guild's members, by id; nil for an unknown guild.
func (s *Server) Members(guildID string) []Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.guilds[guildID]
	if g == nil {
		return nil
	}
	return g.memberList()
}

func (g *guild) memberList() []Member {
	list := make([]Member, 0, len(g.members))
	for _, m := range g.members {
		list = append(list, *m)
	}
	slices.SortFunc(list, func(a, b Member) int { return compareIDs(a.User.ID, b.User.ID) })
	return list
}

// IsAdmin reports whether a user owns the guild or has ADMINISTRATOR in it.
func (s *Server) IsAdmin(guildID, userID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.guilds[guildID]
	return g != nil && g.basePermissions(userID).Has(Administrator)
}

func (s *Server) mustGuild(id string) *guild {
	g := s.guilds[id]
	if g == nil {
		panic(fmt.Sprintf("discordtest: no guild %q", id))
	}
	return g
}
