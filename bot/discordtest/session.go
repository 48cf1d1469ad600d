package discordtest

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Intents are the groups of events a bot asks for. Documentation: events/gateway.mdx, "List of Intents".
type Intents int

// The intents of the events that exist here.
const (
	IntentGuilds                 Intents = 1 << 0
	IntentGuildMembers           Intents = 1 << 1 // privileged
	IntentGuildPresences         Intents = 1 << 8 // privileged
	IntentGuildMessages          Intents = 1 << 9
	IntentGuildMessageReactions  Intents = 1 << 10
	IntentGuildMessageTyping     Intents = 1 << 11
	IntentDirectMessages         Intents = 1 << 12
	IntentDirectMessageReactions Intents = 1 << 13
	IntentDirectMessageTyping    Intents = 1 << 14
	IntentMessageContent         Intents = 1 << 15 // privileged

	knownIntents = 1<<17 - 1 | 1<<20 | 1<<21 | 1<<24 | 1<<25
)

// session is a gateway session, which outlives its connections. Guarded by Server.mu.
type session struct {
	server  *Server
	id      string
	intents Intents
	shard   [2]int
	seq     int64
	log     []sentEvent // for RESUME
	conn    *conn       // nil while disconnected
	left    time.Time   // when it was disconnected, real time
	held    []heldEvent // overtaken by the next event (Faults.Reorder)
}

// sentEvent is an event of a session as it was sent.
type sentEvent struct {
	seq  int64
	data []byte
}

// heldEvent waits to be sent after the next one.
type heldEvent struct {
	name string
	data json.RawMessage
}

// resumable is for how long a session waits for its client. Discord documents no time; minutes are observed.
const resumable = 5 * time.Minute

// identify starts a session. Documentation: events/gateway-events.mdx, "Identify"; events/gateway.mdx,
// "Identifying", "Gateway Intents", "Sharding".
func (c *conn) identify(data json.RawMessage) {
	s := c.server
	var d struct {
		Token   string   `json:"token"`
		Intents *Intents `json:"intents"`
		Shard   *[2]int  `json:"shard"`
	}
	if json.Unmarshal(data, &d) != nil {
		c.closeWith(closeDecode)
		return
	}
	if c.session != nil {
		c.closeWith(closeAlreadyIdentified)
		return
	}
	s.identifies++
	if code := s.faults.refusesIdentify(); code != 0 {
		c.closeWith(code)
		return
	}
	shard := [2]int{0, 1}
	if d.Shard != nil {
		shard = *d.Shard
	}
	switch {
	case !s.isToken(d.Token):
		c.closeWith(closeAuthentication)
		return
	case shard[1] < 1 || shard[0] < 0 || shard[0] >= shard[1]:
		c.closeWith(closeInvalidShard)
		return
	case d.Intents == nil || *d.Intents < 0 || *d.Intents&^knownIntents != 0:
		c.closeWith(closeInvalidIntents)
		return
	case *d.Intents&s.opts.Denied != 0:
		c.closeWith(closeDisallowed)
		return
	}
	if s.paced(shard[0]) {
		c.push(frame{Op: opInvalidSession, Data: false})
		return
	}
	x := &session{server: s, id: strconv.FormatUint(rand.Uint64(), 16), intents: *d.Intents, shard: shard, conn: c}
	c.session = x
	s.sessions[x.id] = x
	s.forgetSessions()

	var unavailable []any
	guilds := s.guildList()
	for _, g := range guilds {
		if x.serves(g.ID) && g.members[s.bot.ID] != nil {
			unavailable = append(unavailable, map[string]any{"id": g.ID, "unavailable": true})
		}
	}
	// Documentation: events/gateway-events.mdx, "Ready".
	x.sendNow("READY", map[string]any{
		"v": 9, "user": s.bot, "guilds": orEmpty(unavailable), "session_id": x.id,
		"resume_gateway_url": "ws://" + s.listener.Addr().String(), "shard": shard, "private_channels": []any{},
		"application": map[string]any{"id": s.bot.ID, "flags": s.applicationFlags()},
	})
	for _, g := range guilds {
		if x.serves(g.ID) && g.members[s.bot.ID] != nil && x.intents&IntentGuilds != 0 {
			x.sendNow("GUILD_CREATE", s.guildCreate(g, x))
		}
	}
	s.publish(Event{Kind: BotConnected, User: s.bot})
}

