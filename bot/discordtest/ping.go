package discordtest

import "slices"

// Ping is a notification a message caused, or would have were Discord real. Discord's documentation:
// resources/message.mdx, "Allowed Mentions Object".
type Ping struct {
	MessageID string
	ChannelID string
	AuthorID  string
	// Users are the people named, or replied to, who were notified by name.
	Users []string
	// Roles are the roles pinged.
	Roles []string
	// Everyone is @everyone, Here @here.
	Everyone, Here bool
	// Reached is everybody who was notified by any of these: they can see the channel and are not the author.
	Reached []string
	// Silent says that SUPPRESS_NOTIFICATIONS kept it from making a sound.
	Silent bool
}

// pingsPerHistory times Options.History is how many pings are kept, of all channels.
const pingsPerHistory = 128

// Pings records, oldest first, every message, of the bot and of people, that notified anybody by a mention.
// Edits never notify.
func (s *Server) Pings() []Ping {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.pings)
}

// BotPings are the Pings of the application's bot only.
func (s *Server) BotPings() []Ping {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Ping
	for _, p := range s.pings {
		if p.AuthorID == s.bot.ID {
			list = append(list, p)
		}
	}
	return list
}
