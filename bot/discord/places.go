package discord

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// places is what the bot knows of where it talks: the threads it takes part in, and
// the last message it handled in each channel.
type places struct {
	mu      sync.Mutex
	threads map[string]bool
	last    map[string]string
	changed bool
	fresh   chan struct{} // a channel not known before has a last message; holds one
	// held are the messages that came while their channel's gap was still being read:
	// they wait behind those that came before. A channel without a gap has no entry.
	held map[string][]*discordgo.Message
	// left are the questions without an answer of channels that wait, which are asked in
	// their places among what was missed. Oldest first.
	left map[string][]session.Pending
	// makers are those who ask what waits in a channel, by the number of the gap: one for
	// each channel, or what one has taken off the list is overtaken.
	makers map[string]int64
	// open are the questions asked that the store may not know yet: what is written down
	// is from before them. Oldest first.
	open map[string][]string
	// newest is the newest message heard anywhere, and gap what that was when the last
	// gap began, at about gapAt: a message after it was not heard.
	newest, gap string
	gapAt       time.Time
	// unsure are channels not known before a gap, by its number. Where nothing is taken
	// they are forgotten again; see doubt.
	unsure map[string]int64
	since  map[string]fates // by channel
}

func newPlaces() *places {
	return &places{threads: map[string]bool{}, last: map[string]string{}, held: map[string][]*discordgo.Message{}, left: map[string][]session.Pending{}, makers: map[string]int64{}, open: map[string][]string{}, unsure: map[string]int64{}, since: map[string]fates{}, fresh: make(chan struct{}, 1)}
}

// heir knows the same, but holds nothing.
func (p *places) heir() *places {
	last, newest := p.safe()
	p.mu.Lock()
	defer p.mu.Unlock()
	h := newPlaces()
	h.threads, h.last, h.newest, h.changed = maps.Clone(p.threads), last, newest, true
	return h
}

// hold makes the new messages of all known channels wait: a gap has ended.
func (p *places) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.last {
		if _, ok := p.held[c]; !ok {
			p.held[c] = nil
			delete(p.since, c)
		}
	}
	if now := time.Now(); p.gap == "" || now.Sub(p.gapAt) > gapTime { // or the one before is not read yet
		p.gap, p.gapAt = p.newest, now
	}
}

// keep takes a message if its channel waits.
func (p *places) keep(m *discordgo.Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	held, ok := p.held[m.ChannelID]
	if ok {
		if len(held) >= maxMissed { // as many as are read of what came before
			held = held[1:]
		}
		p.held[m.ChannelID] = append(held, m)
	}
	return ok
}

// keepLeft takes a question that was left without an answer if its channel waits.
func (p *places) keepLeft(q session.Pending) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	channel := q.Key.Channel
	if _, ok := p.held[channel]; !ok {
		return false
	}
	at, known := slices.BinarySearchFunc(p.left[channel], q, func(x, y session.Pending) int { return byAge(x.Turn.ID, y.Turn.ID) })
	if !known {
		p.left[channel] = slices.Insert(p.left[channel], at, q)
	}
	return true
}

// nextLeft takes the oldest question that was left in a channel off the list if it is not
// younger than a message, which may be "" for any. None is for who began in a gap before.
func (p *places) nextLeft(channel, message string, gap int64) (q session.Pending, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.left[channel]
	if p.makers[channel] != gap || len(list) == 0 || message != "" && later(list[0].Turn.ID, message) {
		return q, false
	}
	if q = list[0]; len(list) == 1 {
		delete(p.left, channel)
	} else {
		p.left[channel] = list[1:]
	}
	return q, true
}

// release ends a channel's waiting if nothing waits there.
func (p *places) release(channel string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, made := p.makers[channel]; made || len(p.held[channel])+len(p.left[channel]) > 0 {
		return false
	}
	p.settle(channel)
	return true
}

// make begins the asking of what waits in a channel behind what was missed. If somebody
// is at it already in this gap, what was missed is left to them, and it is false.
func (p *places) make(channel string, missed []*discordgo.Message, gap int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.makers[channel]; ok && at == gap {
		p.held[channel] = slices.Concat(missed, p.held[channel])
		return false
	}
	p.makers[channel] = gap
	return true
}

