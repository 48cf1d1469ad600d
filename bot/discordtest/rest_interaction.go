package discordtest

import "encoding/json"

// interactionRoutes are those of interactions/receiving-and-responding.mdx, "Endpoints".
func (s *Server) interactionRoutes(route router) {
	route("POST /interactions/{interaction}/{token}/callback", interactionToken, s.restCallback)
	const base = "/webhooks/{application}/{token}"
	route("POST "+base, interactionToken, s.webhook(func(c *call, i *Interaction, ch *channel, body *messageBody, files []upload) (answer, error) {
		m, err := s.followUp(i, ch, body, files)
		return s.shown(m, err)
	}))
	route("GET "+base+"/messages/{message}", interactionToken, s.webhook(func(c *call, i *Interaction, ch *channel, _ *messageBody, _ []upload) (answer, error) {
		m, err := i.answerMessage(ch, c.path("message"))
		return s.shown(m, err)
	}))
	route("PATCH "+base+"/messages/{message}", interactionToken, s.webhook(func(c *call, i *Interaction, ch *channel, body *messageBody, files []upload) (answer, error) {
		m, err := s.editAnswer(i, ch, c.path("message"), body, files)
		return s.shown(m, err)
	}))
	route("DELETE "+base+"/messages/{message}", interactionToken, s.webhook(func(c *call, i *Interaction, ch *channel, _ *messageBody, _ []upload) (answer, error) {
		return noContent, s.deleteAnswer(i, ch, c.path("message"))
	}))
}

func (s *Server) shown(m *Message, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	return ok(s.messageJSON(m, view{content: true})), nil
}

// webhook reads a message body and finds the interaction of the token.
func (s *Server) webhook(h func(*call, *Interaction, *channel, *messageBody, []upload) (answer, error)) handler {
	return func(c *call) (answer, error) {
		var body messageBody
		files, err := c.parse(&body)
		if err != nil {
			return answer{}, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		i, ch, err := s.byToken(c.path("application"), c.path("token"))
		if err != nil {
			return answer{}, err
		}
		return h(c, i, ch, &body, files)
	}
}

// restCallback is Create Interaction Response: 204, or with ?with_response=true 200 and the message.
func (s *Server) restCallback(c *call) (answer, error) {
	var body callbackBody
	files, err := c.parse(&body)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.respond(c.path("interaction"), c.path("token"), &body, files)
	if err != nil {
		return answer{}, err
	}
	if c.r.URL.Query().Get("with_response") != "true" {
		return noContent, nil
	}
	// Documentation: "Interaction Callback Response Object".
	brief := map[string]any{"id": i.ID, "type": i.Type}
	resource := map[string]any{"type": body.Type}
	if m := s.channels[i.ChannelID].message(i.original); m != nil && (!i.updates || body.Type == UpdateCallback) {
		brief["response_message_id"] = i.original
		brief["response_message_loading"] = m.Flags&Loading != 0
		brief["response_message_ephemeral"] = m.OnlyFor != ""
		if body.Type == MessageCallback || body.Type == UpdateCallback {
			resource["message"] = encode(s.messageJSON(m, view{content: true}))
		}
	}
	return ok(map[string]any{"interaction": brief, "resource": json.RawMessage(encode(resource))}), nil
}
