package discord

import (
	"context"
	"hash/fnv"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
	"moebot/session"
)

// call is how a message calls the bot.
type call int

const (
	callNone   call = iota // it may be that it is answered all the same
	callDirect             // mention, reply, direct message, thread of the bot's
	callWake               // a wake word
	callAlways             // the channel is always on
	callChime              // nobody called; the bot has something to say
)

// What people are told whom the bot does not answer for now.
var (
	sayPaused   = say{"I'm paused here; who manages this server can wake me with /admin resume.", "我在此处已暂停；服务器管理者可用 /admin resume 恢复。"}
	sayDraining = say{"I take no new questions here at the moment; please ask me later.", "我在此处暂不接受新问题，请稍后再问。"}
)

// The rules of who is answered where. What is blocked is not answered, whatever else is
// allowed. Of what is allowed, the nearest level's list holds; its entries are of two
// groups, places (server, category, channel) and people (role, person), and where a
// group has entries, one of them must apply. A channel's entry holds for its threads;
// direct messages are no place that a list speaks of unless by their channel.

// barredBy reports whether the lists keep a person out of a place.
func barredBy(set session.Settings, p place, who string, roles []string) bool {
	applies := func(entry string) (applies, aPlace bool) {
		kind, id, _ := session.ParseTarget(entry)
		switch kind {
		case session.TargetServer:
			return p.server == id, true
		case session.TargetCategory:
			return p.category == id, true
		case session.TargetChannel:
			return p.channel == id || p.thread == id, true
		case session.TargetRole: // @everyone is the role with the server's id
			return slices.Contains(roles, id) || p.server == id, false
		case session.TargetPerson:
			return who == id, false
		}
		return false, false
	}
	if set.Block != nil {
		for _, e := range *set.Block {
			if yes, _ := applies(e); yes {
				return true
			}
		}
	}
	if set.Allow == nil {
		return false
	}
	var asked, met [2]bool // of places, of people
	for _, e := range *set.Allow {
		yes, aPlace := applies(e)
		group := 1
		if aPlace {
			group = 0
		}
		asked[group] = true
		met[group] = met[group] || yes
	}
	return asked[0] && !met[0] && p.server != "" || asked[1] && !met[1]
}

// muted finds until when a person is not answered; the zero time is without end.
func muted(set session.Settings, who string, now time.Time) (until time.Time, yes bool) {
	if set.Muted == nil {
		return time.Time{}, false
	}
	for _, e := range *set.Muted {
		m, ok := session.ParseMute(e)
		if !ok || m.Person != who || !holds(m, now) {
			continue
		}
		if m.Until.IsZero() {
			return m.Until, true
		}
		if !yes || m.Until.After(until) {
			until, yes = m.Until, true
		}
	}
	return until, yes
}

// holds reports whether a mute has not ended.
func holds(m session.Mute, now time.Time) bool { return m.Until.IsZero() || now.Before(m.Until) }

// mode is whether questions are taken.
func mode(set session.Settings) string {
	if set.Mode == nil {
		return session.ModeOn
	}
	return *set.Mode
}

func on(v *bool) bool { return v != nil && *v }

// decision is what the settings of a place say of a message.
type decision struct {
	call    call
	refusal string // said to the person; empty: answer
}

// decide says whether a message is answered, nil if not. direct says that it calls the
// bot without any settings; late, that it comes from a gap, in which nobody is chimed
// in on.
func (b *Bot) decide(set session.Settings, p place, m *discordgo.Message, roles []string, direct, late bool) *decision {
	policy := b.policy.Load()
	if policy.Banned[m.Author.ID] || barredBy(set, p, m.Author.ID, roles) {
		return nil // who is blocked hears nothing
	}
	if _, yes := muted(set, m.Author.ID, time.Now()); yes {
		return nil
	}
	d := &decision{call: callDirect}
	if !direct {
		if m.Author.Bot {
			return nil
		}
		if d.call = b.calls(set, m, late); d.call == callNone {
			return nil
		}
	}
	b.talk.called(m.ChannelID, d.call)
	if m.Author.Bot && !b.talk.botTurn(m.ChannelID, set) {
		return nil
	}
	d.refusal = b.unwilling(set, p, m.Content).english
	if d.refusal != "" && (d.call == callChime || m.Author.Bot) {
		return nil
	}
	return d
}

// unwilling says in one sentence why a question is not answered, whoever asks it; nothing if
// it is.
func (b *Bot) unwilling(set session.Settings, p place, text string) say {
	switch mode(set) {
	case session.ModePause:
		return sayPaused
	case session.ModeDrain:
		return sayDraining
	}
	if p.adult && set.AdultChannels != nil && !*set.AdultChannels {
		return sayAdult
	}
	if b.blocked(p.worded(set), text) {
		return sayBlocked
	}
	return say{}
}

