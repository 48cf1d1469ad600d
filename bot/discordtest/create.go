package discordtest

import (
	"slices"
	"strings"
	"time"
)

// draft is a message to be.
type draft struct {
	content      string
	tts          bool
	nonce        string
	enforceNonce bool
	embeds       []Embed
	components   []Component
	files        []upload
	flags        MessageFlags
	allowed      *allowedMentions // nil: the defaults
	replyTo      string
	replyToIn    string // empty: the same channel
	softReply    bool   // send without a reply when there is no such message
	noReplyPing  bool

	// For answers to interactions.
	interaction *Interaction
	kind        MessageKind
}

// sentNonce remembers the message made with a nonce.
type sentNonce struct {
	messageID string
	at        time.Time
}

// nonceLife is "the past few minutes" of enforce_nonce. Documentation: resources/message.mdx, "Create Message".
const nonceLife = 5 * time.Minute

// settable are the flags a bot may set on a new message. Documentation: resources/message.mdx, "Create
// Message"; interactions/receiving-and-responding.mdx, "Messages" (EPHEMERAL).
const settable = SuppressEmbeds | SuppressNotifications | ComponentsV2

// draftOf turns a request body into a draft, and notes what is wrong with it.
func draftOf(b *messageBody, files []upload, f *form) draft {
	d := draft{content: b.Content.value, tts: b.TTS.value, nonce: string(b.Nonce.value), enforceNonce: b.EnforceNonce,
		embeds: b.Embeds.value, components: b.Components.value, flags: b.Flags.value}
	d.files, _ = b.describe(files, f)
	if b.AllowedMentions.given() {
		d.allowed = &b.AllowedMentions.value
		d.allowed.check(f)
	}
	if r := b.Reference.value; b.Reference.given() {
		if r.Type != 0 {
			f.add("message_reference.type", "BASE_TYPE_CHOICES", "Value must be one of (0,).")
		}
		if _, ok := parseID(r.MessageID); !ok {
			f.add("message_reference.message_id", "NUMBER_TYPE_COERCE", "Value %q is not snowflake.", r.MessageID)
		}
		d.replyTo, d.replyToIn, d.softReply = r.MessageID, r.ChannelID, r.Fail != nil && !*r.Fail
	}
	return d
}

