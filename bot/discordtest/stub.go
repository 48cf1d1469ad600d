package discordtest

import (
	"net/http"
	"time"
)

type (
	dailyCount       struct{}
	sentNonce        struct{}
	interactionState struct {
		state   InteractionState
		changed chan struct{}
	}
	session struct{ conn *struct{} }
	frame   struct {
		Op   int
		Data any
	}
	event struct {
		guildID string
		intents Intents
		name    string
		data    any
	}
	Intents int
	draft   struct {
		content, replyTo, nonce string
		noReplyPing             bool
		flags                   MessageFlags
		files                   []upload
		embeds                  []Embed
	}
	upload struct {
		name string
		data []byte
	}
	patch       struct{ content *string }
	threadDraft struct {
		name string
		kind ChannelKind
	}
)

const (
	IntentGuildMembers   Intents = 1 << 1
	IntentGuildPresences Intents = 1 << 8
	IntentMessageContent Intents = 1 << 15

	intentGuildMembers = IntentGuildMembers
	opReconnect        = 7
	opInvalidSession   = 9
)

func (s *Server) handler() http.Handler                                    { return nil }
func (x *session) send(frame, bool)                                        {}
func (x *session) invalidate()                                             {}
func (x *session) drop()                                                   {}
func (x *session) close(int, string)                                       {}
func closeReason(int) string                                               { return "" }
func (s *Server) dispatch(event)                                           {}
func (s *Server) dispatchGuildCreate(*guild)                               {}
func (s *Server) dispatchRole(*guild, string, *Role)                       {}
func (s *Server) dispatchMember(*guild, string, *Member)                   {}
func (s *Server) dispatchChannel(string, *channel)                         {}
func (i *Interaction) response() Response                                  { return Response{} }
func (s *Server) commandList(string) []Command                             { return nil }
func (s *Server) mayUse(*Command, *channel, string) bool                   { return true }
func (s *Server) react(channelID, messageID, userID, emoji string) error   { return nil }
func (s *Server) unreact(channelID, messageID, userID, emoji string) error { return nil }
func (s *Server) joinThread(*channel, string) error                        { return nil }
func (s *Server) createThread(c, u, m string, d threadDraft) (*channel, error) {
	return nil, ErrNotFound
}
func (s *Server) createMessage(string, *User, *draft) (*Message, error)  { return nil, ErrNotFound }
func (s *Server) editMessage(c, m, u string, p *patch) (*Message, error) { return nil, ErrNotFound }
func (s *Server) deleteMessage(c, m, u string) error                     { return ErrNotFound }
func (s *Server) typing(c, u string) error                               { return nil }
func (s *Server) startCommand(c, u, n, f string, o []Option) (*Interaction, error) {
	return nil, ErrNotFound
}
func (s *Server) startMenu(c, u, n, t string) (*Interaction, error) { return nil, ErrNotFound }
func (s *Server) startClick(c, m, u, id string, v []string) (*Interaction, error) {
	return nil, ErrNotFound
}
func (s *Server) startModal(i *Interaction, v map[string]string) (*Interaction, error) {
	return nil, ErrNotFound
}
func textLength(s string) int            { return len(s) }
func contains(l []string, s string) bool { return false }

var _ = time.Now
