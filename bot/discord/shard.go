package discord

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/bwmarrin/discordgo"
)

// Shard is a part of the servers: those with (id >> 22) mod Count = ID, and, for the
// first, direct messages (events/gateway, Sharding). The zero value is all of them.
type Shard struct{ ID, Count int }

// all reports whether there is only one part.
func (s Shard) all() bool { return s.Count <= 1 }

// has reports whether a server, "" for direct messages, belongs to it.
func (s Shard) has(server string) bool {
	if s.all() {
		return true
	}
	if server == "" {
		return s.ID == 0
	}
	id, err := strconv.ParseUint(server, 10, 64)
	return err == nil && int(id>>22%uint64(s.Count)) == s.ID
}

// Recommended is how many shards Discord wants of a bot, and how many of them may begin
// a session at a time (events/gateway, Get Gateway Bot). An error that trying again
// does not mend says what to do, as that of Open.
func Recommended(ctx context.Context, o Options) (shards, concurrency int, err error) {
	dg, err := client(o)
	if err != nil {
		return 0, 0, err
	}
	defer dg.Client.CloseIdleConnections()
	g, err := dg.GatewayBot(once(ctx)...)
	if what := fatal(err); what != "" {
		return 0, 0, fatalError{what, err}
	}
	if err != nil {
		return 0, 0, fmt.Errorf("discord: ask for the gateway: %w", err)
	}
	return max(1, g.Shards), max(1, g.SessionStartLimit.MaxConcurrency), nil
}

// fatalError is one that trying again does not mend.
type fatalError struct {
	what string
	err  error
}

func (e fatalError) Error() string { return fmt.Sprintf("discord: %s (%v)", e.what, e.err) }
func (e fatalError) Unwrap() error { return e.err }

// ForGood reports whether an error of Open or Recommended is not mended by trying again.
func ForGood(err error) bool {
	var f fatalError
	return errors.As(err, &f)
}

// Serves reports whether a channel belongs to this bot's shard; what cannot be found
// out is none of its.
func (b *Bot) Serves(ctx context.Context, channel string) bool {
	yes, err := b.serves(ctx, channel)
	return yes && err == nil
}

// serves is Serves; an error says that it may be found out later. A channel that is gone or
// shut to the bot is nobody's.
func (b *Bot) serves(ctx context.Context, channel string) (bool, error) {
	if b.opt.Shard.all() {
		return true, nil
	}
	if server, ok := b.opt.Homes.find(channel); ok {
		return b.opt.Shard.has(server), nil
	}
	c, err := b.channel(ctx, channel)
	if err != nil {
		if passing(err) || ctx.Err() != nil {
			return false, fmt.Errorf("discord: whose channel %s is: %w", channel, err)
		}
		return false, nil
	}
	b.opt.Homes.keep(channel, c.GuildID)
	return b.opt.Shard.has(c.GuildID), nil
}

// Homes are the servers of channels that were asked for, "" for direct messages: they
// never change, and a bot of one shard is told of its own only. It is safe for concurrent
// use; the zero value knows none.
type Homes struct {
	mu      sync.Mutex
	servers map[string]string
}

// maxHomes bounds the channels that are remembered.
const maxHomes = 20000

func (h *Homes) find(channel string) (server string, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	server, ok = h.servers[channel]
	return server, ok
}

func (h *Homes) keep(channel, server string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.servers == nil {
		h.servers = map[string]string{}
	}
	for old := range h.servers { // any: it is asked for again
		if len(h.servers) < maxHomes {
			break
		}
		delete(h.servers, old)
	}
	h.servers[channel] = server
}

// factOf is the name of a fact of this bot's part.
func (b *Bot) factOf(name string) string {
	if b.opt.Shard.all() {
		return name
	}
	return fmt.Sprintf("%s/%d-%d", name, b.opt.Shard.ID, b.opt.Shard.Count)
}

// client makes a session of discordgo whose requests go where the options say.
func client(o Options) (*discordgo.Session, error) {
	dg, err := discordgo.New("Bot " + o.Token)
	if err != nil {
		return nil, err
	}
	transport := o.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	if o.APIBase != "" {
		base, err := baseOf(o.APIBase)
		if err != nil {
			return nil, err
		}
		transport = newRebase(base, transport)
	}
	dg.Client = &http.Client{Transport: transport, Timeout: requestTime}
	return dg, nil
}
