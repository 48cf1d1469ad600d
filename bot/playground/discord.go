package playground

import (
	"context"
	"net/url"
	"strings"
	"time"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
)

// stamp is how times are written for the page.
const stamp = "2006-01-02T15:04:05.000Z07:00"

func at(t time.Time) string { return t.UTC().Format(stamp) }

// follow carries what happens in the local Discord to the hub until ctx ends. Where changes were missed every
// page is told to look anew.
func (s *Server) follow(ctx context.Context, events <-chan discordtest.Event) {
	for {
		for e := range events {
			s.carry(e)
		}
		if ctx.Err() != nil {
			return
		}
		// The subscription ended because this side was too slow, or because the local Discord closed.
		s.hub.skip()
		select {
		case <-ctx.Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
		events = s.discord.Subscribe(ctx)
	}
}

// carry publishes one event in the page's form.
func (s *Server) carry(e discordtest.Event) {
	switch e.Kind {
	case discordtest.MessageCreated, discordtest.MessageUpdated:
		s.hub.publish("message", s.message(e.Message))
	case discordtest.MessageDeleted:
		s.hub.publish("delete", map[string]string{"channel": e.Message.ChannelID, "message": e.Message.ID})
	case discordtest.TypingStarted:
		if e.User != nil {
			s.hub.publish("typing", map[string]string{"channel": e.ChannelID, "user": e.User.ID})
		}
	case discordtest.InteractionChanged:
		// Suggestions are waited for where they are asked for, and none are no failure.
		if i := e.Interaction; i != nil && i.Type != discordtest.AutocompleteInteraction {
			s.hub.publish("interaction", interactionView{ID: i.ID, User: i.UserID, State: string(i.State), Error: i.Error, Form: formOf(i.Response.Modal)})
		}
	case discordtest.ChannelChanged:
		if c, ok := channelOf(*e.Channel); ok {
			s.hub.publish("channel", c)
		}
	case discordtest.ChannelRemoved:
		s.hub.publish("channel_removed", map[string]string{"id": e.ChannelID})
	case discordtest.UserChanged, discordtest.MemberChanged:
		if e.User != nil {
			s.hub.publish("user", s.user(*e.User))
		}
	case discordtest.CommandsChanged:
		s.hub.publish("commands", struct{}{}) // which ones a person may run differs: pages ask
	case discordtest.GuildChanged, discordtest.Resync:
		s.hub.skip()
	}
}

// formOf is a form as the page shows it: its text inputs.
func formOf(m *discordtest.Modal) *formView {
	if m == nil {
		return nil
	}
	view := &formView{Title: m.Title, Inputs: []inputView{}}
	for _, row := range m.Components {
		inputs := row.Components
		label := ""
		if row.Component != nil {
			inputs, label = []discordtest.Component{*row.Component}, row.Label
		}
		for _, c := range inputs {
			if c.Type != discordtest.TextInput {
				continue
			}
			in := inputView{ID: c.CustomID, Label: c.Label, Long: c.Style == 2, Value: c.Value, Placeholder: c.Placeholder, Max: 4000, Required: c.Required == nil || *c.Required}
			if in.Label == "" {
				in.Label = label
			}
			if c.MinLength != nil {
				in.Min = *c.MinLength
			}
			if c.MaxLength != nil {
				in.Max = *c.MaxLength
			}
			view.Inputs = append(view.Inputs, in)
		}
	}
	return view
}

func (s *Server) snapshot() snapshot {
	view := snapshot{Position: s.hub.position(), Bot: s.discord.Bot().ID, Notices: s.options.Notices, Lab: s.options.Lab != nil}
	for _, g := range s.discord.Guilds() {
		view.Guilds = append(view.Guilds, guildView{ID: g.ID, Name: g.Name})
		for _, r := range s.discord.Roles(g.ID) {
			view.Roles = append(view.Roles, roleView{ID: r.ID, Name: r.Name})
		}
	}
	for _, c := range s.discord.Channels() {
		if c, ok := channelOf(c); ok {
			view.Channels = append(view.Channels, c)
		}
	}
	for _, u := range s.discord.Users() {
		view.Users = append(view.Users, s.user(u))
	}
	return view
}

// user gives the role a person has in any of the guilds; there is one in the playground.
func (s *Server) user(u discordtest.User) userView {
	view := userView{ID: u.ID, Name: u.DisplayName(), Bot: u.Bot}
	for _, g := range s.discord.Guilds() {
		if g.OwnerID == u.ID {
			view.Role = "Owner"
			break
		}
		if s.discord.IsAdmin(g.ID, u.ID) {
			view.Role = "Admin"
		}
	}
	return view
}

// channelOf leaves categories away.
func channelOf(c discordtest.Channel) (channelView, bool) {
	view := channelView{ID: c.ID, Guild: c.GuildID, Name: c.Name, Topic: c.Topic, Parent: c.ParentID, Position: c.Position}
	switch {
	case c.Kind == discordtest.TextChannel:
		view.Kind = "text"
	case c.Kind.IsThread():
		view.Kind = "thread"
	case c.Kind == discordtest.DirectMessage:
		view.Kind, view.People = "dm", c.People
	default:
		return view, false
	}
	return view, true
}

func (s *Server) message(m *discordtest.Message) messageView {
	view := messageView{
		ID: m.ID, Channel: m.ChannelID, Author: m.Author.ID, Content: m.Content, At: at(m.Created),
		Mentions: m.Mentions, Components: m.Components, OnlyFor: m.OnlyFor, Thread: m.ThreadID,
		Loading: m.Flags&discordtest.Loading != 0,
	}
	if !m.Edited.IsZero() {
		view.Edited = at(m.Edited)
	}
	if m.Kind == discordtest.ThreadCreated {
		view.System = "thread"
	}
	if m.ReplyTo != "" {
		view.Reply = s.quote(m)
	}
	if i := m.Interaction; i != nil && i.Name != "" {
		view.Command = &commandUse{Name: i.Name, User: i.UserID}
	}
	for _, r := range m.Reactions {
		view.Reactions = append(view.Reactions, reactionView(r))
	}
	shown := map[string]bool{} // attachments that an embed shows
	for _, e := range m.Embeds {
		e.Image, e.Thumbnail = ownPicture(m, e.Image, shown), ownPicture(m, e.Thumbnail, shown)
		view.Embeds = append(view.Embeds, e)
	}
	for _, a := range m.Attachments {
		if !shown[a.ID] {
			view.Attachments = append(view.Attachments, attachmentView{
				Name: a.Name, Type: a.ContentType, URL: fileURL(m, a), Size: a.Size, Width: a.Width, Height: a.Height, Description: a.Description,
			})
		}
	}
	return view
}

// quote is the message another one answers, as it is now.
func (s *Server) quote(m *discordtest.Message) *replyView {
	channel := m.ReplyToIn
	if channel == "" {
		channel = m.ChannelID
	}
	original, ok := s.discord.Message(channel, m.ReplyTo)
	if !ok {
		return &replyView{ID: m.ReplyTo, Gone: true}
	}
	return &replyView{
		ID: original.ID, Author: original.Author.ID, Content: original.Content,
		Other: len(original.Embeds)+len(original.Attachments) > 0,
	}
}

// ownPicture points an embed's picture at the page's own origin where it is an attachment of the message. Others
// lie on the network, where the page must not go, and are left away.
func ownPicture(m *discordtest.Message, media *discordtest.EmbedMedia, shown map[string]bool) *discordtest.EmbedMedia {
	if media == nil {
		return nil
	}
	name, attached := strings.CutPrefix(media.URL, "attachment://")
	for _, a := range m.Attachments {
		if attached && a.Name == name || a.URL == media.URL {
			shown[a.ID] = true
			return &discordtest.EmbedMedia{URL: fileURL(m, a), Width: a.Width, Height: a.Height}
		}
	}
	return nil
}

func fileURL(m *discordtest.Message, a discordtest.Attachment) string {
	return "api/file?" + url.Values{"channel": {m.ChannelID}, "message": {m.ID}, "id": {a.ID}}.Encode()
}

func traceOf(t chat.Trace) traceView {
	view := traceView{Layers: t.Layers, Experts: t.Experts, Tokens: make([]tokenView, len(t.Tokens))}
	for i, token := range t.Tokens {
		v := tokenView{Text: token.Text, Prob: token.Prob, Alternatives: []alternativeView{}, Experts: make([][]choiceView, len(token.Experts))}
		for _, a := range token.Alternatives {
			v.Alternatives = append(v.Alternatives, alternativeView(a))
		}
		for layer, choices := range token.Experts {
			v.Experts[layer] = make([]choiceView, len(choices))
			for j, c := range choices {
				v.Experts[layer][j] = choiceView{Expert: c.Expert, Gate: c.Weight}
			}
		}
		view.Tokens[i] = v
	}
	for _, d := range t.Drafts {
		view.Drafts = append(view.Drafts, draftView(d))
	}
	return view
}
