package discordtest

import (
	"regexp"
	"slices"
	"strings"
)

// Documentation: reference.mdx, "Message Formatting".
var (
	userMention = regexp.MustCompile(`<@!?(\d{1,20})>`)
	roleMention = regexp.MustCompile(`<@&(\d{1,20})>`)
)

// mentions is whom a text names and may name.
type mentions struct {
	users, roles   []string
	everyone, here bool
	replied        bool // the author of the message replied to
}

// check notes what is wrong with allowed_mentions. Documentation: resources/message.mdx, "Allowed Mentions
// Object": parse excludes the lists of the same kind, lists have 100 ids at most.
func (a *allowedMentions) check(f *form) {
	for i, kind := range a.Parse {
		if kind != "users" && kind != "roles" && kind != "everyone" {
			f.add("allowed_mentions.parse."+itoa(i), "BASE_TYPE_CHOICES", "Value must be one of ('users', 'roles', 'everyone').")
		}
	}
	for _, list := range []struct {
		name string
		ids  []string
	}{{"users", a.Users}, {"roles", a.Roles}} {
		path := "allowed_mentions." + list.name
		if len(list.ids) > 0 && slices.Contains(a.Parse, list.name) {
			f.add("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", `parse:["%s"] and %s: [ids...] are mutually exclusive.`, list.name, list.name)
		}
		if len(list.ids) > 100 {
			f.add(path, "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer in length.")
		}
		for i, id := range list.ids {
			if _, ok := parseID(id); !ok {
				f.add(path+"."+itoa(i), "NUMBER_TYPE_COERCE", "Value %q is not snowflake.", id)
			}
		}
	}
}

// defaultMentions are allowed when allowed_mentions is missing: everything in ordinary messages, users only
// in those of interactions. A reply without it pings the author replied to (observed).
// Documentation: resources/message.mdx, "Default Settings for Allowed Mentions".
func defaultMentions(interaction bool) *allowedMentions {
	if interaction {
		return &allowedMentions{Parse: []string{"users"}}
	}
	return &allowedMentions{Parse: []string{"users", "roles", "everyone"}, RepliedUser: true}
}

// parseMentions finds whom text names in channel c, of those allowed, given what the author may do there.
// s.mu is held. Documentation: resources/message.mdx, "Allowed Mentions Object".
func (s *Server) parseMentions(text string, c *channel, p Permissions, allowed *allowedMentions) mentions {
	var m mentions
	if !strings.Contains(text, "@") {
		return m
	}
	allUsers, allRoles := slices.Contains(allowed.Parse, "users"), slices.Contains(allowed.Parse, "roles")
	for _, match := range userMention.FindAllStringSubmatch(text, -1) {
		id := match[1]
		if s.users[id] != nil && !slices.Contains(m.users, id) && (allUsers || slices.Contains(allowed.Users, id)) {
			m.users = append(m.users, id)
		}
	}
	g := s.guilds[c.GuildID]
	if g == nil {
		return m
	}
	for _, match := range roleMention.FindAllStringSubmatch(text, -1) {
		id := match[1]
		r := g.roles[id]
		if r == nil || id == g.ID || slices.Contains(m.roles, id) || !allRoles && !slices.Contains(allowed.Roles, id) {
			continue
		}
		// "the role's mentionable field must be set to true, or the bot must have the MENTION_EVERYONE permission"
		if r.Mentionable || p.Has(MentionEveryone) {
			m.roles = append(m.roles, id)
		}
	}
	if slices.Contains(allowed.Parse, "everyone") && p.Has(MentionEveryone) {
		m.everyone = strings.Contains(text, "@everyone")
		m.here = strings.Contains(text, "@here")
	}
	return m
}

// recordPing notes whom a new message notifies. s.mu is held.
func (s *Server) recordPing(m *Message, found mentions) {
	c := s.channels[m.ChannelID]
	p := Ping{MessageID: m.ID, ChannelID: m.ChannelID, AuthorID: m.Author.ID, Roles: found.roles,
		Everyone: found.everyone, Here: found.here, Silent: m.Flags&SuppressNotifications != 0}
	sees := func(id string) bool {
		return id != m.Author.ID && s.permissions(c, id).Has(ViewChannel) && (m.OnlyFor == "" || m.OnlyFor == id)
	}
	for _, id := range found.users {
		if sees(id) {
			p.Users = append(p.Users, id)
		}
	}
	if found.replied {
		if to := s.replied(m); to != nil && sees(to.Author.ID) && !slices.Contains(p.Users, to.Author.ID) {
			p.Users = append(p.Users, to.Author.ID)
		}
	}
	p.Reached = slices.Clone(p.Users)
	if g := s.guilds[m.GuildID]; g != nil && (p.Everyone || p.Here || len(p.Roles) > 0) {
		for _, member := range g.memberList() {
			hit := p.Everyone || p.Here || slices.ContainsFunc(p.Roles, func(r string) bool { return slices.Contains(member.Roles, r) })
			if id := member.User.ID; hit && !slices.Contains(p.Reached, id) && sees(id) {
				p.Reached = append(p.Reached, id)
			}
		}
	}
	if len(p.Users) > 0 || len(p.Roles) > 0 || p.Everyone || p.Here {
		s.pings = append(s.pings, p)
		if keep := s.opts.History * pingsPerHistory; keep > 0 && len(s.pings) > keep+keep/4 {
			s.pings = append([]Ping(nil), s.pings[len(s.pings)-keep:]...)
		}
	}
}

// replied is the message that m replies to; nil when there is none any more. s.mu is held.
func (s *Server) replied(m *Message) *Message {
	if m.ReplyTo == "" {
		return nil
	}
	if c := s.channels[m.ReplyToIn]; c != nil {
		return c.message(m.ReplyTo)
	}
	return nil
}
