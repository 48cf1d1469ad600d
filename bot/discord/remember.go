package discord

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"time"

	"moebot/session"
)

// The facts that places are kept as: the last messages by channel, and the newest heard
// anywhere. A bot for a part of the servers has its own.
const (
	placesFact = "discord/places"
	newestFact = "discord/newest"
)

// asking notes a question that the store may not know yet, until the function it returns
// is called.
func (p *places) asking(channel, message string) (taken func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[channel] = append(p.open[channel], message)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		list := p.open[channel]
		for i, m := range list {
			if m == message {
				list = append(list[:i:i], list[i+1:]...)
				break
			}
		}
		if p.open[channel] = list; len(list) == 0 {
			delete(p.open, channel)
		}
	}
}

// safe is the last message of each channel, and the newest of all, up to which the store
// knows all that was asked: who comes next reads on from there.
func (p *places) safe() (last map[string]string, newest string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, newest = maps.Clone(p.last), p.newest
	for c, list := range p.open {
		for _, m := range list {
			m = before(m, 0)
			if l, ok := last[c]; ok && later(l, m) {
				last[c] = m
			}
			if later(newest, m) {
				newest = m
			}
		}
	}
	return last, newest
}

// listen notes that all is heard from about now on, if nothing was noted before.
func (p *places) listen(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.newest == "" {
		p.newest, p.changed = idAt(now.Add(-clockError)), true
	}
}

// clockError is how much our clock may differ from Discord's, and be it a minute.
const clockError = 2 * time.Minute

// idAt is the least id of messages of a time (reference, Snowflakes).
func idAt(t time.Time) string { return strconv.FormatInt((t.UnixMilli()-1420070400000)<<22, 10) }

// before is an id less than that of messages that are older than one by d.
func before(message string, d time.Duration) string {
	id, err := strconv.ParseUint(message, 10, 64)
	if back := uint64(d.Milliseconds())<<22 + 1; err == nil && id > back {
		return strconv.FormatUint(id-back, 10)
	}
	return message
}

// rememberPlaces writes them down at once, now and then, soon after there is a new one,
// and at the end.
func (b *Bot) rememberPlaces() {
	b.savePlaces()
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

// savePlaces writes them down if they have changed. What was written before is right,
// too: more is read after a gap then.
func (b *Bot) savePlaces() {
	b.seen.mu.Lock()
	changed := b.seen.changed
	b.seen.changed = false
	b.seen.mu.Unlock()
	if !changed {
		return
	}
	last, newest := b.seen.safe()
	text, err := json.Marshal(last)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err == nil {
		err = b.store.Remember(ctx, b.factOf(placesFact), string(text))
	}
	if err == nil { // after the channels that were new before it
		err = b.store.Remember(ctx, b.factOf(newestFact), newest)
	}
	if err != nil {
		b.seen.mu.Lock()
		b.seen.changed = true
		b.seen.mu.Unlock()
		b.log.Warn("the last messages could not be noted; those of before hold", "err", err)
	}
}

// recallPlaces reads what was written down, here or by who had this shard before. A shard
// that others may have had waits for that: what they heard last is not known otherwise.
func (b *Bot) recallPlaces(ctx context.Context) error {
	for {
		err := b.recall(ctx)
		if err == nil {
			return nil
		}
		if !b.leased() {
			b.log.Warn("the last messages of before are not known; a gap may stay unanswered", "err", err)
			return nil
		}
		b.log.Warn("the last messages of before cannot be read; trying again", "err", err)
		if err := b.sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// leased reports whether this bot's shard is one that processes have in turn.
func (b *Bot) leased() bool { return b.opt.Identify != nil }

// outOfOrder is how much older a message may be that comes after another one.
const outOfOrder = 2 * time.Second

func (b *Bot) recall(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var last map[string]string
	text, err := b.store.Recall(ctx, b.factOf(placesFact))
	if err == nil {
		err = json.Unmarshal([]byte(text), &last)
	}
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return err
	}
	newest, err := b.store.Recall(ctx, b.factOf(newestFact))
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return err
	}
	for c, m := range last {
		if b.leased() {
			m = before(m, outOfOrder)
		}
		b.seen.handled(c, m)
	}
	b.seen.mu.Lock()
	if later(newest, b.seen.newest) {
		b.seen.newest = newest
	}
	b.seen.mu.Unlock()
	if b.leased() {
		return b.recallPending(ctx)
	}
	return nil
}

// recallPending notes the channels in which a question of this shard has no answer: what
// is said there from now on waits until it is asked (see Options.Before).
func (b *Bot) recallPending(ctx context.Context) error {
	list, err := b.store.Pending(ctx)
	if err != nil {
		return err
	}
	for _, p := range list {
		mine, err := b.serves(ctx, p.Key.Channel)
		if err != nil {
			return err // what was found out holds, and need not be asked again
		}
		if mine {
			b.seen.handled(p.Key.Channel, before(p.Turn.ID, outOfOrder))
		}
	}
	return nil
}
