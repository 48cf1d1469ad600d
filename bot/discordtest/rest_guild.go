package discordtest

import "slices"

// guildRoutes are those of resources/guild.mdx.
func (s *Server) guildRoutes(route router) {
	inGuild := func(h func(*call, *guild) (answer, error)) handler {
		return s.locked(func(c *call) (answer, error) {
			g := s.guilds[c.path("guild")]
			if g == nil {
				return answer{}, ErrUnknownGuild
			}
			if g.members[s.bot.ID] == nil {
				return answer{}, ErrMissingAccess
			}
			return h(c, g)
		})
	}
	route("GET /guilds/{guild}", botToken, inGuild(func(c *call, g *guild) (answer, error) {
		j := s.guildJSON(g)
		if c.r.URL.Query().Get("with_counts") == "true" {
			j["approximate_member_count"], j["approximate_presence_count"] = len(g.members), len(g.members)
		}
		return ok(j), nil
	}))
	route("GET /guilds/{guild}/channels", botToken, inGuild(func(_ *call, g *guild) (answer, error) {
		list := []*channelJSON{}
		for _, c := range g.channelList() {
			if !c.Kind.IsThread() {
				list = append(list, s.channelJSON(c))
			}
		}
		return ok(list), nil
	}))
	route("GET /guilds/{guild}/threads/active", botToken, inGuild(func(_ *call, g *guild) (answer, error) {
		list := slices.DeleteFunc(g.channelList(), func(c *channel) bool {
			return !c.Kind.IsThread() || c.Archived || !s.permissions(c, s.bot.ID).Has(ViewChannel)
		})
		return ok(s.threadList(list)), nil
	}))
	route("GET /guilds/{guild}/roles", botToken, inGuild(func(_ *call, g *guild) (answer, error) {
		return ok(g.roleList()), nil
	}))
	route("GET /guilds/{guild}/members/{user}", botToken, inGuild(func(c *call, g *guild) (answer, error) {
		m := g.members[c.path("user")]
		if m == nil {
			return answer{}, ErrUnknownMember
		}
		return ok(m.wire(true)), nil
	}))
	// List Guild Members: "This endpoint is restricted according to whether the GUILD_MEMBERS intent is enabled."
	route("GET /guilds/{guild}/members", botToken, inGuild(func(c *call, g *guild) (answer, error) {
		if s.opts.Denied&IntentGuildMembers != 0 {
			return answer{}, ErrMissingAccess
		}
		var f form
		limit := c.query("limit", 1, 1, 1000, &f)
		if err := f.err(); err != nil {
			return answer{}, err
		}
		list := []*memberJSON{}
		for _, m := range g.memberList() {
			if compareIDs(m.User.ID, c.r.URL.Query().Get("after")) > 0 && len(list) < limit {
				list = append(list, m.wire(true))
			}
		}
		return ok(list), nil
	}))
}
