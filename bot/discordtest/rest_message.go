package discordtest

// messageRoutes are those of resources/message.mdx.
func (s *Server) messageRoutes(route router) {
	route("GET /channels/{channel}/messages", botToken, s.locked(s.restMessages))
	route("POST /channels/{channel}/messages", botToken, s.restCreateMessage)
	route("POST /channels/{channel}/messages/bulk-delete", botToken, s.restBulkDelete)
	route("GET /channels/{channel}/messages/{message}", botToken, s.locked(s.restMessage))
	route("PATCH /channels/{channel}/messages/{message}", botToken, s.restEditMessage)
	route("DELETE /channels/{channel}/messages/{message}", botToken, s.locked(func(c *call) (answer, error) {
		return noContent, s.deleteMessage(c.path("channel"), c.path("message"), s.bot.ID)
	}))
	route("PUT /channels/{channel}/messages/{message}/reactions/{emoji}/@me", botToken, s.locked(func(c *call) (answer, error) {
		return noContent, s.react(c.path("channel"), c.path("message"), s.bot.ID, c.path("emoji"))
	}))
	route("DELETE /channels/{channel}/messages/{message}/reactions/{emoji}/{user}", botToken, s.locked(s.restUnreact))
	route("GET /channels/{channel}/messages/{message}/reactions/{emoji}", botToken, s.locked(s.restReactions))
	route("POST /channels/{channel}/typing", botToken, s.locked(func(c *call) (answer, error) {
		return noContent, s.typing(c.path("channel"), s.bot.ID)
	}))
}

// rest is how REST shows messages to the application: content only with the MESSAGE_CONTENT intent switched
// on, whatever the gateway was asked for. Documentation: events/gateway.mdx, "HTTP Restrictions", "Message
// Content Intent".
func (s *Server) restView() view { return view{content: s.opts.Denied&IntentMessageContent == 0} }

// restMessages is Get Channel Messages: newest first, 1–100, 50 by default; without READ_MESSAGE_HISTORY none.
func (s *Server) restMessages(c *call) (answer, error) {
	ch := s.channels[c.path("channel")]
	if ch == nil {
		return answer{}, ErrUnknownChannel
	}
	p := s.permissions(ch, s.bot.ID)
	if !p.Has(ViewChannel) {
		return answer{}, ErrMissingAccess
	}
	var f form
	limit := c.query("limit", 50, 1, 100, &f)
	q := c.r.URL.Query()
	ids := make(map[string]string)
	for _, name := range []string{"around", "before", "after"} {
		if id := q.Get(name); id != "" {
			if _, ok := parseID(id); !ok {
				f.add(name, "NUMBER_TYPE_COERCE", "Value %q is not snowflake.", id)
			}
			ids[name] = id
		}
	}
	// "The before, after, and around parameters are mutually exclusive."
	if len(ids) > 1 {
		f.add("around", "BASE_TYPE_INVALID", "The before, after, and around parameters are mutually exclusive.")
	}
	if err := f.err(); err != nil {
		return answer{}, err
	}
	if !p.Has(ReadHistory) {
		return ok([]any{}), nil
	}
	log := make([]*Message, 0, len(ch.log))
	for _, m := range ch.log {
		if m.OnlyFor == "" {
			log = append(log, m)
		}
	}
	at := func(id string) int {
		n := 0
		for n < len(log) && compareIDs(log[n].ID, id) < 0 {
			n++
		}
		return n
	}
	lo, hi := max(0, len(log)-limit), len(log)
	switch {
	case ids["before"] != "":
		hi = at(ids["before"])
		lo = max(0, hi-limit)
	case ids["after"] != "":
		lo = at(ids["after"])
		if lo < len(log) && log[lo].ID == ids["after"] {
			lo++
		}
		hi = min(len(log), lo+limit)
	case ids["around"] != "":
		mid := at(ids["around"])
		lo = max(0, mid-limit/2)
		hi = min(len(log), lo+limit)
	}
	list := make([]*messageJSON, 0, hi-lo)
	for i := hi - 1; i >= lo; i-- {
		list = append(list, s.messageJSON(log[i], s.restView()))
	}
	return ok(list), nil
}

// restMessage is Get Channel Message.
func (s *Server) restMessage(c *call) (answer, error) {
	ch := s.channels[c.path("channel")]
	if ch == nil {
		return answer{}, ErrUnknownChannel
	}
	p := s.permissions(ch, s.bot.ID)
	if !p.Has(ViewChannel) {
		return answer{}, ErrMissingAccess
	}
	if !p.Has(ReadHistory) {
		return answer{}, ErrMissingPermissions
	}
	m := ch.message(c.path("message"))
	if m == nil || m.OnlyFor != "" {
		return answer{}, ErrUnknownMessage
	}
	return ok(s.messageJSON(m, s.restView())), nil
}

// restCreateMessage is Create Message.
func (s *Server) restCreateMessage(c *call) (answer, error) {
	var body messageBody
	files, err := c.parse(&body)
	if err != nil {
		return answer{}, err
	}
	var f form
	d := draftOf(&body, files, &f)
	if err := f.err(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.createMessage(c.path("channel"), s.bot, &d)
	if err != nil {
		return answer{}, err
	}
	return ok(s.messageJSON(m, s.restView())), nil
}

// restEditMessage is Edit Message.
func (s *Server) restEditMessage(c *call) (answer, error) {
	var body messageBody
	files, err := c.parse(&body)
	if err != nil {
		return answer{}, err
	}
	var f form
	p := patchOf(&body, files, &f)
	if err := f.err(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.editMessage(c.path("channel"), c.path("message"), s.bot.ID, p)
	if err != nil {
		return answer{}, err
	}
	return ok(s.messageJSON(m, s.restView())), nil
}

func (s *Server) restBulkDelete(c *call) (answer, error) {
	var body struct {
		Messages []string `json:"messages"`
	}
	if _, err := c.parse(&body); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return noContent, s.bulkDelete(c.path("channel"), s.bot.ID, body.Messages)
}

// restUnreact is Delete Own Reaction and, with MANAGE_MESSAGES, Delete User Reaction.
func (s *Server) restUnreact(c *call) (answer, error) {
	user := c.path("user")
	if user == "@me" {
		user = s.bot.ID
	}
	ch := s.channels[c.path("channel")]
	if user != s.bot.ID && ch != nil && !s.permissions(ch, s.bot.ID).Has(ManageMessages) {
		return answer{}, ErrMissingPermissions
	}
	return noContent, s.unreact(c.path("channel"), c.path("message"), user, c.path("emoji"))
}

// restReactions is Get Reactions.
func (s *Server) restReactions(c *call) (answer, error) {
	_, m, err := s.reactable(c.path("channel"), c.path("message"), s.bot.ID, c.path("emoji"))
	if err != nil {
		return answer{}, err
	}
	users := []*User{}
	for _, r := range m.Reactions {
		if r.Emoji == c.path("emoji") {
			for _, id := range r.Users {
				users = append(users, s.users[id])
			}
		}
	}
	return ok(users), nil
}
