package discord

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
	"moebot/session"
)

// scanners is how many channels are read at a time after a gap, and failPause how long one
// keeps its turn that could not be read: when none can, they all try again, and are not to
// spend what Discord allows in requests.
const (
	scanners  = 4
	failPause = 250 * time.Millisecond
)

// rescan asks for the messages of active channels that came while nobody listened:
// those after the last one of which is known in each. Those answered already are
// recognised by the store. What came since waits behind them. A READY during a rescan
// ends it, for there is a new gap, and the rescan it begins covers both.
func (b *Bot) rescan(gap int64) {
	b.scanning.Lock()
	defer b.scanning.Unlock()
	b.before.Do(func() {
		defer close(b.leftKnown)
		if b.opt.Before != nil {
			b.opt.Before(b.ctx)
		}
	})
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	b.endScan.Store(&cancel)
	places, turns := sync.WaitGroup{}, make(chan struct{}, scanners)
	for channel, last := range b.seen.snapshot() {
		if b.seen.doubted(channel, gap) {
			continue // read beside it
		}
		places.Go(func() {
			b.contain("rescan", func() { b.rescanChannel(ctx, turns, channel, last, gap) })
		})
	}
	places.Wait()
}

// rescanChannel reads what came in one channel, however long Discord says that it
// can't, and has it asked. Each try takes its turn among those of other channels.
func (b *Bot) rescanChannel(ctx context.Context, turns chan struct{}, channel, last string, gap int64) {
	r, told := reading{channel: channel}, false
	if at, err := discordgo.SnowflakeTimestamp(last); err == nil && time.Since(at) < b.opt.RescanAge+7*24*time.Hour {
		err = insist(ctx, func() error {
			select {
			case turns <- struct{}{}:
				defer func() { <-turns }()
			case <-ctx.Done():
				return ctx.Err()
			}
			if !b.seen.waits(channel) || b.gaps.Load() != gap { // a GUILD_CREATE may say that there is nothing
				return nil
			}
			if r.after == "" {
				r.after = b.asked(ctx, channel, last)
			}
			err := b.read(ctx, &r)
			if err != nil && passing(err) {
				if !told {
					told = true
					b.log.Warn("a channel cannot be read after a gap; it is tried again", "channel", channel, "err", err)
				}
				_ = b.sleep(ctx, failPause) // ended by ctx, which is looked at above
			}
			return err
		})
		if ctx.Err() != nil || b.gaps.Load() != gap {
			return
		}
		switch c := code(err); {
		case c == discordgo.ErrCodeUnknownChannel || c == discordgo.ErrCodeMissingAccess:
			b.seen.forget(channel) // gone, or shut to the bot
		case err != nil:
			b.log.Warn("a channel could not be read after a gap", "channel", channel, "err", err)
		}
	}
	if len(r.missed) == 0 && b.seen.release(channel) {
		return
	}
	// beside the other channels: this one's queue may be full
	b.begin(func() { b.contain("rescan", func() { b.makeUp(channel, r.missed, gap) }) })
}

// asked is from where a gap is read that is known to begin at last: what the store has
// accepted since was asked by who died. It knows repeated messages, but not for ever.
func (b *Bot) asked(ctx context.Context, channel, last string) string {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	sess, err := b.store.Load(ctx, session.Key{Channel: channel})
	if err != nil {
		return last
	}
	for _, t := range sess.Turns {
		if m := before(t.ID, outOfOrder); t.Role == session.RoleUser && later(m, last) {
			last = m
		}
	}
	return last
}

// skipQuiet ends the waiting of channels in which nothing was said during the gap: it
// need not be asked for (resources/channel, last_message_id). What was left there comes
// first, where that is not known yet.
func (b *Bot) skipQuiet(channels []*discordgo.Channel) {
	gap := b.gaps.Load()
	var quiet []string
	for _, c := range channels {
		if c != nil && b.seen.quiet(c.ID, c.LastMessageID) {
			quiet = append(quiet, c.ID)
		}
	}
	if len(quiet) == 0 {
		return
	}
	release := func() {
		for _, c := range quiet {
			if b.gaps.Load() == gap && !b.seen.release(c) {
				b.begin(func() { b.contain("rescan", func() { b.makeUp(c, nil, gap) }) })
			}
		}
	}
	select {
	case <-b.leftKnown:
		release()
	default:
		b.begin(func() {
			select {
			case <-b.leftKnown:
				b.contain("rescan", release)
			case <-b.ctx.Done():
			}
		})
	}
}

// makeUp asks what was missed in a channel, and then what waited behind it, in the order
// of the messages with what was left there.
func (b *Bot) makeUp(channel string, missed []*discordgo.Message, gap int64) {
	if !b.seen.make(channel, missed, gap) {
		return
	}
	for b.ctx.Err() == nil && b.gaps.Load() == gap {
		if len(missed) == 0 {
			var all bool
			if missed, all = b.seen.next(channel, gap); all {
				return
			}
		}
		oldest := ""
		if len(missed) > 0 {
			oldest = missed[0].ID
		}
		if left, ok := b.seen.nextLeft(channel, oldest, gap); ok {
			b.contain("rescan", func() { b.askInTurn(left, gap) })
		} else if len(missed) > 0 {
			b.contain("rescan", func() { b.take(missed[0]) })
			missed = missed[1:]
		}
	}
	b.seen.made(channel, gap)
}

