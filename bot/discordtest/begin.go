package discordtest

import (
	"cmp"
	"slices"
	"strings"
)

// begin sends an interaction to the bot and starts its clocks. s.mu is held. message is what a component
// sits on. Documentation: interactions/receiving-and-responding.mdx, "Interaction Structure".
func (s *Server) begin(i *Interaction, c *channel, data map[string]any, message *Message) {
	s.interactions[i.ID], s.tokens[i.token] = i, i
	app := s.permissions(c, s.bot.ID)
	user := s.permissions(c, i.UserID)
	channel := s.channelJSON(c)
	channel.Permissions = &user
	j := map[string]any{
		"id": i.ID, "application_id": s.bot.ID, "type": i.Type, "data": data, "channel": channel, "channel_id": c.ID,
		"token": i.token, "version": 1, "app_permissions": app, "locale": cmp.Or(s.locales[i.UserID], s.opts.Locale, "en-US"), "entitlements": []any{},
		"authorizing_integration_owners": s.owners(c.GuildID), "context": 1, "attachment_size_limit": maxFile,
	}
	if g := s.guilds[c.GuildID]; g != nil {
		member := s.memberWith(g, i.UserID, c)
		member.User = s.users[i.UserID]
		j["member"], j["guild_id"], j["guild_locale"], j["context"] = member, g.ID, "en-US", 0
		j["guild"] = map[string]any{"id": g.ID, "locale": "en-US", "features": []string{}}
	} else {
		j["user"] = s.users[i.UserID]
	}
	if message != nil {
		j["message"] = s.messageJSON(message, view{content: true})
	}
	// Interactions need no intent.
	s.dispatch(event{guildID: c.GuildID, name: "INTERACTION_CREATE", data: j})
	s.after(ackDeadline, func() {
		if i.ack == 0 {
			// "If the 3 second deadline is exceeded, the token will be invalidated."
			delete(s.tokens, i.token)
			i.fail("The application did not respond")
		}
	})
	s.after(tokenLife, func() {
		delete(s.tokens, i.token)
		delete(s.interactions, i.ID)
		s.unstore(i.files)
		if i.state == InteractionDeferred {
			i.fail("The application did not respond")
		}
	})
	s.publishInteraction(i)
}

func (i *Interaction) summary() *InteractionSummary {
	sum := i.summaryOf
	return &sum
}

func (i *Interaction) fail(why string) {
	i.failure = why
	i.to(InteractionFailed)
}

// to notes a new state, or a change without one, and wakes those who wait. s.mu is held.
func (i *Interaction) to(state InteractionState) {
	i.state = state
	close(i.changed)
	i.changed = make(chan struct{})
	i.server.publishInteraction(i)
}

func (s *Server) publishInteraction(i *Interaction) {
	s.publish(Event{Kind: InteractionChanged, GuildID: i.GuildID, ChannelID: i.ChannelID, Interaction: &InteractionInfo{
		ID: i.ID, ChannelID: i.ChannelID, UserID: i.UserID, Type: i.Type, Name: i.summaryOf.Name, State: i.state,
		Error: i.failure, Response: i.response()}})
}

// response is what there is to see. s.mu is held.
func (i *Interaction) response() Response {
	r := Response{Type: i.ack, Ephemeral: i.ephemeral, Modal: i.modal, Choices: i.choices, Acknowledged: i.took}
	c := i.server.channels[i.ChannelID]
	if c == nil {
		return r
	}
	if m := c.message(i.original); m != nil {
		seen := *m
		r.Message = &seen
	}
	for _, id := range i.followups {
		if m := c.message(id); m != nil {
			r.Followups = append(r.Followups, *m)
		}
	}
	return r
}

