package discord

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/gorilla/websocket"

	"moebot/bot/chat"
	"moebot/session"
)

// handlers registers what happens with events. They run on the connection's reader,
// some while discordgo holds its lock: they must neither wait nor call the session.
func (b *Bot) handlers() {
	// discordgo would keep its state before it calls handlers, and not survive what it
	// does not expect in an event: here a panic of it is contained.
	keeper := &discordgo.Session{StateEnabled: true}
	b.dg.StateEnabled = false
	b.dg.AddHandler(func(_ *discordgo.Session, e any) {
		b.contain("state", func() { _ = b.dg.State.OnInterface(keeper, e) }) // an error says that something is not known
	})
	handle(b, "ready", b.onReady)
	handle(b, "resumed", func(*discordgo.Resumed) { b.ready.Store(true) })
	handle(b, "disconnect", func(*discordgo.Disconnect) {
		b.ready.Store(false)
		what := "the connection to Discord was lost; connecting again"
		b.trouble.Store(&what)
		select {
		case b.lost <- struct{}{}:
		default:
		}
	})
	b.threadHandlers()
	handle(b, "message", func(e *discordgo.MessageCreate) { b.onMessage(e.Message) })
	handle(b, "edit", func(e *discordgo.MessageUpdate) { b.onEdit(e.Message) })
	handle(b, "delete", func(e *discordgo.MessageDelete) {
		if e.Message != nil {
			b.onDelete(e.ChannelID, e.ID)
		}
	})
	handle(b, "delete", func(e *discordgo.MessageDeleteBulk) { b.onDelete(e.ChannelID, e.Messages...) })
	handle(b, "interaction", func(e *discordgo.InteractionCreate) {
		if b.ctx.Err() == nil && e.Interaction != nil {
			b.begin(func() { b.contain("interaction", func() { b.onInteraction(e.Interaction) }) })
		}
	})
}

// handle registers what happens with events of one type; a panic is contained.
func handle[E any](b *Bot, what string, f func(*E)) {
	b.dg.AddHandler(func(_ *discordgo.Session, e *E) { b.contain(what, func() { f(e) }) })
}

// threadHandlers registers what keeps up with the threads that the bot is in.
func (b *Bot) threadHandlers() {
	handle(b, "server", func(e *discordgo.GuildCreate) {
		if e.Guild == nil {
			return
		}
		for _, t := range e.Threads {
			b.seen.thread(t.ID, t.Member != nil)
		}
		b.skipQuiet(e.Channels)
		b.skipQuiet(e.Threads)
		b.readUnknown(e.Guild)
	})
	handle(b, "thread", func(e *discordgo.ThreadCreate) {
		if e.Channel != nil {
			b.seen.thread(e.ID, e.Member != nil)
		}
	})
	handle(b, "threads", func(e *discordgo.ThreadListSync) {
		for _, m := range e.Members {
			if m != nil {
				b.seen.thread(m.ID, true)
			}
		}
	})
	handle(b, "thread", func(e *discordgo.ThreadMembersUpdate) {
		for _, m := range e.AddedMembers {
			if m.ThreadMember != nil {
				b.seen.thread(e.ID, m.UserID == b.me())
			}
		}
		for _, id := range e.RemovedMembers {
			if id == b.me() {
				b.seen.leave(e.ID)
			}
		}
	})
	handle(b, "thread", func(e *discordgo.ThreadMemberUpdate) {
		if e.ThreadMember != nil {
			b.seen.thread(e.ID, true)
		}
	})
	handle(b, "thread", func(e *discordgo.ThreadUpdate) {
		if e.Channel != nil && e.ThreadMetadata != nil {
			b.seen.archive(e.ID, e.ThreadMetadata.Archived)
		}
	})
	handle(b, "thread", func(e *discordgo.ThreadDelete) {
		if e.Channel != nil {
			b.seen.leave(e.ID)
		}
	})
}

// onDelete forgets messages.
func (b *Bot) onDelete(channel string, messages ...string) {
	b.refers.drop(func(t session.Turn) bool { return slices.Contains(messages, t.ID) })
	for _, id := range messages {
		b.seen.deleted(channel, id)
		if b.ctx.Err() == nil {
			b.chat.Remove(session.Key{Channel: channel}, id)
		}
	}
}

