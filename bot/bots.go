package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"moebot/bot/discord"
	"moebot/bot/shards"
)

// bots are the connections to Discord: one, or one for each gateway shard of this
// process.
type bots struct {
	mu     sync.Mutex
	list   map[int]*discord.Bot // by shard
	former map[int]*discord.Bot // of shards let go
	policy discord.Policy
	keeper *shards.Keeper // nil where there is only one connection
	wrong  string         // why there are no shards; empty while they are counted
}

func (b *bots) put(shard int, bot *discord.Bot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.list == nil {
		b.list, b.former = map[int]*discord.Bot{}, map[int]*discord.Bot{}
	}
	bot.SetPolicy(b.policy)
	b.list[shard] = bot
}

func (b *bots) drop(shard int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.former[shard] = b.list[shard]
	delete(b.list, shard)
}

// before is who had a shard before, nil for nobody.
func (b *bots) before(shard int) *discord.Bot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.former[shard]
}

func (b *bots) all() []*discord.Bot {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*discord.Bot
	for _, i := range slices.Sorted(maps.Keys(b.list)) {
		out = append(out, b.list[i])
	}
	return out
}

// setPolicy changes that of all, and of those to come.
func (b *bots) setPolicy(p discord.Policy) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.policy = p
	for _, bot := range b.list {
		bot.SetPolicy(p)
	}
}

// serving is who serves a channel, nil if that is not this process.
func (b *bots) serving(ctx context.Context, channel string) *discord.Bot {
	for _, bot := range b.all() {
		if bot.Serves(ctx, channel) {
			return bot
		}
	}
	return nil
}

// server is the server of a channel, "" if it is not known or there is none.
func (b *bots) server(channel string) string {
	for _, bot := range b.all() {
		if s := bot.Server(channel); s != "" {
			return s
		}
	}
	return ""
}

// ready reports whether all connections are up, and if not, why. A process that got no
// shard yet, since others have them all, is ready to get one.
func (b *bots) ready() (bool, string) {
	b.mu.Lock()
	keeper, wrong := b.keeper, b.wrong
	b.mu.Unlock()
	list := b.all()
	for _, bot := range list {
		if ok, why := bot.Ready(); !ok {
			return false, why
		}
	}
	if len(list) > 0 {
		return true, ""
	}
	if keeper == nil {
		return false, cmp.Or(wrong, "not connected to Discord yet")
	}
	_, well := keeper.Held()
	return well, "gateway shards cannot be had: is Redis running at REDIS_URL?"
}

// sum adds up a figure of all connections.
func (b *bots) sum(f func(*discord.Bot) int64) (n int64) {
	for _, bot := range b.all() {
		n += f(bot)
	}
	return n
}

// latency is the slowest connection's.
func (b *bots) latency() (d time.Duration) {
	for _, bot := range b.all() {
		d = max(d, bot.Latency())
	}
	return d
}

// hush has no more messages and commands taken.
func (b *bots) hush() {
	for _, bot := range b.all() {
		bot.Hush()
	}
}

// holdShards connects the gateway shards that this process gets, until ctx ends. If
// Discord refuses for good, the program stays, as connect has it.
func (s *service) holdShards(ctx context.Context) {
	n, concurrency, err := s.countShards(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Error("Discord refuses the bot; mend it and start again", "err", err)
		}
		return
	}
	keeper := shards.New(s.store.Client(), shards.Options{Count: n, Concurrency: concurrency, Lease: time.Duration(s.cfg.Roles.ShardLease), Log: s.log})
	s.bots.mu.Lock()
	s.bots.keeper = keeper
	s.bots.mu.Unlock()
	keeper.Run(ctx, func(ctx context.Context, i int) { s.hold(ctx, keeper, i, n) })
}

// countShards finds out how many gateway shards there are, and how many of them may
// begin a session at a time, trying again while Discord or Redis is away.
func (s *service) countShards(ctx context.Context) (n, concurrency int, err error) {
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		n, concurrency, err = discord.Recommended(ctx, s.discord)
		if err == nil {
			if s.cfg.Roles.Shards > 0 {
				n = s.cfg.Roles.Shards
			}
			n, err = shards.Agree(ctx, s.store.Client(), shards.Options{Lease: time.Duration(s.cfg.Roles.ShardLease)}, n)
		}
		if err == nil {
			return n, concurrency, nil
		}
		s.bots.mu.Lock()
		s.bots.wrong = err.Error()
		s.bots.mu.Unlock()
		if discord.ForGood(err) {
			return 0, 0, err
		}
		s.log.Warn("it is not known how many gateway shards there are; trying again", "in", wait, "err", err)
		select {
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// hold connects a shard until ctx ends, and lets it go when no answer of it is under
// way: who gets it then finds the channels as they are.
func (s *service) hold(ctx context.Context, keeper *shards.Keeper, i, n int) {
	o := s.discord
	o.Shard, o.After = discord.Shard{ID: i, Count: n}, s.bots.before(i)
	o.Identify = func(ctx context.Context) error { return keeper.Identify(ctx, i) }
	bot, err := discord.New(s.chat, forgetful{s.store, s.mind}, o)
	if err != nil {
		s.log.Error("a gateway shard cannot be served", "shard", i, "of", n, "err", err)
		return
	}
	s.bots.put(i, bot)
	if err := bot.Open(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("Discord refuses a gateway shard; mend it and start again", "shard", i, "of", n, "err", err)
	}
	<-ctx.Done()
	bot.Hush()
	s.drain(bot)
	s.bots.drop(i)
	bot.Close()
}

// drain waits until nothing is under way in the channels of a shard.
func (s *service) drain(bot *discord.Bot) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(s.cfg.Reply.Timeout)+time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.log.Warn("a gateway shard is let go though answers of it are under way")
			return
		case <-tick.C: // after one tick: what was just taken is under way by then
		}
		if s.chat.Working(func(channel string) bool { return bot.Serves(ctx, channel) }) == 0 {
			return
		}
	}
}