// calls is how a message that does not address the bot calls it. Who speaks to others
// is not interrupted, unless a wake word is in it.
func (b *Bot) calls(set session.Settings, m *discordgo.Message, late bool) call {
	switch {
	case set.WakeWords != nil && chat.FindWords(*set.WakeWords).In(m.Content):
		return callWake
	case toOthers(m, b.me()):
	case on(set.AlwaysOn):
		return callAlways
	case !late && b.talk.chimes(m.ChannelID, m.ID, set, time.Now()):
		return callChime
	}
	return callNone
}

// chimeRest is the time without one after which a chime-in counts no longer.
const chimeRest = time.Hour

// maxTalk bounds the channels whose talk is remembered.
const maxTalk = 10000

// talk is what the bot remembers of how it takes part in channels. It is not shared
// between processes: each sees all messages, and comes to the same.
type talk struct {
	mu       sync.Mutex
	channels map[string]*taking
}

type taking struct {
	chimes int       // since somebody called, less one for each chimeRest
	at     time.Time // of the last of them
	bots   int       // answers to bots since a person spoke
}

// in is the entry of a channel; t.mu is held.
func (t *talk) in(channel string) *taking {
	if t.channels == nil {
		t.channels = map[string]*taking{}
	}
	c := t.channels[channel]
	if c == nil {
		if len(t.channels) >= maxTalk {
			for old := range t.channels { // any: it only begins anew
				delete(t.channels, old)
				break
			}
		}
		c = &taking{}
		t.channels[channel] = c
	}
	return c
}

// person notes that a person spoke in a channel.
func (t *talk) person(channel string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.channels[channel]; c != nil {
		c.bots = 0
	}
}

// called notes that the bot was called: it may chime in again.
func (t *talk) called(channel string, by call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.channels[channel]; c != nil && (by == callDirect || by == callWake) {
		c.chimes = 0
	}
}

// botTurn counts an answer to a bot; false if there were enough until a person speaks.
// It keeps two bots from talking with each other for ever.
func (t *talk) botTurn(channel string, set session.Settings) bool {
	if !on(set.AnswerBots) {
		return false
	}
	most := 3
	if set.BotTurns != nil {
		most = *set.BotTurns
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.in(channel)
	if c.bots >= most {
		return false
	}
	c.bots++
	return true
}

// chimes decides whether the bot chimes in on a message.
func (t *talk) chimes(channel, message string, set session.Settings, now time.Time) bool {
	if set.ChimeIn == nil || *set.ChimeIn <= 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.in(channel)
	for c.chimes > 0 && now.Sub(c.at) >= chimeRest {
		c.chimes--
		c.at = c.at.Add(chimeRest)
	}
	if draw(message) >= chimeChance(set, c.chimes) {
		return false
	}
	c.chimes++
	c.at = now
	return true
}

// chimeChance is the probability to chime in after n chime-ins since the bot was last
// called: chime_in × chime_in_fall to the power of n. Each hour without a chime-in
// takes one off n.
func chimeChance(set session.Settings, n int) float64 {
	fall := 0.5
	if set.ChimeInFall != nil {
		fall = *set.ChimeInFall
	}
	return *set.ChimeIn * math.Pow(fall, float64(n))
}

// draw is a number from 0 to 1, evenly spread over message ids. It depends on the id
// alone, so that all processes draw the same.
func draw(message string) float64 {
	h := fnv.New64a()
	h.Write([]byte(message))
	x := h.Sum64() // whose high bits depend little on the last characters: mix (splitmix64)
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x>>11) / (1 << 53)
}

// rolesOf are the roles of a message's author, where the settings ask for any; a message read
// by REST does not say. Where they are not known but might be blocked, it is false.
func (b *Bot) rolesOf(ctx context.Context, set session.Settings, p place, m *discordgo.Message) (roles []string, ok bool) {
	if m.Member != nil {
		return m.Member.Roles, true
	}
	if p.server == "" || !asksRoles(set) {
		return nil, true
	}
	var member *discordgo.Member
	err := insist(ctx, func() (err error) {
		member, err = b.dg.GuildMember(p.server, m.Author.ID, once(ctx)...)
		return err
	})
	if code(err) == discordgo.ErrCodeUnknownMember { // who has left has none
		return nil, true
	}
	if err != nil {
		b.log.Warn("the roles of a message's author are not known", "message", m.ID, "err", err)
		return nil, !ofRoles(set.Block)
	}
	return member.Roles, true
}

// asksRoles reports whether lists speak of roles.
func asksRoles(set session.Settings) bool { return ofRoles(set.Allow) || ofRoles(set.Block) }

// ofRoles reports whether a list speaks of roles.
func ofRoles(list *[]string) bool {
	return list != nil && slices.ContainsFunc(*list, func(e string) bool { kind, _, _ := session.ParseTarget(e); return kind == session.TargetRole })
}
