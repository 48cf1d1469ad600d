package discordtest

import (
	"encoding/json"
)

// callbackBody is the answer to an interaction. Documentation: interactions/receiving-and-responding.mdx,
// "Interaction Response Structure".
type callbackBody struct {
	Type CallbackType    `json:"type"`
	Data json.RawMessage `json:"data"`
}

// respond is the bot's first answer. s.mu is held. Documentation: "Interaction Callback", "Interaction
// Callback Type".
func (s *Server) respond(id, token string, b *callbackBody, files []upload) (*Interaction, error) {
	i := s.tokens[token]
	if i == nil || i.ID != id {
		return nil, ErrUnknownInteraction
	}
	if i.ack != 0 {
		return nil, ErrAlreadyAcknowledged
	}
	c := s.channels[i.ChannelID]
	if c == nil {
		return nil, ErrUnknownChannel
	}
	var f form
	complete := i.Type == AutocompleteInteraction
	onMessage := i.Type == ComponentInteraction || i.Type == ModalInteraction && i.summaryOf.TargetID != ""
	allowed := false
	switch b.Type {
	case MessageCallback, DeferredCallback:
		allowed = !complete
	case DeferredUpdateCallback, UpdateCallback:
		allowed = onMessage // "Only valid for component-based interactions"
	case ChoicesCallback:
		allowed = complete
	case ModalCallback:
		allowed = !complete && i.Type != ModalInteraction // "Not available for MODAL_SUBMIT and PING interactions"
	}
	if !allowed {
		f.add("type", "INTERACTION_CALLBACK_TYPE_INVALID", "Interaction callback type %d is not allowed for this interaction", b.Type)
		return nil, f.err()
	}
	state := InteractionAnswered
	switch b.Type {
	case MessageCallback, DeferredCallback:
		m, err := s.answer(i, c, b, files)
		if err != nil {
			return nil, err
		}
		i.original, i.ephemeral = m.ID, m.OnlyFor != ""
		if b.Type == DeferredCallback {
			state = InteractionDeferred
		}
	case DeferredUpdateCallback:
		i.original, i.updates = i.summaryOf.TargetID, true
	case UpdateCallback:
		var body messageBody
		if err := optionalJSON(b.Data, &body); err != nil {
			return nil, err
		}
		p := patchOf(&body, files, &f)
		if err := f.err(); err != nil {
			return nil, err
		}
		m := c.message(i.summaryOf.TargetID)
		if m == nil {
			return nil, ErrUnknownMessage
		}
		if _, err := s.applyPatch(c, m, p); err != nil {
			return nil, err
		}
		i.original, i.updates = m.ID, true
	case ChoicesCallback:
		var body struct {
			Choices []Choice `json:"choices"`
		}
		if err := optionalJSON(b.Data, &body); err != nil {
			return nil, err
		}
		checkChoices(body.Choices, i.optionOf, "data.choices", &f)
		if err := f.err(); err != nil {
			return nil, err
		}
		i.choices = orEmpty(body.Choices)
	case ModalCallback:
		var modal Modal
		if err := optionalJSON(b.Data, &modal); err != nil {
			return nil, err
		}
		checkModal(&modal, &f)
		if err := f.err(); err != nil {
			return nil, err
		}
		modal.Components = numberComponents(modal.Components)
		i.modal = &modal
	}
	i.ack, i.took = b.Type, s.clock.Now().Sub(i.Created)
	i.to(state)
	return i, nil
}

func optionalJSON(data json.RawMessage, v any) error {
	if len(data) == 0 {
		return nil
	}
	return parseJSON(data, v)
}

// answer makes the message of callback types 4 and 5.
func (s *Server) answer(i *Interaction, c *channel, b *callbackBody, files []upload) (*Message, error) {
	var body messageBody
	if err := optionalJSON(b.Data, &body); err != nil {
		return nil, err
	}
	if b.Type == DeferredCallback {
		// "the only valid message flag you may use is EPHEMERAL"
		flags := body.Flags.value
		if flags&^Ephemeral != 0 {
			var f form
			f.add("data.flags", "BASE_TYPE_INVALID", "Only EPHEMERAL is a valid flag of a deferred answer")
			return nil, f.err()
		}
		d := draft{flags: flags | Loading, interaction: i, kind: i.messageKind()}
		return s.insert(c, s.bot, s.permissions(c, s.bot.ID), &d), nil
	}
	return s.webhookMessage(i, c, &body, files)
}

