package playground

import "moebot/bot/discordtest"

// The page's view of the local Discord. Ids are snowflakes in decimal, times are RFC 3339 with milliseconds.

type guildView struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type userView struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Bot  bool   `json:"bot"`
	// Role is "Owner", "Admin" or empty for an ordinary member.
	Role string `json:"role,omitempty"`
}

type roleView struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type channelView struct {
	ID       string   `json:"id"`
	Guild    string   `json:"guild,omitempty"`
	Kind     string   `json:"kind"` // "text", "thread" or "dm"
	Name     string   `json:"name"`
	Topic    string   `json:"topic,omitempty"`
	Parent   string   `json:"parent,omitempty"`
	Position int      `json:"position"`
	People   []string `json:"people,omitempty"` // the two people of a direct message
}

type messageView struct {
	ID          string                  `json:"id"`
	Channel     string                  `json:"channel"`
	Author      string                  `json:"author"`
	Content     string                  `json:"content"`
	At          string                  `json:"at"`
	Edited      string                  `json:"edited,omitempty"`
	Mentions    []string                `json:"mentions,omitempty"`
	Reply       *replyView              `json:"reply,omitempty"`
	Command     *commandUse             `json:"command,omitempty"`
	Attachments []attachmentView        `json:"attachments,omitempty"`
	Embeds      []discordtest.Embed     `json:"embeds,omitempty"`
	Components  []discordtest.Component `json:"components,omitempty"`
	Reactions   []reactionView          `json:"reactions,omitempty"`
	Thread      string                  `json:"thread,omitempty"` // the thread that hangs on it
	// System marks a note of Discord's own in place of text: "thread" for a thread that was started.
	System string `json:"system,omitempty"`
	// OnlyFor is the one person who sees an ephemeral message; empty for the others.
	OnlyFor string `json:"only_for,omitempty"`
	// Loading marks the answer to an interaction that was acknowledged and has no content yet.
	Loading bool `json:"loading,omitempty"`
}

// replyView quotes the message that another one answers.
type replyView struct {
	ID      string `json:"id"`
	Author  string `json:"author,omitempty"`
	Content string `json:"content,omitempty"`
	Other   bool   `json:"other,omitempty"` // it holds embeds or files
	Gone    bool   `json:"gone,omitempty"`  // it was deleted
}

type reactionView struct {
	Emoji string   `json:"emoji"`
	Users []string `json:"users"`
}

// commandUse names the command a message is the result of, and who ran it.
type commandUse struct {
	Name string `json:"name"`
	User string `json:"user"`
}

type attachmentView struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	URL         string `json:"url"` // on the page's own origin
	Size        int    `json:"size"`
	Width       int    `json:"width,omitempty"`
	Height      int    `json:"height,omitempty"`
	Description string `json:"description,omitempty"`
}

// traceView is how the tokens of a reply came about; without tokens nothing is known of it.
type traceView struct {
	Layers  int         `json:"layers"`
	Experts int         `json:"experts"`
	Tokens  []tokenView `json:"tokens"`
	Drafts  []draftView `json:"drafts,omitempty"` // that it was chosen from, itself first
}

type draftView struct {
	Text  string  `json:"text"`
	Score float64 `json:"score"`
}

type tokenView struct {
	Text         string            `json:"text"`
	Prob         float64           `json:"prob"`
	Alternatives []alternativeView `json:"alternatives"`
	Experts      [][]choiceView    `json:"experts"` // for each layer, the heaviest first
}

type alternativeView struct {
	Text string  `json:"text"`
	Prob float64 `json:"prob"`
}

type choiceView struct {
	Expert int     `json:"expert"`
	Gate   float64 `json:"gate"`
}

// interactionView is the fate of a command or a press of a button.
type interactionView struct {
	ID    string    `json:"id"`
	User  string    `json:"user"`
	State string    `json:"state"` // "sent", "acknowledged", "answered" or "failed"
	Error string    `json:"error,omitempty"`
	Form  *formView `json:"form,omitempty"` // that the bot opened in answer
}

// formView is a form for the person who began an interaction.
type formView struct {
	Title  string      `json:"title"`
	Inputs []inputView `json:"inputs"`
}

type inputView struct {
	ID          string `json:"id"`
	Label       string `json:"label"`
	Long        bool   `json:"long,omitempty"` // of several lines
	Value       string `json:"value,omitempty"`
	Placeholder string `json:"placeholder,omitempty"`
	Min         int    `json:"min,omitempty"` // characters
	Max         int    `json:"max"`
	Required    bool   `json:"required,omitempty"`
}

// snapshot is everything the page needs to begin. Position is where its stream of events has to go on.
type snapshot struct {
	Position string        `json:"position"`
	Bot      string        `json:"bot"`
	Guilds   []guildView   `json:"guilds"`
	Channels []channelView `json:"channels"`
	Users    []userView    `json:"users"`
	Roles    []roleView    `json:"roles"`
	Notices  []Notice      `json:"notices"`
	Lab      bool          `json:"lab"` // the model can be looked into
}
