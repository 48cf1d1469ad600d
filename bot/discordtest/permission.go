package discordtest

import (
	"slices"
	"strconv"
)

// Permissions is a set of permission bits. In JSON it is a decimal string.
// Documentation: topics/permissions.mdx, "Bitwise Permission Flags".
type Permissions uint64

// The permissions that mean something here.
const (
	CreateInvite          Permissions = 1 << 0
	KickMembers           Permissions = 1 << 1
	BanMembers            Permissions = 1 << 2
	Administrator         Permissions = 1 << 3
	ManageChannels        Permissions = 1 << 4
	ManageGuild           Permissions = 1 << 5
	AddReactions          Permissions = 1 << 6
	ViewChannel           Permissions = 1 << 10
	SendMessages          Permissions = 1 << 11
	SendTTS               Permissions = 1 << 12
	ManageMessages        Permissions = 1 << 13
	EmbedLinks            Permissions = 1 << 14
	AttachFiles           Permissions = 1 << 15
	ReadHistory           Permissions = 1 << 16
	MentionEveryone       Permissions = 1 << 17
	UseExternalEmoji      Permissions = 1 << 18
	ChangeNickname        Permissions = 1 << 26
	ManageRoles           Permissions = 1 << 28
	UseCommands           Permissions = 1 << 31
	ManageThreads         Permissions = 1 << 34
	CreatePublicThreads   Permissions = 1 << 35
	CreatePrivateThreads  Permissions = 1 << 36
	SendInThreads         Permissions = 1 << 38
	ModerateMembers       Permissions = 1 << 40
	BypassSlowMode        Permissions = 1 << 52
	allPermissions        Permissions = 1<<53 - 1
	impliedBySendMessages             = MentionEveryone | SendTTS | AttachFiles | EmbedLinks
)

// MemberDefault is what @everyone may do in a new guild.
const MemberDefault = CreateInvite | AddReactions | ViewChannel | SendMessages | EmbedLinks | AttachFiles |
	ReadHistory | UseExternalEmoji | ChangeNickname | UseCommands | CreatePublicThreads |
	CreatePrivateThreads | SendInThreads

// Has reports whether all bits of want are set.
func (p Permissions) Has(want Permissions) bool { return p&want == want }

// MarshalText writes the bits in decimal.
func (p Permissions) MarshalText() ([]byte, error) {
	return strconv.AppendUint(nil, uint64(p), 10), nil
}

// UnmarshalText reads what MarshalText writes.
func (p *Permissions) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(string(b), 10, 64)
	*p = Permissions(n)
	return err
}

// Overwrite changes, in one channel, what a role or a member may do.
// Documentation: resources/channel.mdx, "Overwrite Object".
type Overwrite struct {
	ID    string      `json:"id"`   // of the role or the user
	Kind  int         `json:"type"` // 0 role, 1 member
	Allow Permissions `json:"allow"`
	Deny  Permissions `json:"deny"`
}

// Permissions returns what a user may do in a channel; none when either is unknown or the user is not there.
func (s *Server) Permissions(channelID, userID string) Permissions {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channelID]
	if c == nil {
		return 0
	}
	return s.permissions(c, userID)
}

// basePermissions are those a user's roles give in a guild. s.mu is held.
// Documentation: topics/permissions.mdx, "Permission Hierarchy", "Permission Overwrites".
func (g *guild) basePermissions(userID string) Permissions {
	m := g.members[userID]
	if m == nil {
		return 0
	}
	if g.OwnerID == userID {
		return allPermissions
	}
	p := g.roles[g.ID].Permissions
	for _, id := range m.Roles {
		if r := g.roles[id]; r != nil {
			p |= r.Permissions
		}
	}
	if p.Has(Administrator) {
		return allPermissions
	}
	return p
}

// permissions computes what a user may do in a channel, implicit rules included. s.mu is held.
// Documentation: topics/permissions.mdx, "Permission Overwrites", "Implicit Permissions",
// "Inherited Permissions (Threads)".
func (s *Server) permissions(c *channel, userID string) Permissions {
	if c.GuildID == "" {
		if c.has(userID) {
			return MemberDefault | SendInThreads
		}
		return 0
	}
	g := s.guilds[c.GuildID]
	if g.members[userID] == nil {
		return 0
	}
	p := g.basePermissions(userID)
	if p.Has(Administrator) {
		return p
	}
	at := c
	if c.Kind.IsThread() {
		at = s.channels[c.ParentID]
		if at == nil {
			return 0
		}
	}
	p = at.overwritten(p, g.ID, g.members[userID].Roles, userID)
	if c.Kind == PrivateThread && !c.has(userID) && !p.Has(ManageThreads) {
		return 0
	}
	if !p.Has(ViewChannel) {
		return 0
	}
	// In a thread SEND_MESSAGES_IN_THREADS takes the place of SEND_MESSAGES.
	send := SendMessages
	if c.Kind.IsThread() {
		send = SendInThreads
	}
	if !p.Has(send) {
		p &^= impliedBySendMessages
	}
	return p
}

// overwritten applies the channel's overwrites in Discord's order: @everyone, roles together, the member.
func (c *channel) overwritten(p Permissions, everyone string, roles []string, userID string) Permissions {
	var allow, deny Permissions
	var member Overwrite
	for _, o := range c.Overwrites {
		switch {
		case o.ID == everyone:
			p = p&^o.Deny | o.Allow
		case o.Kind == 0 && slices.Contains(roles, o.ID):
			allow |= o.Allow
			deny |= o.Deny
		case o.Kind == 1 && o.ID == userID:
			member = o
		}
	}
	p = p&^deny | allow
	return p&^member.Deny | member.Allow
}
