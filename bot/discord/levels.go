package discord

import (
	"context"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// place is where a message stands in Discord; what does not apply is empty. Adult is that
// the channel is marked as age-restricted, with its threads.
type place struct {
	server, category, channel, thread string
	adult                             bool
}

// level is the nearest one: that of the conversation.
func (p place) level() session.Level {
	if p.thread != "" {
		return session.LevelThread
	}
	return session.LevelChannel
}

// at is the key of a level's settings; false if there is no such level here.
func (p place) at(l session.Level) (session.Key, bool) {
	switch {
	case l == session.LevelServer && p.server != "":
		return session.ServerKey(p.server), true
	case l == session.LevelChannel && p.channel != "":
		return session.Key{Channel: p.channel}, true
	case l == session.LevelThread && p.thread != "":
		return session.Key{Channel: p.thread}, true
	}
	return session.Key{}, false
}

// placeOf finds the place of a channel or thread from what the gateway told; false if
// it told nothing of it.
func (b *Bot) placeOf(server, channel string) (place, bool) {
	if server == "" {
		return place{channel: channel}, true
	}
	c, err := b.dg.State.Channel(channel)
	if err != nil {
		return place{}, false
	}
	return placed(server, c, b.dg.State.Channel)
}

// placed is the place of a channel or thread, whose parent find finds; false, and without
// a category, if it does not.
func placed(server string, c *discordgo.Channel, find func(id string) (*discordgo.Channel, error)) (place, bool) {
	if !c.IsThread() {
		return place{server: server, category: c.ParentID, channel: c.ID, adult: c.NSFW}, true
	}
	p := place{server: server, channel: c.ParentID, thread: c.ID, adult: c.NSFW}
	parent, err := find(c.ParentID)
	if err != nil {
		return p, false
	}
	p.category, p.adult = parent.ParentID, parent.NSFW // which a thread has from it
	return p, true
}

// findPlace is placeOf, and asks Discord if need be. Where Discord does not say, the
// channel is taken to be one without a category.
func (b *Bot) findPlace(ctx context.Context, server, channel string) place {
	if p, ok := b.placeOf(server, channel); ok {
		return p
	}
	c, err := b.channel(ctx, channel)
	if err != nil {
		b.log.Warn("it is not known where a channel lies; its settings may not hold", "channel", channel, "err", err)
		return place{server: server, channel: channel}
	}
	p, _ := placed(server, c, func(id string) (*discordgo.Channel, error) { return b.channel(ctx, id) })
	return p
}

// levelsAge is how long settings are known without asking the store again. What this
// process changes it knows at once, and where it is told of an interaction that another
// one may be at, it asks each time for doubtTime. Whatever else another one changes it
// knows that much later at most.
const (
	levelsAge = 5 * time.Second
	doubtTime = 3 * time.Second
)

// maxLevels bounds the settings kept in memory; most are empty.
const maxLevels = 30000

// levels keeps what was read of the settings of servers, channels and threads, so that
// messages that are not for the bot, and those that come close together, cost the store
// nothing.
type levels struct {
	mu      sync.Mutex
	kept    map[session.Key]level
	doubted map[session.Key]time.Time // until when they may change at any moment
}

type level struct {
	set   session.Settings
	until time.Time
}

func (l *levels) find(k session.Key, now time.Time) (set session.Settings, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.kept[k]
	return e.set, now.Before(e.until) && !now.Before(l.doubted[k])
}

// doubt has settings read each time for a while: somebody is changing them.
func (l *levels) doubt(k session.Key, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.doubted == nil {
		l.doubted = map[session.Key]time.Time{}
	}
	for old, until := range l.doubted {
		if !now.Before(until) {
			delete(l.doubted, old)
		}
	}
	l.doubted[k] = now.Add(doubtTime)
}

func (l *levels) keep(k session.Key, set session.Settings, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept == nil {
		l.kept = map[session.Key]level{}
	}
	if _, ok := l.kept[k]; !ok && len(l.kept) >= maxLevels {
		for old := range l.kept { // any: it is read again when it is needed
			delete(l.kept, old)
			break
		}
	}
	l.kept[k] = level{set, until}
}

// known is the tree of a place if all of it is known freshly.
func (b *Bot) known(p place) (session.Tree, bool) {
	t, missing := b.treeKnown(p)
	return t, len(missing) == 0
}

func (b *Bot) treeKnown(p place) (t session.Tree, missing []session.Level) {
	t[session.LevelDefault] = b.defaults()
	now := time.Now()
	for l := session.LevelServer; l <= session.LevelThread; l++ {
		k, ok := p.at(l)
		if !ok {
			continue
		}
		set, fresh := b.levels.find(k, now)
		t[l] = set
		if !fresh {
			missing = append(missing, l)
		}
	}
	return t, missing
}

// tree is the settings of a place, in one round trip to the store at most. With an
// error, what was known before is returned, and is taken to hold for a second.
func (b *Bot) tree(ctx context.Context, p place) (session.Tree, error) {
	t, missing := b.treeKnown(p)
	if len(missing) == 0 {
		return t, nil
	}
	return b.readTree(ctx, p, t, missing)
}

// freshTree is tree without what is known from before.
func (b *Bot) freshTree(ctx context.Context, p place) (session.Tree, error) {
	t, _ := b.treeKnown(p)
	var all []session.Level
	for l := session.LevelServer; l <= session.LevelThread; l++ {
		if _, ok := p.at(l); ok {
			all = append(all, l)
		}
	}
	return b.readTree(ctx, p, t, all)
}

// treeAnyway is tree; where the settings cannot be read, those of before hold.
func (b *Bot) treeAnyway(ctx context.Context, p place) session.Tree {
	t, err := b.tree(ctx, p)
	if err != nil {
		b.log.Warn("the settings of a place could not be read; those of before hold", "channel", p.channel, "thread", p.thread, "err", err)
	}
	return t
}

func (b *Bot) readTree(ctx context.Context, p place, t session.Tree, which []session.Level) (session.Tree, error) {
	keys := make([]session.Key, len(which))
	for i, l := range which {
		keys[i], _ = p.at(l)
	}
	read, err := b.store.SettingsOf(ctx, keys...)
	if err != nil {
		for i, l := range which {
			b.levels.keep(keys[i], t[l], time.Now().Add(time.Second))
		}
		return t, err
	}
	until := time.Now().Add(levelsAge)
	for i, l := range which {
		t[l] = read[i]
		b.levels.keep(keys[i], read[i], until)
	}
	return t, nil
}

// above are the settings in force but for the conversation's own level.
func above(t session.Tree, p place) session.Settings {
	t[p.level()] = session.Settings{}
	return p.worded(t.Merged())
}

// here is the place of an interaction and the settings there, in time for its
// acknowledgement.
func (b *Bot) here(ctx context.Context, i *discordgo.Interaction) (place, session.Tree, error) {
	short, cancel := soon(ctx)
	defer cancel()
	p := b.findPlace(short, i.GuildID, i.ChannelID)
	t, err := b.freshTree(short, p)
	return p, t, err
}
