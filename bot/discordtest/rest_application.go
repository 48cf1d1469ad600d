package discordtest

import (
	"net/http"
	"strings"
)

// userRoutes are those of resources/user.mdx and the gateway's address (events/gateway.mdx, "Get Gateway").
func (s *Server) userRoutes(route router) {
	route("GET /gateway", anybody, func(*call) (answer, error) {
		return ok(map[string]any{"url": s.GatewayURL()}), nil
	})
	route("GET /gateway/bot", botToken, func(*call) (answer, error) {
		url := s.GatewayURL()
		s.mu.Lock()
		defer s.mu.Unlock()
		return ok(map[string]any{"url": url, "shards": max(1, s.opts.Shards), "session_start_limit": map[string]any{
			"total": 1000, "remaining": max(0, 1000-s.identifies), "reset_after": 86400000, "max_concurrency": max(1, s.opts.MaxConcurrency)}}), nil
	})
	route("GET /users/{user}", botToken, s.locked(func(c *call) (answer, error) {
		id := c.path("user")
		if id == "@me" {
			id = s.bot.ID
		}
		u := s.users[id]
		if u == nil {
			return answer{}, ErrUnknownUser
		}
		return ok(u), nil
	}))
	route("GET /users/@me/guilds", botToken, s.locked(func(*call) (answer, error) {
		list := []any{}
		for _, g := range s.guildList() {
			if g.members[s.bot.ID] != nil {
				list = append(list, map[string]any{"id": g.ID, "name": g.Name, "icon": nil, "owner": false, "features": []string{},
					"permissions": g.basePermissions(s.bot.ID)})
			}
		}
		return ok(list), nil
	}))
	route("POST /users/@me/channels", botToken, func(c *call) (answer, error) {
		var body struct {
			Recipient string `json:"recipient_id"`
		}
		if _, err := c.parse(&body); err != nil {
			return answer{}, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		dm, err := s.openDM(body.Recipient)
		if err != nil {
			return answer{}, err
		}
		return ok(s.channelJSON(dm)), nil
	})
}

// applicationRoutes are those of resources/application.mdx and interactions/application-commands.mdx.
func (s *Server) applicationRoutes(route router) {
	application := s.locked(func(*call) (answer, error) {
		return ok(map[string]any{"id": s.bot.ID, "name": s.bot.Name, "icon": nil, "description": "", "bot_public": true,
			"bot_require_code_grant": false, "verify_key": strings.Repeat("0", 64), "flags": s.applicationFlags(),
			"bot": s.bot, "owner": s.bot, "team": nil, "approximate_guild_count": len(s.guilds)}), nil
	})
	route("GET /applications/@me", botToken, application)
	route("GET /oauth2/applications/@me", botToken, application)
	const global, inGuild = "/applications/{application}/commands", "/applications/{application}/guilds/{guild}/commands"
	for _, base := range []string{global, inGuild} {
		route("GET "+base, botToken, s.mine(func(c *call) (answer, error) {
			sc, err := s.scope(c.path("guild"))
			if err != nil {
				return answer{}, err
			}
			return ok(sc.list()), nil
		}))
		route("POST "+base, botToken, s.mine(func(c *call) (answer, error) {
			var cmd Command
			if err := parseJSON(c.body, &cmd); err != nil {
				return answer{}, err
			}
			cmd, fresh, err := s.createCommand(c.path("guild"), cmd)
			if err != nil {
				return answer{}, err
			}
			if fresh {
				return answer{http.StatusCreated, cmd}, nil
			}
			return ok(cmd), nil
		}))
		route("PUT "+base, botToken, s.mine(func(c *call) (answer, error) {
			var list []Command
			if err := parseJSON(c.body, &list); err != nil {
				return answer{}, err
			}
			list, err := s.overwriteCommands(c.path("guild"), list)
			if err != nil {
				return answer{}, err
			}
			return ok(list), nil
		}))
		route("GET "+base+"/{command}", botToken, s.mine(func(c *call) (answer, error) {
			sc, err := s.scope(c.path("guild"))
			if err != nil {
				return answer{}, err
			}
			cmd := sc.commands[c.path("command")]
			if cmd == nil {
				return answer{}, ErrUnknownCommand
			}
			return ok(cmd), nil
		}))
		route("PATCH "+base+"/{command}", botToken, s.mine(func(c *call) (answer, error) {
			cmd, err := s.changeCommand(c.path("guild"), c.path("command"), c.body)
			if err != nil {
				return answer{}, err
			}
			return ok(cmd), nil
		}))
		route("DELETE "+base+"/{command}", botToken, s.mine(func(c *call) (answer, error) {
			return noContent, s.deleteCommand(c.path("guild"), c.path("command"))
		}))
	}
}

// mine is locked for routes of the application's own only.
func (s *Server) mine(h handler) handler {
	return s.locked(func(c *call) (answer, error) {
		if c.path("application") != s.bot.ID {
			return answer{}, ErrUnknownApplication
		}
		return h(c)
	})
}

// applicationFlags tell which privileged intents are switched on. Documentation: resources/application.mdx,
// "Application Flags": the _LIMITED ones of applications that are not verified.
func (s *Server) applicationFlags() int {
	flags := 0
	for intent, flag := range map[Intents]int{IntentGuildPresences: 1 << 13, IntentGuildMembers: 1 << 15, IntentMessageContent: 1 << 19} {
		if s.opts.Denied&intent == 0 {
			flags |= flag
		}
	}
	return flags
}