// contain keeps a panic to the event that caused it.
func (b *Bot) contain(what string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			b.log.Error("an event caused a panic", "event", what, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	f()
}

func (b *Bot) me() string {
	if u := b.self.Load(); u != nil {
		return u.ID
	}
	return ""
}

// application is the id under which commands are registered.
func (b *Bot) application() string {
	if id := b.app.Load(); id != nil {
		return *id
	}
	return b.me()
}

func (b *Bot) onReady(e *discordgo.Ready) {
	b.self.Store(e.User)
	app := e.User.ID
	if e.Application != nil && e.Application.ID != "" {
		app = e.Application.ID
	}
	b.app.Store(&app)
	b.trouble.Store(nil)
	b.log.Info("connected to Discord", "bot", e.User.Username, "servers", len(e.Guilds), "message_content", b.content.Load())
	// Each READY was an IDENTIFY, of which Discord allows 1000 a day; see connect.
	b.identifies.Allow()
	// READY and not RESUMED: what was said in between never comes by itself
	gap := b.gaps.Add(1)
	b.seen.hold()
	b.seen.listen(time.Now())
	b.ready.Store(true) // what waits is known, see TakeUp
	if end := b.endScan.Load(); end != nil {
		(*end)()
	}
	b.begin(func() { b.contain("rescan", func() { b.rescan(gap) }) })
	if b.opt.Shard.ID == 0 {
		b.begin(func() { b.contain("commands", b.register) })
	}
}

func (b *Bot) onMessage(m *discordgo.Message) {
	if b.ctx.Err() != nil || m == nil || b.repeated(m) || b.seen.keep(m) {
		return
	}
	taken := b.seen.asking(m.ChannelID, m.ID)
	b.seen.heard(m.ChannelID, m.ID)
	q, ok := b.question(m, false)
	if !ok {
		taken()
		return
	}
	q.Taken = taken
	if err := b.chat.Ask(q); err != nil && !errors.Is(err, chat.ErrFull) && b.ctx.Err() == nil {
		b.log.Warn("a question was not taken", "channel", m.ChannelID, "message", m.ID, "err", err)
	}
}

// repeated reports whether a message is so much older than what was last said in its
// channel that it was delivered long ago. The store knows what it answered, but not
// for ever. Our own clock is not asked: it may be wrong.
func (b *Bot) repeated(m *discordgo.Message) bool {
	last, err1 := discordgo.SnowflakeTimestamp(b.seen.lastIn(m.ChannelID))
	said, err2 := discordgo.SnowflakeTimestamp(m.ID)
	return err1 == nil && err2 == nil && last.Sub(said) > b.opt.RescanAge
}

// onEdit notes what a message says now. Updates that are no edit by its author, such as
// a link's preview, have no time of one (resources/message, edited_timestamp), and
// those that Discord shows no content of say nothing.
func (b *Bot) onEdit(m *discordgo.Message) {
	if b.ctx.Err() != nil || m == nil || m.EditedTimestamp == nil || m.Content == "" || m.Author == nil || m.Author.Bot {
		return
	}
	b.seen.edited(m)
	b.edited(m)
}

// edited has the chat know what a message says now.
func (b *Bot) edited(m *discordgo.Message) {
	b.chat.Edited(session.Key{Channel: m.ChannelID}, m.ID, func(ctx context.Context) string {
		text, err := b.whole(ctx, m)
		if err != nil { // rather as it was than without its file
			b.log.Warn("an edited message stays as it was: its file could not be read", "channel", m.ChannelID, "message", m.ID, "err", err)
			return ""
		}
		if b.blockedAt(m.GuildID, m.ChannelID, text) {
			return ""
		}
		return text
	}, func(a session.Turn) {
		b.begin(func() { b.contain("edit", func() { b.offer(m.ChannelID, m.ID, a) }) })
	})
}

// offer puts a button below an answer whose question was edited since.
func (b *Bot) offer(channel, question string, a session.Turn) {
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	asker, last := "", a.ID
	if a.Answer != nil {
		asker = a.Answer.For
		if n := len(a.Answer.More); n > 0 {
			last = a.Answer.More[n-1]
		}
	}
	err := insist(ctx, func() error {
		return b.rest().dress(ctx, channel, last, endRow(chat.EndOf(a), question, asker))
	})
	if err != nil && b.ctx.Err() == nil {
		b.log.Warn("an answer to an edited question could not be marked", "channel", channel, "message", last, "err", err)
	}
}

// fatal says what to do about a close code after which trying again is no use
// (topics/opcodes-and-status-codes, Gateway Close Event Codes), "" for others.
func fatal(err error) string {
	var ce *websocket.CloseError
	if errors.As(err, &ce) {
		switch ce.Code {
		case 4004:
			return "Discord does not accept the token: copy it again from the developer portal into DISCORD_TOKEN"
		case 4010, 4011:
			return "Discord wants this bot in more gateway shards: start it with -role gateway and workers, and leave roles.shards at 0"
		case 4012:
			return "Discord does not support this version of its API any more"
		case 4013:
			return "Discord does not know an intent that was asked for"
		case 4014:
			return "the MESSAGE_CONTENT intent is not allowed for this bot"
		}
	}
	var re *discordgo.RESTError
	if errors.As(err, &re) && re.Response != nil && re.Response.StatusCode == 401 {
		return "Discord does not accept the token: copy it again from the developer portal into DISCORD_TOKEN"
	}
	return ""
}

// Discord allows 1000 IDENTIFYs a day and then resets the token (events/gateway,
// Identifying). A connection that is lost at once each time must not use them up.
const (
	identifyEvery = 90 * time.Second
	identifyBurst = 30
)

// disallowedIntents is the close code for a privileged intent that is switched off.
const disallowedIntents = 4014

// connect opens the connection, waiting longer after each failure, until it
// succeeds, ctx or the bot ends, or trying is no use.
func (b *Bot) connect(ctx context.Context) error {
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		if lacking := 1 - b.identifies.Tokens(); lacking > 0 {
			pause := time.Duration(lacking * float64(identifyEvery))
			b.log.Warn("too many new sessions with Discord; waiting so as not to use up the day's", "in", pause.Round(time.Second))
			if err := b.sleep(ctx, pause); err != nil {
				return err
			}
		}
		if b.opt.Identify != nil { // resuming, too: discordgo identifies at once if that is refused
			ctx, cancel := context.WithCancel(ctx)
			stop := context.AfterFunc(b.ctx, cancel)
			err := b.opt.Identify(ctx)
			stop()
			cancel()
			if err != nil {
				return err
			}
		}
		b.dg.Identify.Intents = discordgo.IntentsGuilds | discordgo.IntentsGuildMessages | discordgo.IntentsDirectMessages
		if b.content.Load() {
			b.dg.Identify.Intents |= discordgo.IntentMessageContent
		}
		err := b.dg.Open()
		if err == nil || errors.Is(err, discordgo.ErrWSAlreadyOpen) {
			b.opened.Add(1)
			return nil
		}
		var ce *websocket.CloseError
		if errors.As(err, &ce) && ce.Code == disallowedIntents && b.content.Load() {
			b.content.Store(false)
			b.log.Warn("the MESSAGE_CONTENT intent is off for this bot: going on with mentions, replies and direct messages; " +
				"switch it on in the developer portal (Bot, Privileged Gateway Intents), or set discord.message_content = false")
			continue
		}
		if what := fatal(err); what != "" {
			b.trouble.Store(&what)
			return fatalError{what, err}
		}
		what := "Discord cannot be reached: " + err.Error()
		b.trouble.Store(&what)
		// jitter, so that many bots do not come back in one moment
		pause := wait/2 + time.Duration(rand.Int64N(int64(wait)))
		b.log.Warn("no connection to Discord; trying again", "in", pause.Round(time.Millisecond), "err", err)
		if err := b.sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// sleep waits, unless ctx or the bot ends before.
func (b *Bot) sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-b.ctx.Done():
		return b.ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// keepConnected opens the connection again each time it is lost.
func (b *Bot) keepConnected() {
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-b.lost:
		}
		if b.ctx.Err() != nil {
			return
		}
		if err := b.connect(b.ctx); err != nil && b.ctx.Err() == nil {
			b.log.Error("the connection to Discord is lost for good", "err", err)
			return
		}
	}
}

// watchdog closes a connection whose heartbeats are not acknowledged: discordgo
// notices only after five. The close code is neither 1000 nor 1001, so that the
// session can be resumed (events/gateway, Sending Heartbeats).
func (b *Bot) watchdog() {
	tick := time.NewTicker(min(5*time.Second, b.opt.Silence/4))
	defer tick.Stop()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-tick.C:
		}
		b.dg.RLock()
		silent := time.Since(b.dg.LastHeartbeatAck)
		b.dg.RUnlock()
		if b.ready.Load() && silent > b.opt.Silence {
			b.log.Warn("Discord does not answer heartbeats; connecting again", "silent", silent.Round(time.Millisecond))
			b.dg.CloseWithCode(4000)
		}
	}
}