// take asks the chat what a message asks that came late, and waits for room: there
// may be more of them than a queue holds. It is asked as it says now, and not at all if it
// was deleted since.
func (b *Bot) take(m *discordgo.Message) {
	taken := b.seen.asking(m.ChannelID, m.ID)
	b.seen.heard(m.ChannelID, m.ID)
	asked := b.seen.newestOf(m)
	q, ok := b.question(asked, true)
	if !ok || b.seen.gone(m) {
		taken()
		return
	}
	q.Taken = taken
	decide := q.Decide
	q.Decide = func(ctx context.Context, q *chat.Question) (refusal string, ok bool) {
		switch {
		case b.seen.gone(m):
			return "", false
		case decide == nil:
			return "", true
		}
		return decide(ctx, q)
	}
	if err := b.chat.AskWait(b.ctx, q); err != nil && b.ctx.Err() == nil { // who reads the gap next finds it
		b.log.Warn("a question from a gap is left", "channel", m.ChannelID, "message", m.ID, "err", err)
	} else if now := b.seen.newestOf(m); err == nil && now.Content != asked.Content { // edited while there was no room
		b.edited(now)
	}
}

// TakeUp asks a question that was left without an answer, where a gap of its channel is
// being read in its place among what was missed there. Who has a shard in turn with others
// leaves it as it is while nothing is heard of Discord: what was missed before it is not
// known yet, and it is found again.
func (b *Bot) TakeUp(ctx context.Context, p session.Pending) {
	if b.ctx.Err() != nil || b.seen.keepLeft(p) || b.leased() && !b.ready.Load() {
		return
	}
	b.askLeft(ctx, p)
}

// othersPoll is how often it is looked up whether another process is still at a question,
// and storePatience how long that may fail.
const (
	othersPoll    = 200 * time.Millisecond
	storePatience = 10 * time.Second
)

// askInTurn asks a question that was left as soon as no other process is at it: one that
// had this shard before may live. What was asked after it waits for that.
func (b *Bot) askInTurn(p session.Pending, gap int64) {
	told, failing := false, time.Time{}
	for !b.seen.crowded(p.Key.Channel) {
		others, err := b.othersAt(p)
		switch {
		case err == nil && !others:
			b.askLeft(b.ctx, p)
			return
		case err == nil:
			failing = time.Time{}
			if !told {
				b.log.Info("another process is at a question of before; what was asked after it waits", "channel", p.Key.Channel, "message", p.Turn.ID)
				told = true
			}
		case failing.IsZero():
			failing = time.Now()
		}
		if !failing.IsZero() && time.Since(failing) > storePatience {
			break
		}
		if err := b.sleep(b.ctx, othersPoll); err != nil {
			return // it stays pending
		}
		if b.gaps.Load() != gap && b.seen.keepLeft(p) {
			return // for who reads the new gap
		}
	}
	b.askLeft(b.ctx, p)
}

// othersAt reports whether another process is at a question that was left.
func (b *Bot) othersAt(p session.Pending) (bool, error) {
	if _, here := b.chat.UnderWay(p.Key, p.Turn.ID); here {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(b.ctx, 3*time.Second)
	defer cancel()
	if mine, err := b.store.Hold(ctx, p.Key, p.Turn.ID); mine || err != nil {
		return false, err
	}
	return b.store.Waits(ctx, p.Key, p.Turn.ID)
}

func (b *Bot) askLeft(ctx context.Context, p session.Pending) {
	q := chat.Question{Key: p.Key, Turn: p.Turn, Known: true, Reply: b.newReply(p.Key.Channel, p.Turn.ID, p.Turn.AuthorID), Decide: b.settleLeft}
	if err := b.chat.AskWait(ctx, q); err != nil && b.ctx.Err() == nil {
		b.log.Warn("an unanswered question of before is left", "channel", p.Key.Channel, "message", p.Turn.ID, "err", err)
	}
}

// maxMissed bounds the messages read of one channel after a gap, readTime the time of one
// try, and pageLen the messages of one request (resources/message, Get Channel Messages).
const (
	maxMissed = 1000
	readTime  = 30 * time.Second
	pageLen   = 100
)

// reading is how far the messages of a channel have been read after a gap.
type reading struct {
	channel, after string // the newest message that is known
	pages          int
	missed         []*discordgo.Message // oldest first, without those too old to be answered
}

// read goes on reading to the end, or to the first request that fails.
func (b *Bot) read(ctx context.Context, r *reading) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	where, err := b.dg.State.Channel(r.channel)
	if err != nil {
		if where, err = b.dg.Channel(r.channel, once(ctx)...); err != nil {
			return err
		}
	}
	for r.pages < maxMissed/pageLen {
		page, err := b.dg.ChannelMessages(r.channel, pageLen, "", r.after, "", once(ctx)...)
		if err != nil {
			return err
		}
		r.pages++
		// Discord has the newest first
		slices.SortFunc(page, func(x, y *discordgo.Message) int { return byAge(x.ID, y.ID) })
		for _, m := range page {
			r.after = m.ID
			if time.Since(m.Timestamp) <= b.opt.RescanAge {
				m.GuildID = where.GuildID // which messages read by REST lack
				r.missed = append(r.missed, m)
			}
		}
		if len(page) < pageLen {
			break
		}
	}
	return nil
}

// channel is what is known of a channel, or else what Discord says.
func (b *Bot) channel(ctx context.Context, id string) (*discordgo.Channel, error) {
	if c, err := b.dg.State.Channel(id); err == nil {
		return c, nil
	}
	var c *discordgo.Channel
	err := insist(ctx, func() (err error) {
		c, err = b.dg.Channel(id, once(ctx)...)
		return err
	})
	return c, err
}