// identifyWindow is the time in which max_concurrency sessions may begin.
const identifyWindow = 5 * time.Second

// paced reports whether an IDENTIFY comes too soon after another, and counts it.
// Documentation: events/gateway.mdx, "Session Start Limit Object" (max_concurrency in 5
// seconds) and "Sharding" (rate_limit_key = shard_id % max_concurrency); that the answer
// is op 9 is observed.
func (s *Server) paced(shard int) bool {
	if s.opts.MaxConcurrency == 0 {
		return false
	}
	key := shard % s.opts.MaxConcurrency
	if last, ok := s.identified[key]; ok && time.Since(last) < identifyWindow {
		s.tooSoon++
		return true
	}
	s.identified[key] = time.Now()
	return false
}

// Identifies is how many sessions the bot asked for, and how many of them too soon.
func (s *Server) Identifies() (all, tooSoon int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identifies, s.tooSoon
}

// isToken compares a bot token; the prefix "Bot " is allowed (observed).
func (s *Server) isToken(token string) bool {
	return strings.TrimPrefix(token, "Bot ") == s.opts.Token
}

// resume goes on with a session. Documentation: events/gateway.mdx, "Resuming".
func (c *conn) resume(data json.RawMessage) {
	s := c.server
	var d struct {
		Token     string `json:"token"`
		SessionID string `json:"session_id"`
		Seq       int64  `json:"seq"`
	}
	if json.Unmarshal(data, &d) != nil {
		c.closeWith(closeDecode)
		return
	}
	if c.session != nil {
		c.closeWith(closeAlreadyIdentified)
		return
	}
	if !s.isToken(d.Token) {
		c.closeWith(closeAuthentication)
		return
	}
	s.forgetSessions()
	x := s.sessions[d.SessionID]
	refused := s.faults.refusesResume()
	switch {
	case x != nil && !refused && d.Seq > x.seq:
		c.closeWith(closeInvalidSeq)
		return
	case x == nil || refused || !x.has(d.Seq):
		// Documentation: events/gateway-events.mdx, "Invalid Session": d is false, the client identifies anew.
		if x != nil {
			x.invalidate()
		}
		c.push(frame{Op: opInvalidSession, Data: false})
		return
	}
	if x.conn != nil {
		x.conn.session = nil
		x.conn.tcp.Close()
	}
	x.conn, c.session = c, x
	x.flushHeld()
	for _, e := range x.log {
		if e.seq > d.Seq {
			c.enqueue(queued{data: e.data})
		}
	}
	x.sendNow("RESUMED", map[string]any{})
	s.publish(Event{Kind: BotConnected, User: s.bot})
}

// has reports whether everything after seq can be replayed.
func (x *session) has(seq int64) bool {
	return seq >= x.seq || len(x.log) > 0 && x.log[0].seq <= seq+1
}

// forgetSessions drops those whose client did not come back.
func (s *Server) forgetSessions() {
	for id, x := range s.sessions {
		if x.conn == nil && time.Since(x.left) > resumable {
			delete(s.sessions, id)
		}
	}
}

// serves reports whether a guild belongs to the session's shard; direct messages belong to the first.
// Documentation: events/gateway.mdx, "Sharding".
func (x *session) serves(guildID string) bool {
	if guildID == "" {
		return x.shard[0] == 0
	}
	id, _ := parseID(guildID)
	return int(id>>22%uint64(x.shard[1])) == x.shard[0]
}

// sendNow sends an event without faults.
func (x *session) sendNow(name string, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		panic("discordtest: event does not marshal: " + err.Error())
	}
	x.sendEvent(name, raw)
}

// sendEvent numbers an event, keeps it for RESUME and sends it when connected.
func (x *session) sendEvent(name string, data json.RawMessage) {
	x.seq++
	b := make([]byte, 0, len(data)+len(name)+48)
	b = append(b, `{"op":0,"s":`...)
	b = strconv.AppendInt(b, x.seq, 10)
	b = append(b, `,"t":"`...)
	b = append(b, name...)
	b = append(b, `","d":`...)
	b = append(b, data...)
	b = append(b, '}')
	x.log = append(x.log, sentEvent{x.seq, b})
	if keep := x.server.opts.Replay; len(x.log) > keep+keep/4+16 {
		x.log = append([]sentEvent(nil), x.log[len(x.log)-keep:]...)
	}
	if x.conn != nil {
		x.conn.enqueue(queued{data: b})
	}
}

