package discordtest

import (
	"context"
	"errors"
	"time"
)

// InteractionType is Discord's. Documentation: interactions/receiving-and-responding.mdx, "Interaction Type".
type InteractionType int

// The kinds of interaction a person can start.
const (
	CommandInteraction      InteractionType = 2
	ComponentInteraction    InteractionType = 3
	AutocompleteInteraction InteractionType = 4
	ModalInteraction        InteractionType = 5
)

// CallbackType is how a bot answers. Documentation: interactions/receiving-and-responding.mdx,
// "Interaction Callback Type".
type CallbackType int

// The callback types.
const (
	PongCallback           CallbackType = 1
	MessageCallback        CallbackType = 4
	DeferredCallback       CallbackType = 5 // "… is thinking"
	DeferredUpdateCallback CallbackType = 6
	UpdateCallback         CallbackType = 7
	ChoicesCallback        CallbackType = 8
	ModalCallback          CallbackType = 9
)

// InteractionState is how far an interaction has come.
type InteractionState string

// The states of an interaction, in the order they are passed.
const (
	InteractionSent     InteractionState = "sent"     // the bot has 3 s
	InteractionDeferred InteractionState = "deferred" // the person sees that the bot thinks
	InteractionAnswered InteractionState = "answered"
	InteractionFailed   InteractionState = "failed" // not acknowledged in time
)

// ErrNoAnswer is what a person sees as "The application did not respond": no acknowledgement within 3 s, or
// none that showed anything until the token ended after 15 min.
var ErrNoAnswer = errors.New("the application did not respond")

// Interaction is a command, click, autocompletion or form that a person sent to the bot. Its methods are safe
// for concurrent use.
type Interaction struct {
	ID        string
	Type      InteractionType
	ChannelID string
	GuildID   string // empty in direct messages
	UserID    string
	Name      string // of the command, or the custom id
	Created   time.Time

	server *Server
	interactionState
}

// Response is what a person sees of the bot's answer.
type Response struct {
	Type      CallbackType
	Ephemeral bool
	// Message is the answer as it is now; for a click whose answer changes the message, that message. Nil for
	// modals, choices, and when it was deleted.
	Message   *Message
	Followups []Message
	Modal     *Modal
	Choices   []Choice
	// Acknowledged is how long the first answer took.
	Acknowledged time.Duration
}

// Option is the value of a command's option: a string, bool, int, int64, float64 or json.Number; for users,
// channels and roles the id as a string; for a file an Upload. A sub-command or group has Options instead.
// It unmarshals from the shape that Discord gives interactions: {"name", "value"} or {"name", "options"}.
type Option struct {
	Name    string   `json:"name"`
	Value   any      `json:"value,omitempty"`
	Options []Option `json:"options,omitempty"`
}

// Upload is a file given as an option.
type Upload struct {
	Name string
	Data []byte
}

// Command runs a slash command as a user. A sub-command is named in name ("settings show") or by nested
// options. It checks what
// Discord's client checks (the command is registered there, the user may use it, required options, types,
// ranges, choices), and returns once the bot was told, or would have been were it connected. The error is an
// *Error.
func (s *Server) Command(channelID, userID, name string, options ...Option) (*Interaction, error) {
	return s.startCommand(channelID, userID, name, "", options)
}

// CommandOn runs a context menu command on the target: a message's id in the channel, or a user's id.
func (s *Server) CommandOn(channelID, userID, name, targetID string) (*Interaction, error) {
	return s.startMenu(channelID, userID, name, targetID)
}

// Autocomplete asks the bot for choices for the option focused, of which the user has typed its value in
// options so far. The answer's Choices have them.
func (s *Server) Autocomplete(channelID, userID, name, focused string, options ...Option) (*Interaction, error) {
	return s.startCommand(channelID, userID, name, focused, options)
}

// Click presses a button, or chooses values in a select, of a message as a user. The error is an *Error.
func (s *Server) Click(channelID, messageID, userID, customID string, values ...string) (*Interaction, error) {
	return s.startClick(channelID, messageID, userID, customID, values)
}

// Submit sends a form the bot opened in answer to i; values are keyed by the custom ids of its inputs. The
// error is an *Error.
func (s *Server) Submit(i *Interaction, values map[string]string) (*Interaction, error) {
	return s.startModal(i, values)
}

// Interaction finds one by id among those that are not older than 15 minutes.
func (s *Server) Interaction(id string) (*Interaction, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.interactions[id]
	return i, ok
}

// State is how far it has come.
func (i *Interaction) State() InteractionState {
	i.server.mu.Lock()
	defer i.server.mu.Unlock()
	return i.state
}

// Response is what there is to see now.
func (i *Interaction) Response() Response {
	i.server.mu.Lock()
	defer i.server.mu.Unlock()
	return i.response()
}

// Acknowledged waits for the bot's first answer, a deferral too. It returns ErrNoAnswer after 3 s without
// one, or the context's error.
func (i *Interaction) Acknowledged(ctx context.Context) (Response, error) {
	return i.await(ctx, func(s InteractionState) bool { return s != InteractionSent })
}

// Wait waits until there is something to see: a message (a deferred one counts once it is filled in), a
// modal, choices, or a click acknowledged in silence. It returns ErrNoAnswer or the context's error.
func (i *Interaction) Wait(ctx context.Context) (Response, error) {
	return i.await(ctx, func(s InteractionState) bool { return s == InteractionAnswered || s == InteractionFailed })
}

func (i *Interaction) await(ctx context.Context, done func(InteractionState) bool) (Response, error) {
	for {
		i.server.mu.Lock()
		state, changed, r := i.state, i.changed, i.response()
		i.server.mu.Unlock()
		if done(state) {
			if state == InteractionFailed {
				return r, ErrNoAnswer
			}
			return r, nil
		}
		select {
		case <-changed:
		case <-i.server.done:
			return r, ErrNoAnswer
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
}