// messageKind is the type of a message that answers an interaction.
func (i *Interaction) messageKind() MessageKind {
	switch {
	case i.Type == ComponentInteraction || i.Type == ModalInteraction && i.summaryOf.TargetID != "":
		return Reply
	case i.Type == CommandInteraction && i.summaryOf.TargetID != "":
		return ContextMenuReply
	}
	return SlashCommand
}

// webhookMessage checks and inserts a message made with an interaction's token. It needs none of the bot's
// permissions in the channel but EMBED_LINKS and ATTACH_FILES, which app_permissions tell (observed: the rest
// is not asked).
func (s *Server) webhookMessage(i *Interaction, c *channel, body *messageBody, files []upload) (*Message, error) {
	var f form
	d := draftOf(body, files, &f)
	d.replyTo = ""
	d.interaction, d.kind = i, i.messageKind()
	if d.kind == Reply {
		d.replyTo = i.summaryOf.TargetID
		d.noReplyPing = true
	}
	empty := d.check(&f)
	if err := f.err(); err != nil {
		return nil, err
	}
	if empty {
		return nil, ErrEmptyMessage
	}
	d.flags &= settable | Ephemeral
	p := s.permissions(c, s.bot.ID)
	if p.Has(ViewChannel) && (len(d.files) > 0 && !p.Has(AttachFiles)) {
		return nil, ErrMissingPermissions
	}
	return s.insert(c, s.bot, p, &d), nil
}

// byToken finds the interaction of a webhook request. s.mu is held.
func (s *Server) byToken(application, token string) (*Interaction, *channel, error) {
	i := s.tokens[token]
	if application != s.bot.ID {
		return nil, nil, ErrUnknownWebhook
	}
	if i == nil {
		return nil, nil, ErrWebhookToken
	}
	if i.ack == 0 {
		return nil, nil, ErrUnknownWebhook
	}
	c := s.channels[i.ChannelID]
	if c == nil {
		return nil, nil, ErrUnknownChannel
	}
	return i, c, nil
}

// followUp sends another message, or fills in a deferred answer. s.mu is held. Documentation: "Create Followup
// Message".
func (s *Server) followUp(i *Interaction, c *channel, body *messageBody, files []upload) (*Message, error) {
	// "When using this endpoint directly after responding with DEFERRED_CHANNEL_MESSAGE_WITH_SOURCE, this
	// endpoint will function as Edit Original Interaction Response."
	if i.state == InteractionDeferred && c.message(i.original) != nil {
		return s.editAnswer(i, c, i.original, body, files)
	}
	m, err := s.webhookMessage(i, c, body, files)
	if err != nil {
		return nil, err
	}
	i.followups = append(i.followups, m.ID)
	i.to(i.state)
	return m, nil
}

// answerMessage finds a message of an interaction: "@original" or a follow-up.
func (i *Interaction) answerMessage(c *channel, id string) (*Message, error) {
	if id == "@original" {
		id = i.original
	}
	known := id != "" && id == i.original
	for _, f := range i.followups {
		known = known || f == id
	}
	if m := c.message(id); known && m != nil {
		return m, nil
	}
	return nil, ErrUnknownMessage
}

// editAnswer edits the first answer or a follow-up. s.mu is held. Documentation: "Edit Original Interaction
// Response".
func (s *Server) editAnswer(i *Interaction, c *channel, id string, body *messageBody, files []upload) (*Message, error) {
	m, err := i.answerMessage(c, id)
	if err != nil {
		return nil, err
	}
	var f form
	p := patchOf(body, files, &f)
	if err := f.err(); err != nil {
		return nil, err
	}
	if m.Flags&Loading != 0 && p.allowed == nil {
		p.allowed = defaultMentions(true)
	}
	wasLoading := m.Flags&Loading != 0
	next, err := s.applyPatch(c, m, p)
	if err != nil {
		return nil, err
	}
	if wasLoading {
		// The first edit of a deferred answer is its first text, and notifies as a new message does (observed).
		s.recordPing(next, s.parseMentions(next.Content, c, s.permissions(c, s.bot.ID), p.allowed))
	}
	if i.state == InteractionDeferred && m.ID == i.original {
		i.to(InteractionAnswered)
	} else {
		i.to(i.state)
	}
	return next, nil
}

// deleteAnswer deletes the first answer or a follow-up. s.mu is held.
func (s *Server) deleteAnswer(i *Interaction, c *channel, id string) error {
	m, err := i.answerMessage(c, id)
	if err != nil {
		return err
	}
	s.remove(c, m)
	if m.OnlyFor == "" {
		s.dispatchDeleted(c, []string{m.ID}, false)
	}
	if i.state == InteractionDeferred {
		i.to(InteractionAnswered)
	} else {
		i.to(i.state)
	}
	return nil
}
