package discord

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
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
}

func newPlaces() *places {
	return &places{threads: map[string]bool{}, last: map[string]string{}, held: map[string][]*discordgo.Message{}, fresh: make(chan struct{}, 1)}
}

// heir knows the same, but holds nothing.
func (p *places) heir() *places {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := newPlaces()
	h.threads, h.last, h.changed = maps.Clone(p.threads), maps.Clone(p.last), true
	return h
}

// hold makes the new messages of all known channels wait.
func (p *places) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.last {
		if _, ok := p.held[c]; !ok {
			p.held[c] = nil
		}
	}
}

// keep takes a message if its channel waits.
func (p *places) keep(m *discordgo.Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	held, ok := p.held[m.ChannelID]
	if ok {
		p.held[m.ChannelID] = append(held, m)
	}
	return ok
}

// release ends a channel's waiting if nothing waits there.
func (p *places) release(channel string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.held[channel]) > 0 {
		return false
	}
	delete(p.held, channel)
	return true
}

// next returns the messages that wait in a channel; if there are none, the channel
// waits no longer.
func (p *places) next(channel string) []*discordgo.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.held[channel]
	if len(held) == 0 {
		delete(p.held, channel)
		return nil
	}
	p.held[channel] = nil
	return held
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
	if len(p.held[channel]) == 0 {
		delete(p.held, channel)
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

// heard notes a message of anybody in a channel where something was taken before: a gap
// is read from there.
func (p *places) heard(channel, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last, ok := p.last[channel]; ok && later(message, last) {
		p.last[channel], p.changed = message, true
	}
}

// newest is the last message noted of a channel, "" if there is none.
func (p *places) newest(channel string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last[channel]
}

// unheard takes back that a message was noted, after before, unless a later one was.
func (p *places) unheard(channel, message, before string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last[channel] == message && before != "" {
		p.last[channel], p.changed = before, true
	}
}

// handled notes that a message was taken; who is answered in a thread has the bot in it.
func (p *places) handled(channel, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
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

// later compares snowflakes, which are numbers without leading zeros.
func later(a, b string) bool { return len(a) > len(b) || len(a) == len(b) && a > b }

func (p *places) snapshot() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.last)
}

const placesFact = "discord/places"

// rememberPlaces writes them down now and then, soon after there is a new one, and at the
// end.
func (b *Bot) rememberPlaces() {
	tick := time.NewTicker(20 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-b.ctx.Done():
			b.savePlaces()
			return
		case <-b.seen.fresh:
			if err := b.sleep(b.ctx, time.Second); err != nil {
				continue
			}
			b.savePlaces()
		case <-tick.C:
			b.savePlaces()
		}
	}
}

func (b *Bot) savePlaces() {
	b.seen.mu.Lock()
	changed := b.seen.changed
	b.seen.changed = false
	b.seen.mu.Unlock()
	if !changed {
		return
	}
	text, err := json.Marshal(b.seen.snapshot())
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		err = b.store.Remember(ctx, b.placesFact(), string(text))
	}
	if err != nil {
		b.log.Warn("the last messages could not be noted; a gap may stay unanswered after a restart", "err", err)
	}
}

func (b *Bot) recallPlaces() {
	ctx, cancel := context.WithTimeout(b.ctx, 3*time.Second)
	defer cancel()
	text, err := b.store.Recall(ctx, b.placesFact())
	var last map[string]string
	if err == nil {
		err = json.Unmarshal([]byte(text), &last)
	}
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		b.log.Warn("the last messages of before are not known; a gap may stay unanswered", "err", err)
	}
	for c, m := range last {
		if !b.opt.Shard.all() {
			m = before(m, takenLate)
		}
		b.seen.handled(c, m)
	}
	if !b.opt.Shard.all() {
		b.recallPending(ctx)
	}
}

// takenLate is how long before its death another process may have noted messages as
// handled that it did not store any more; those it did are recognised.
const takenLate = 10 * time.Second

// before is the least id of messages that are older than one by d.
func before(message string, d time.Duration) string {
	id, err := strconv.ParseUint(message, 10, 64)
	if back := uint64(d.Milliseconds()) << 22; err == nil && id > back {
		return strconv.FormatUint(id-back, 10)
	}
	return message
}

// recallPending notes the channels in which a question of this shard has no answer: what
// is said there from now on waits until it is asked (see Options.Before).
func (b *Bot) recallPending(ctx context.Context) {
	list, err := b.store.Pending(ctx)
	if err != nil {
		b.log.Warn("it is not known which questions have no answer; what comes now may overtake them", "err", err)
		return
	}
	for _, p := range list {
		if b.Serves(ctx, p.Key.Channel) {
			b.seen.handled(p.Key.Channel, p.Turn.ID)
		}
	}
}