// startClick presses a button or chooses in a select. Documentation: "Message Component Data Structure".
func (s *Server) startClick(channelID, messageID, userID, customID string, values []string) (*Interaction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.reach(channelID, userID)
	if err != nil {
		return nil, err
	}
	m := c.message(messageID)
	if m == nil || m.OnlyFor != "" && m.OnlyFor != userID {
		return nil, ErrUnknownMessage
	}
	var f form
	x := findComponent(m.Components, customID)
	switch {
	case x == nil || m.Author.ID != s.bot.ID:
		f.add("data.custom_id", "COMPONENT_NOT_FOUND", "There is no such component")
	case x.Disabled:
		f.add("data.custom_id", "COMPONENT_DISABLED", "The component is disabled")
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	i := s.newInteraction(ComponentInteraction, c, userID, customID)
	i.summaryOf.Name, i.summaryOf.TargetID = "", m.ID
	i.original = "" // set when the answer updates the message
	data := map[string]any{"custom_id": customID, "component_type": x.Type, "id": x.ID}
	if x.Type.IsSelect() {
		in := invoker{s: s, c: c, i: i}
		in.selection(x, values)
		if err := in.f.err(); err != nil {
			return nil, err
		}
		data["values"] = orEmpty(values)
		if in.any {
			data["resolved"] = in.found
		}
	}
	s.begin(i, c, data, m)
	return i, nil
}

// selection checks the values chosen in a select. Documentation: components/reference.mdx, "String Select".
func (in *invoker) selection(x *Component, values []string) {
	lo, hi := 1, 1
	if x.MinValues != nil {
		lo = *x.MinValues
	}
	if x.MaxValues != nil {
		hi = *x.MaxValues
	}
	if len(values) < lo || len(values) > hi {
		in.f.add("data.values", "BASE_TYPE_BAD_LENGTH", "Must be between %d and %d in length.", lo, hi)
	}
	for n, v := range values {
		ok := false
		switch x.Type {
		case StringSelect:
			ok = slices.ContainsFunc(x.Options, func(o SelectOption) bool { return o.Value == v })
		case UserSelect:
			ok = in.user(v)
		case RoleSelect:
			ok = in.role(v)
		case MentionableSelect:
			ok = in.user(v) || in.role(v)
		case ChannelSelect:
			ok = in.resolve(&CommandOption{Type: ChannelOption, ChannelTypes: x.ChannelTypes}, v)
		}
		if !ok {
			in.f.add("data.values."+itoa(n), "BASE_TYPE_CHOICES", "Not one of the values: %s", v)
		}
	}
}

// startModal sends a form. Documentation: "Modal Submit Data Structure".
func (s *Server) startModal(from *Interaction, values map[string]string) (*Interaction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from.modal == nil {
		return nil, ErrUnknownInteraction
	}
	c, err := s.reach(from.ChannelID, from.UserID)
	if err != nil {
		return nil, err
	}
	var f form
	i := s.newInteraction(ModalInteraction, c, from.UserID, from.modal.CustomID)
	in := invoker{s: s, c: c, i: i}
	components := []any{}
	for n := range from.modal.Components {
		x := &from.modal.Components[n]
		at := "data.components." + itoa(n)
		switch {
		case x.Type == ActionRow && len(x.Components) == 1:
			components = append(components, map[string]any{"type": ActionRow, "id": x.ID,
				"components": []any{in.field(&x.Components[0], values, at, &f)}})
		case x.Type == Label && x.Component != nil:
			components = append(components, map[string]any{"type": Label, "id": x.ID,
				"component": in.field(x.Component, values, at, &f)})
		default:
			components = append(components, map[string]any{"type": x.Type, "id": x.ID})
		}
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	if err := in.f.err(); err != nil {
		return nil, err
	}
	i.summaryOf.Name = ""
	data := map[string]any{"custom_id": from.modal.CustomID, "components": components}
	if in.any {
		data["resolved"] = in.found
	}
	var m *Message
	if from.Type == ComponentInteraction {
		m = c.message(from.summaryOf.TargetID)
		i.summaryOf.TargetID = from.summaryOf.TargetID
	}
	s.begin(i, c, data, m)
	return i, nil
}

// field is the value of one input of a form. Several values of a select are separated by commas.
func (in *invoker) field(x *Component, values map[string]string, path string, f *form) map[string]any {
	given, ok := values[x.CustomID]
	if x.Type.IsSelect() {
		list := []string{}
		if given != "" {
			list = strings.Split(given, ",")
		}
		in.selection(x, list)
		return map[string]any{"type": x.Type, "id": x.ID, "custom_id": x.CustomID, "values": list}
	}
	if !ok {
		given = x.Value
	}
	// Documentation: components/reference.mdx, "Text Input": required by default, up to 4000 characters.
	lo, hi := 0, 4000
	if x.MinLength != nil {
		lo = *x.MinLength
	}
	if x.MaxLength != nil {
		hi = *x.MaxLength
	}
	required := x.Required == nil || *x.Required
	if required {
		lo = max(lo, 1)
	}
	if given != "" || required {
		f.length(path+"."+x.CustomID, given, lo, hi)
	}
	return map[string]any{"type": x.Type, "id": x.ID, "custom_id": x.CustomID, "value": given}
}
