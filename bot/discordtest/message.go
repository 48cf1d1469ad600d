package discordtest

import (
	"slices"
	"time"
)

// MessageKind is Discord's message type. Documentation: resources/message.mdx, "Message Types".
type MessageKind int

// The kinds of message that exist here.
const (
	OrdinaryMessage  MessageKind = 0
	ThreadCreated    MessageKind = 18 // the channel's note about a thread that hangs on no message
	Reply            MessageKind = 19
	SlashCommand     MessageKind = 20 // the answer to one
	ThreadStarter    MessageKind = 21
	ContextMenuReply MessageKind = 23
)

// MessageFlags are Discord's. Documentation: resources/message.mdx, "Message Flags".
type MessageFlags int

// The flags that mean something here.
const (
	SuppressEmbeds        MessageFlags = 1 << 2
	HasThread             MessageFlags = 1 << 5
	Ephemeral             MessageFlags = 1 << 6
	Loading               MessageFlags = 1 << 7 // "… is thinking"
	SuppressNotifications MessageFlags = 1 << 12
	ComponentsV2          MessageFlags = 1 << 15
)

// Message is one message as it is now. Documentation: resources/message.mdx, "Message Object".
type Message struct {
	ID, ChannelID, GuildID string
	Kind                   MessageKind
	Author                 User
	Content                string
	Created                time.Time
	Edited                 time.Time // zero: never
	Flags                  MessageFlags
	TTS, Pinned            bool
	Nonce                  string

	// Whom the text names. A name in the text does not mean a notification: see Pings.
	Mentions        []string // user ids
	MentionRoles    []string // role ids
	MentionEveryone bool     // @everyone or @here that was allowed to be one

	Attachments []Attachment
	Embeds      []Embed
	Components  []Component
	Reactions   []Reaction

	ReplyTo     string              // the id of the message replied to, or of the starter of a thread
	ReplyToIn   string              // the channel of that message
	Interaction *InteractionSummary // for answers to an interaction
	OnlyFor     string              // the one user who sees it, for ephemeral answers
	ThreadID    string              // the thread that hangs on it, which has the same id
	Edits       int                 // times it was edited

	replyPing bool // the author of ReplyTo is pinged
	webhook   bool // made through an interaction's token
}

// InteractionSummary is what a message remembers of the interaction it answers.
type InteractionSummary struct {
	ID, UserID string
	Type       InteractionType
	Name       string // of the command; empty for components and modals
	TargetID   string // the message a component sits on, or a context menu was opened on
}

// Attachment is a file of a message; its URL is served by the fake's CDN, which the transport reaches by the
// host cdn.discordapp.com. Documentation: resources/message.mdx, "Attachment Object".
type Attachment struct {
	ID          string `json:"id"`
	Name        string `json:"filename"`
	Description string `json:"description,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Size        int    `json:"size"` // bytes
	URL         string `json:"url"`
	ProxyURL    string `json:"proxy_url"`
	Width       int    `json:"width,omitempty"` // pixels, of pictures
	Height      int    `json:"height,omitempty"`
	Ephemeral   bool   `json:"ephemeral,omitempty"`

	data []byte
}

// Bytes returns the file. The slice is shared and must not be changed.
func (a Attachment) Bytes() []byte { return a.data }

// Reaction is one emoji under a message with those who chose it.
type Reaction struct {
	Emoji string   // a Unicode emoji, or name:id
	Users []string // ids, in the order they came
}

// SendOption adds something to a message sent by Send.
type SendOption func(*draft)

// ReplyTo makes the message a reply. The author of the other message is pinged unless NoReplyPing is given too.
func ReplyTo(messageID string) SendOption {
	return func(d *draft) { d.replyTo = messageID }
}

// NoReplyPing is the switched-off @ beside a reply in Discord's client.
func NoReplyPing() SendOption { return func(d *draft) { d.noReplyPing = true } }

// Silent is a message that begins with @silent: no notification.
func Silent() SendOption { return func(d *draft) { d.flags |= SuppressNotifications } }

// Attach adds a file. The data is not copied.
func Attach(name string, data []byte) SendOption {
	return func(d *draft) { d.files = append(d.files, upload{name: name, data: data}) }
}

// WithNonce sets the nonce a client sends to recognise its own message.
func WithNonce(nonce string) SendOption { return func(d *draft) { d.nonce = nonce } }

// WithEmbeds adds embeds, as another bot would; people cannot.
func WithEmbeds(embeds ...Embed) SendOption {
	return func(d *draft) { d.embeds = append(d.embeds, embeds...) }
}

// Send writes a message as a user: checked like a request of Discord's client, with permissions, slow mode
// and limits, but without rate limits. The error is an *Error.
func (s *Server) Send(channelID, userID, content string, opts ...SendOption) (Message, error) {
	d := draft{content: content}
	for _, o := range opts {
		o(&d)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[userID]
	if u == nil {
		return Message{}, ErrUnknownUser
	}
	m, err := s.createMessage(channelID, u, &d)
	if err != nil {
		return Message{}, err
	}
	return *m, nil
}

// Edit changes the text of a user's own message. The error is an *Error.
func (s *Server) Edit(channelID, messageID, userID, content string) (Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.editMessage(channelID, messageID, userID, &patch{content: &content})
	if err != nil {
		return Message{}, err
	}
	return *m, nil
}

// Delete deletes a message as a user, who is its author or may manage messages. The error is an *Error.
func (s *Server) Delete(channelID, messageID, userID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deleteMessage(channelID, messageID, userID)
}

// Typing shows for ten seconds that a user is writing. The error is an *Error.
func (s *Server) Typing(channelID, userID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.typing(channelID, userID)
}

// Messages returns what is in a channel, oldest first, ephemeral answers included (see Message.OnlyFor); nil
// for an unknown channel.
func (s *Server) Messages(channelID string) []Message {
	return s.MessagesBefore(channelID, "", 0)
}

// MessagesBefore returns the newest limit messages that are older than the message before, oldest first. An
// empty before means the end, a limit of 0 all.
func (s *Server) MessagesBefore(channelID, before string, limit int) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channelID]
	if c == nil {
		return nil
	}
	log := c.log
	if before != "" {
		log = log[:c.search(before)]
	}
	if limit > 0 && len(log) > limit {
		log = log[len(log)-limit:]
	}
	list := make([]Message, len(log))
	for i, m := range log {
		list[i] = *m
	}
	return list
}

// Message finds one message.
func (s *Server) Message(channelID, messageID string) (Message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[channelID]; c != nil {
		if m := c.message(messageID); m != nil {
			return *m, true
		}
	}
	return Message{}, false
}

// search is the index of the first message of the log that is not older than id.
func (c *channel) search(id string) int {
	i, _ := slices.BinarySearchFunc(c.log, id, func(m *Message, id string) int { return compareIDs(m.ID, id) })
	return i
}

// message finds a message, ephemeral ones included; nil when there is none.
func (c *channel) message(id string) *Message {
	if i := c.search(id); i < len(c.log) && c.log[i].ID == id {
		return c.log[i]
	}
	return nil
}