// check notes what is wrong with a draft by itself; empty is not noted but returned, being another error.
func (d *draft) check(f *form) (empty bool) {
	// Documentation: resources/message.mdx, "Create Message": content up to 2000 characters, nonce up to 25.
	f.length("content", d.content, 0, 2000)
	f.length("nonce", d.nonce, 0, 25)
	checkEmbeds(d.embeds, f)
	v2 := d.flags&ComponentsV2 != 0
	checkComponents(d.components, v2, f)
	if v2 {
		// "When the flag IS_COMPONENTS_V2 is set, the message can only contain components."
		if d.content != "" {
			f.add("content", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", "The 'content' field cannot be used when using MessageFlags.IS_COMPONENTS_V2")
		}
		if len(d.embeds) > 0 {
			f.add("embeds", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", "The 'embeds' field cannot be used when using MessageFlags.IS_COMPONENTS_V2")
		}
	}
	if len(d.files) > maxAttachments {
		f.add("attachments", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
	}
	return strings.TrimSpace(d.content) == "" && len(d.embeds) == 0 && len(d.files) == 0 && len(d.components) == 0
}

// createMessage writes a message into a channel as author. s.mu is held.
func (s *Server) createMessage(channelID string, author *User, d *draft) (*Message, error) {
	c := s.channels[channelID]
	if c == nil {
		return nil, ErrUnknownChannel
	}
	p := s.permissions(c, author.ID)
	if !p.Has(ViewChannel) {
		return nil, ErrMissingAccess
	}
	if c.Kind == Category {
		return nil, ErrNonText
	}
	var f form
	empty := d.check(&f)
	if err := f.err(); err != nil {
		return nil, err
	}
	if empty {
		return nil, ErrEmptyMessage
	}
	if err := s.mayWrite(c, p, d); err != nil {
		return nil, err
	}
	if d.enforceNonce && d.nonce != "" {
		if sent, ok := c.nonces[author.ID+" "+d.nonce]; ok && s.clock.Now().Sub(sent.at) < nonceLife {
			if m := c.message(sent.messageID); m != nil {
				return m, nil
			}
		}
	}
	kind := OrdinaryMessage
	if d.replyTo != "" {
		to := s.replyTarget(c, d)
		switch {
		case to != nil:
			kind = Reply
		case d.softReply:
			d.replyTo = ""
		default:
			f.add("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
			return nil, f.err()
		}
	}
	if err := s.slowMode(c, p, author); err != nil {
		return nil, err
	}
	s.wake(c)
	d.flags &= settable
	d.kind = kind
	return s.insert(c, author, p, d), nil
}

// mayWrite checks the permissions a draft needs. Documentation: resources/message.mdx, "Create Message",
// Limitations; topics/permissions.mdx; topics/threads.mdx, "Locked Threads".
func (s *Server) mayWrite(c *channel, p Permissions, d *draft) error {
	need := SendMessages
	if c.Kind.IsThread() {
		need = SendInThreads
		if c.Locked && !p.Has(ManageThreads) {
			return ErrArchivedThread
		}
	}
	if d.tts {
		need |= SendTTS
	}
	if len(d.files) > 0 {
		need |= AttachFiles
	}
	if len(d.embeds) > 0 {
		need |= EmbedLinks
	}
	if c.GuildID == "" {
		need &= MemberDefault // TTS says nothing in direct messages
	}
	if !p.Has(need) {
		return ErrMissingPermissions
	}
	if d.replyTo != "" && !p.Has(ReadHistory) {
		return ErrNoHistory
	}
	return nil
}

// replyTarget finds the message replied to: in the same channel, not a system message, not one that only one
// person sees. Documentation: resources/message.mdx, "Create Message", Limitations.
func (s *Server) replyTarget(c *channel, d *draft) *Message {
	if d.replyToIn != "" && d.replyToIn != c.ID {
		return nil
	}
	m := c.message(d.replyTo)
	if m == nil || m.OnlyFor != "" || m.Kind == ThreadCreated || m.Kind == ThreadStarter {
		return nil
	}
	return m
}

// slowMode holds back people who wrote too recently; bots are free of it. Documentation:
// resources/channel.mdx, rate_limit_per_user; code 20016.
func (s *Server) slowMode(c *channel, p Permissions, author *User) error {
	if c.SlowMode == 0 || author.Bot || p&(BypassSlowMode|ManageMessages|ManageChannels) != 0 {
		return nil
	}
	now := s.clock.Now()
	if last, ok := c.lastBy[author.ID]; ok && now.Sub(last) < c.SlowMode {
		return ErrSlowMode.after(c.SlowMode - now.Sub(last))
	}
	if c.lastBy == nil {
		c.lastBy = make(map[string]time.Time)
	}
	c.lastBy[author.ID] = now
	return nil
}

// wake unarchives a thread that is written in. Documentation: topics/threads.mdx, "Active & Archived Threads".
func (s *Server) wake(c *channel) {
	if c.Archived {
		c.Archived = false
		s.channelUpdated(c)
	}
}

// insert makes the message of a checked draft and tells everybody. s.mu is held.
func (s *Server) insert(c *channel, author *User, p Permissions, d *draft) *Message {
	m := &Message{
		ID: s.newID(), ChannelID: c.ID, GuildID: c.GuildID, Kind: d.kind, Author: *author,
		Content: strings.TrimSpace(d.content), Created: s.clock.Now(), Flags: d.flags, TTS: d.tts, Nonce: d.nonce,
		ReplyTo: d.replyTo,
	}
	if m.ReplyTo != "" {
		m.ReplyToIn = c.ID
	}
	if i := d.interaction; i != nil {
		m.Interaction, m.webhook = i.summary(), true
		if m.Flags&Ephemeral != 0 {
			m.OnlyFor = i.UserID
		}
	}
	m.Attachments = s.store(m, d.files)
	m.Embeds = placeEmbeds(d.embeds, m.Attachments)
	m.Components = numberComponents(d.components)
	allowed := d.allowed
	if allowed == nil {
		allowed = defaultMentions(d.interaction != nil)
	}
	found := s.mention(m, c, p, allowed)
	found.replied = d.replyTo != "" && allowed.RepliedUser && !d.noReplyPing
	m.replyPing = found.replied
	if to := s.replied(m); found.replied && to != nil && !slices.Contains(m.Mentions, to.Author.ID) {
		m.Mentions = append(m.Mentions, to.Author.ID)
	}
	s.appendMessage(c, m)
	if d.nonce != "" {
		s.rememberNonce(c, author.ID+" "+d.nonce, m)
	}
	s.recordPing(m, found)
	s.joinByWriting(c, m)
	s.dispatchMessage("MESSAGE_CREATE", m)
	s.publishMessage(MessageCreated, m)
	return m
}

// mention fills in whom the message names.
func (s *Server) mention(m *Message, c *channel, p Permissions, allowed *allowedMentions) mentions {
	text := m.Content
	if m.Flags&ComponentsV2 != 0 {
		text = textOf(m.Components)
	}
	found := s.parseMentions(text, c, p, allowed)
	m.Mentions, m.MentionRoles, m.MentionEveryone = found.users, found.roles, found.everyone || found.here
	return found
}

// appendMessage puts a message at the end of the log and forgets the oldest beyond Options.History.
func (s *Server) appendMessage(c *channel, m *Message) {
	c.log = append(c.log, m)
	if m.OnlyFor == "" {
		c.LastMessageID = m.ID
	}
	if keep := s.opts.History; keep > 0 && len(c.log) > keep+keep/4 {
		for _, old := range c.log[:len(c.log)-keep] {
			s.unstore(old.Attachments)
		}
		c.log = append([]*Message(nil), c.log[len(c.log)-keep:]...)
	}
}

// rememberNonce keeps a nonce for a few minutes; old ones go when there are many.
func (s *Server) rememberNonce(c *channel, key string, m *Message) {
	if c.nonces == nil {
		c.nonces = make(map[string]sentNonce)
	}
	now := s.clock.Now()
	if len(c.nonces) >= 256 {
		for k, sent := range c.nonces {
			if now.Sub(sent.at) >= nonceLife {
				delete(c.nonces, k)
			}
		}
	}
	c.nonces[key] = sentNonce{m.ID, now}
}

// joinByWriting makes a thread's members of its author and those named in it (observed).
func (s *Server) joinByWriting(c *channel, m *Message) {
	if !c.Kind.IsThread() {
		return
	}
	for _, id := range append([]string{m.Author.ID}, m.Mentions...) {
		if !c.has(id) && s.permissions(c, id).Has(ViewChannel) {
			s.addToThread(c, id)
		}
	}
}

// typing shows that a user writes. Documentation: resources/channel.mdx, "Trigger Typing Indicator".
func (s *Server) typing(channelID, userID string) error {
	c := s.channels[channelID]
	if c == nil {
		return ErrUnknownChannel
	}
	u := s.users[userID]
	if u == nil {
		return ErrUnknownUser
	}
	p := s.permissions(c, userID)
	send := SendMessages
	if c.Kind.IsThread() {
		send = SendInThreads
	}
	switch {
	case !p.Has(ViewChannel):
		return ErrMissingAccess
	case c.Kind == Category:
		return ErrNonText
	case !p.Has(send):
		return ErrMissingPermissions
	}
	s.dispatchTyping(c, u)
	s.publish(Event{Kind: TypingStarted, GuildID: c.GuildID, ChannelID: c.ID, User: u})
	return nil
}