// made ends what make began, unless next has.
func (p *places) made(channel string, gap int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.makers[channel] == gap {
		delete(p.makers, channel)
	}
}

// settle ends a channel's waiting; mu is held.
func (p *places) settle(channel string) {
	delete(p.held, channel)
	p.lapse(channel)
	if _, ok := p.unsure[channel]; ok {
		delete(p.unsure, channel)
		delete(p.last, channel)
	}
}

// next returns the messages that wait in a channel. If there are none, nor questions that
// were left, the channel waits no longer, and that was all. So it is for who began in a gap
// before.
func (p *places) next(channel string, gap int64) (held []*discordgo.Message, all bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.makers[channel] != gap {
		return nil, true
	}
	held = p.held[channel]
	if len(held)+len(p.left[channel]) == 0 {
		p.settle(channel)
		delete(p.makers, channel)
		return nil, true
	}
	p.held[channel] = nil
	return held, false
}

// thread notes a thread; once in, always in until leave.
func (p *places) thread(id string, in bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.threads[id] = p.threads[id] || in
}

func (p *places) leave(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.threads, id)
}

// archive notes whether a thread is archived: it need not be known until it is no more,
// unless the bot is in it.
func (p *places) archive(id string, archived bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	member, known := p.threads[id]
	switch {
	case !archived && !known:
		p.threads[id] = false
	case archived && !member:
		delete(p.threads, id)
	}
}

// in reports whether a channel is a thread the bot takes part in.
func (p *places) in(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.threads[id]
}

// forget drops a channel that is gone.
func (p *places) forget(channel string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.last, channel)
	delete(p.unsure, channel)
	delete(p.open, channel)
	if len(p.held[channel])+len(p.left[channel]) == 0 {
		delete(p.held, channel)
		p.lapse(channel)
	}
	p.changed = true
}

// maxPlaces bounds the channels whose last message is remembered.
const maxPlaces = 10000

// waits reports whether new messages of a channel wait.
func (p *places) waits(channel string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.held[channel]
	return ok
}

// quiet reports whether a channel that waits has nothing after what is known of it, if
// the newest message there is newest.
func (p *places) quiet(channel, newest string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.held[channel]
	return ok && newest != "" && !later(newest, p.last[channel])
}

// heard notes a message of anybody: in a channel where something was taken before, a gap
// is read from there.
func (p *places) heard(channel, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if later(message, p.newest) {
		p.newest, p.changed = message, true
	}
	if last, ok := p.last[channel]; ok && later(message, last) {
		p.last[channel], p.changed = message, true
	}
}

// lastIn is the last message noted of a channel, "" if there is none.
func (p *places) lastIn(channel string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last[channel]
}

// handled notes that a message was taken; who is answered in a thread has the bot in it.
func (p *places) handled(channel, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.unsure, channel)
	if _, thread := p.threads[channel]; thread {
		p.threads[channel] = true
	}
	if later(message, p.last[channel]) {
		if len(p.last) >= maxPlaces {
			for c := range p.last { // any: a channel forgotten here only misses a rescan
				delete(p.last, c)
				break
			}
		}
		if p.last[channel] == "" {
			select {
			case p.fresh <- struct{}{}:
			default:
			}
		}
		p.last[channel] = message
		p.changed = true
	}
}

// crowded reports whether so much waits in a channel that some may soon be left out.
func (p *places) crowded(channel string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.held[channel]) >= maxMissed/2
}

// later reports whether a message is younger than another.
func later(a, b string) bool { return byAge(a, b) > 0 }

// byAge compares snowflakes, which are numbers without leading zeros: oldest first.
func byAge(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// snapshot is the last message of each channel, "" of those that wait and are forgotten.
func (p *places) snapshot() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := maps.Clone(p.last)
	for c := range p.held {
		if _, ok := last[c]; !ok {
			last[c] = ""
		}
	}
	return last
}