// event sends an event with the faults that are on.
func (x *session) event(name string, data json.RawMessage) {
	fate := x.server.faults.fate()
	if fate.lost {
		return
	}
	if fate.held {
		x.held = append(x.held, heldEvent{name, data})
		if len(x.held) == 1 {
			x.server.afterReal(50*time.Millisecond, x.flushHeld)
		}
		return
	}
	x.sendEvent(name, data)
	if fate.twice {
		x.sendEvent(name, data)
	}
	x.flushHeld()
}

// flushHeld sends what was overtaken.
func (x *session) flushHeld() {
	held := x.held
	x.held = nil
	for _, h := range held {
		x.sendEvent(h.name, h.data)
	}
}

// send queues a frame that is no event.
func (x *session) send(f frame) {
	if x.conn != nil {
		x.conn.push(f)
	}
}

// close ends the connection with a code.
func (x *session) close(code int) {
	if x.conn != nil {
		x.conn.closeWith(code)
	}
}

// cut ends the connection without a word.
func (x *session) cut() {
	if x.conn != nil {
		x.conn.tcp.Close()
	}
}

// invalidate forgets the session; its connection may identify anew.
func (x *session) invalidate() {
	delete(x.server.sessions, x.id)
	if x.conn != nil {
		x.conn.session = nil
		x.conn = nil
		x.server.publish(Event{Kind: BotDisconnected, User: x.server.bot})
	}
}

// disconnected notes the end of the session's connection. Documentation: events/gateway.mdx, "Disconnecting":
// with 1000 and 1001 the session is gone.
func (x *session) disconnected(code int) {
	x.conn, x.left = nil, time.Now()
	if code == 1000 || code == 1001 {
		delete(x.server.sessions, x.id)
	}
	x.server.publish(Event{Kind: BotDisconnected, User: x.server.bot})
}

// guildMembers answers op 8. Documentation: events/gateway-events.mdx, "Request Guild Members", "Guild Members
// Chunk".
func (x *session) guildMembers(data json.RawMessage) {
	s := x.server
	var d struct {
		GuildID json.RawMessage `json:"guild_id"`
		Query   *string         `json:"query"`
		Limit   int             `json:"limit"`
		UserIDs json.RawMessage `json:"user_ids"`
		Nonce   string          `json:"nonce"`
	}
	if json.Unmarshal(data, &d) != nil {
		x.close(closeDecode)
		return
	}
	for _, id := range oneOrMore(d.GuildID) {
		g := s.guilds[id]
		if g == nil || g.members[s.bot.ID] == nil || !x.serves(id) {
			continue
		}
		wanted := oneOrMore(d.UserIDs)
		list, missing := []*memberJSON{}, []string{}
		for _, user := range wanted {
			if m := g.members[user]; m != nil {
				list = append(list, m.wire(true))
			} else {
				missing = append(missing, user)
			}
		}
		if d.Query != nil {
			// "required GUILD_MEMBERS to request the entire list"
			if *d.Query == "" && d.Limit == 0 && x.intents&IntentGuildMembers == 0 {
				continue
			}
			for _, m := range g.memberList() {
				if strings.HasPrefix(strings.ToLower(m.User.Name), strings.ToLower(*d.Query)) && (d.Limit == 0 || len(list) < d.Limit) {
					list = append(list, m.wire(true))
				}
			}
		}
		const chunk = 1000
		chunks := max(1, (len(list)+chunk-1)/chunk)
		for i := range chunks {
			e := map[string]any{"guild_id": id, "members": list[i*chunk : min(len(list), (i+1)*chunk)], "chunk_index": i, "chunk_count": chunks, "not_found": missing}
			if d.Nonce != "" {
				e["nonce"] = d.Nonce
			}
			x.sendNow("GUILD_MEMBERS_CHUNK", e)
		}
	}
}

// oneOrMore reads a string or a list of strings.
func oneOrMore(data json.RawMessage) []string {
	var list []string
	if json.Unmarshal(data, &list) == nil {
		return list
	}
	var one string
	if json.Unmarshal(data, &one) == nil && one != "" {
		return []string{one}
	}
	return nil
}
