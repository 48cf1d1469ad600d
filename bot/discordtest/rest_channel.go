package discordtest

import (
	"net/http"
	"slices"
	"time"
)

// channelRoutes are those of resources/channel.mdx.
func (s *Server) channelRoutes(route router) {
	route("GET /channels/{channel}", botToken, s.locked(func(c *call) (answer, error) {
		ch, _, err := s.seen(c)
		if err != nil {
			return answer{}, err
		}
		return ok(s.channelJSON(ch)), nil
	}))
	route("PATCH /channels/{channel}", botToken, s.locked(s.restEditChannel))
	route("DELETE /channels/{channel}", botToken, s.locked(s.restDeleteChannel))
	route("POST /channels/{channel}/messages/{message}/threads", botToken, s.locked(s.restStartThread))
	route("POST /channels/{channel}/threads", botToken, s.locked(s.restStartThread))
	route("PUT /channels/{channel}/thread-members/{user}", botToken, s.locked(func(c *call) (answer, error) {
		return s.restThreadMember(c, SendInThreads, s.joinThread)
	}))
	route("DELETE /channels/{channel}/thread-members/{user}", botToken, s.locked(func(c *call) (answer, error) {
		return s.restThreadMember(c, ManageThreads, s.leaveThread)
	}))
	route("GET /channels/{channel}/thread-members", botToken, s.locked(func(c *call) (answer, error) {
		t, _, err := s.seen(c)
		if err != nil {
			return answer{}, err
		}
		if !t.Kind.IsThread() {
			return answer{}, ErrWrongChannelType
		}
		list := []threadMemberJSON{}
		for _, id := range t.People {
			list = append(list, threadMemberJSON{ID: t.ID, UserID: id, Joined: stamp(t.Created)})
		}
		return ok(list), nil
	}))
	route("GET /channels/{channel}/threads/archived/public", botToken, s.locked(func(c *call) (answer, error) {
		ch, _, err := s.seen(c)
		if err != nil {
			return answer{}, err
		}
		list := s.threadsOf(ch.ID)
		list = slices.DeleteFunc(list, func(t *channel) bool { return !t.Archived || t.Kind != PublicThread })
		return ok(s.threadList(list)), nil
	}))
}

// restThreadMember has the person of the request join or leave a thread, by change; the bot
// may do that for itself, and for others with a permission.
func (s *Server) restThreadMember(c *call, others Permissions, change func(t *channel, userID string) error) (answer, error) {
	t, p, err := s.seen(c)
	if err != nil {
		return answer{}, err
	}
	id := c.path("user")
	if id == "@me" {
		id = s.bot.ID
	} else if !p.Has(others) {
		return answer{}, ErrMissingPermissions
	}
	return noContent, change(t, id)
}

// seen finds the channel of a request that the bot can see.
func (s *Server) seen(c *call) (*channel, Permissions, error) {
	ch := s.channels[c.path("channel")]
	if ch == nil {
		return nil, 0, ErrUnknownChannel
	}
	p := s.permissions(ch, s.bot.ID)
	if !p.Has(ViewChannel) {
		return nil, 0, ErrMissingAccess
	}
	return ch, p, nil
}

// threadList is the answer of routes that list threads, with the bot's memberships.
func (s *Server) threadList(list []*channel) map[string]any {
	threads, members := []*channelJSON{}, []*threadMemberJSON{}
	for _, t := range list {
		j := s.channelJSON(t)
		threads = append(threads, j)
		if j.Member != nil {
			members = append(members, j.Member)
		}
	}
	return map[string]any{"threads": threads, "members": members, "has_more": false}
}

// restEditChannel is Modify Channel, for guild channels and threads. Documentation: resources/channel.mdx,
// "Modify Channel"; topics/threads.mdx, "Editing & Deleting Threads".
func (s *Server) restEditChannel(c *call) (answer, error) {
	ch, p, err := s.seen(c)
	if err != nil {
		return answer{}, err
	}
	if ch.Kind == DirectMessage {
		return answer{}, ErrWrongChannelType
	}
	var body struct {
		Name     opt[string] `json:"name"`
		Topic    opt[string] `json:"topic"`
		NSFW     opt[bool]   `json:"nsfw"`
		SlowMode opt[int]    `json:"rate_limit_per_user"`
		Position opt[int]    `json:"position"`
		Archived opt[bool]   `json:"archived"`
		Locked   opt[bool]   `json:"locked"`
		Archive  opt[int]    `json:"auto_archive_duration"`
	}
	if err := parseJSON(c.body, &body); err != nil {
		return answer{}, err
	}
	if ch.Kind.IsThread() {
		own := ch.OwnerID == s.bot.ID
		onlyOpens := body.Archived.given() && !body.Archived.value && !body.Name.given() && !body.Archive.given()
		switch {
		case (body.Locked.given() || body.SlowMode.given()) && !p.Has(ManageThreads),
			!own && !p.Has(ManageThreads) && !(onlyOpens && !ch.Locked && ch.has(s.bot.ID)):
			return answer{}, ErrMissingPermissions
		}
	} else if !p.Has(ManageChannels) {
		return answer{}, ErrMissingPermissions
	}
	var f form
	if body.Name.given() {
		f.length("name", body.Name.value, 1, 100)
	}
	f.length("topic", body.Topic.value, 0, 1024)
	if body.SlowMode.value < 0 || body.SlowMode.value > 21600 {
		f.add("rate_limit_per_user", "NUMBER_TYPE_MAX", "int value should be between 0 and 21600.")
	}
	if err := f.err(); err != nil {
		return answer{}, err
	}
	set(&ch.Name, body.Name)
	set(&ch.Topic, body.Topic)
	set(&ch.NSFW, body.NSFW)
	set(&ch.Position, body.Position)
	set(&ch.Archived, body.Archived)
	set(&ch.Locked, body.Locked)
	set(&ch.autoArchive, body.Archive)
	if body.SlowMode.given() {
		ch.SlowMode = time.Duration(body.SlowMode.value) * time.Second
	}
	s.channelUpdated(ch)
	return ok(s.channelJSON(ch)), nil
}

func set[T any](to *T, from opt[T]) {
	if from.given() {
		*to = from.value
	}
}

// restDeleteChannel is Delete/Close Channel; closing a direct message keeps it.
func (s *Server) restDeleteChannel(c *call) (answer, error) {
	ch, p, err := s.seen(c)
	if err != nil {
		return answer{}, err
	}
	need := ManageChannels
	if ch.Kind.IsThread() {
		need = ManageThreads
	}
	j := s.channelJSON(ch)
	if ch.Kind != DirectMessage {
		if !p.Has(need) {
			return answer{}, ErrMissingPermissions
		}
		s.removeChannel(ch)
	}
	return ok(j), nil
}

// restStartThread is Start Thread from Message and Start Thread without Message. Type defaults to private in
// the latter.
func (s *Server) restStartThread(c *call) (answer, error) {
	var body struct {
		Name     string           `json:"name"`
		Kind     opt[ChannelKind] `json:"type"`
		Archive  int              `json:"auto_archive_duration"`
		SlowMode int              `json:"rate_limit_per_user"`
	}
	if err := parseJSON(c.body, &body); err != nil {
		return answer{}, err
	}
	d := threadDraft{name: body.Name, kind: PublicThread, archive: body.Archive, slowMode: time.Duration(body.SlowMode) * time.Second}
	if c.path("message") == "" {
		d.kind = PrivateThread
		set(&d.kind, body.Kind)
	}
	t, err := s.createThread(c.path("channel"), s.bot.ID, c.path("message"), d)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, s.channelJSON(t)}, nil
}
