package discord

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
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
	// held are the messages that came while their channel's gap was still being read:
	// they wait behind those that came before. A channel without a gap has no entry.
	held map[string][]*discordgo.Message
}

func newPlaces() *places {
	return &places{threads: map[string]bool{}, last: map[string]string{}, held: map[string][]*discordgo.Message{}}
}

// hold makes the new messages of all channels wait for release and returns the last
// message handled in each.
func (p *places) hold() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := maps.Clone(p.last)
	for c := range last {
		p.held[c] = p.held[c][:len(p.held[c]):len(p.held[c])]
	}
	return last
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
	p.held[channel] = []*discordgo.Message{}
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

// maxPlaces bounds the channels whose last message is remembered.
const maxPlaces = 10000

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

// rememberPlaces writes them down now and then, and at the end.
func (b *Bot) rememberPlaces() {
	tick := time.NewTicker(20 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-b.ctx.Done():
			b.savePlaces()
			return
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
		err = b.store.Remember(ctx, placesFact, string(text))
	}
	if err != nil {
		b.log.Warn("the last messages could not be noted; a gap may stay unanswered after a restart", "err", err)
	}
}

func (b *Bot) recallPlaces() {
	ctx, cancel := context.WithTimeout(b.ctx, 3*time.Second)
	defer cancel()
	text, err := b.store.Recall(ctx, placesFact)
	var last map[string]string
	if err == nil {
		err = json.Unmarshal([]byte(text), &last)
	}
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		b.log.Warn("the last messages of before are not known; a gap may stay unanswered", "err", err)
	}
	for c, m := range last {
		b.seen.handled(c, m)
	}
}

// rescan asks for the messages of active channels that came while nobody listened,
// given the last one handled in each. Those answered already are recognised by the
// store. What came since waits behind them.
func (b *Bot) rescan(last map[string]string) {
	for channel, message := range last {
		if b.ctx.Err() != nil {
			return
		}
		if at, err := discordgo.SnowflakeTimestamp(message); err == nil && time.Since(at) < b.opt.RescanAge+7*24*time.Hour {
			where, err := b.channel(channel)
			if err == nil {
				err = b.rescanChannel(where, message)
			}
			if err != nil {
				b.log.Warn("a channel could not be read after a gap", "channel", channel, "err", err)
			}
		}
		for held := b.seen.next(channel); held != nil; held = b.seen.next(channel) {
			for _, m := range held {
				b.take(m)
			}
		}
	}
}

func (b *Bot) rescanChannel(where *discordgo.Channel, last string) error {
	messages, err := b.dg.ChannelMessages(where.ID, 50, "", last, "", discordgo.WithContext(b.ctx))
	if err != nil {
		return err
	}
	for i := len(messages) - 1; i >= 0; i-- { // newest first, as Discord has them
		m := messages[i]
		if time.Since(m.Timestamp) <= b.opt.RescanAge {
			m.GuildID = where.GuildID // which messages read by REST lack
			b.take(m)
		}
	}
	return nil
}

// channel is what is known of a channel, or else what Discord says.
func (b *Bot) channel(id string) (*discordgo.Channel, error) {
	if c, err := b.dg.State.Channel(id); err == nil {
		return c, nil
	}
	return b.dg.Channel(id, discordgo.WithContext(b.ctx))
}
