package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"moebot/bot/discord"
	"moebot/bot/discordtest"
	"moebot/bot/playground"
	"moebot/session"
)

// playgroundParts are the local Discord and its page.
type playgroundParts struct {
	token   string
	discord *discordtest.Server
	page    *playground.Server
	keeper  *playground.Keeper
	// restored is whether its channels are those of before.
	restored bool
}

// playgroundFile is kept beside the embedded store's journal.
const playgroundFile = "discord.json"

// playHistory is how many messages of a channel the local Discord remembers; fewer are
// kept in its file.
const playHistory = 2000

// openPlayground starts a Discord of this process, with the server, channels, people
// and messages of before, or new ones, and the page that shows it.
func openPlayground(s *service) (*playgroundParts, error) {
	d, keeper, restored, err := playground.Keep(filepath.Join(localDir(s.cfg), playgroundFile), discordtest.Options{Log: s.log, History: playHistory}, s.log)
	if err != nil {
		return nil, err
	}
	if err := d.Start("127.0.0.1:0"); err != nil {
		keeper.Close()
		return nil, fmt.Errorf("playground: %w", err)
	}
	memory := func(in discord.In) string {
		if s.local != nil {
			return in("embedded store, kept in ", "内置存储，保存在 ") + s.local.Path()
		}
		return s.store.Kind() + in(", at REDIS_URL", "，位于 REDIS_URL")
	}
	notices := []playground.Notice{
		{Label: "Model", Text: s.mind.describe(english), Chinese: s.mind.describe(chinese)},
		{Label: "Memory", Text: memory(english), Chinese: memory(chinese)},
		{Label: "Version", Text: programVersion()},
	}
	p := &playgroundParts{token: d.Token(), discord: d, keeper: keeper, restored: restored, page: playground.New(d, playground.Options{Notices: notices, Tracer: s.mind, Lab: s.mind.lab.Handler(s.conversation), Log: s.log})}
	s.mind.traced = p.page.Traced
	return p, nil
}

func (p *playgroundParts) close() {
	p.page.Close()
	p.keeper.Close()
	p.discord.Close()
}

// playStore is the bot's store in the playground: what the bot forgets is left out of
// the local Discord's file, too.
type playStore struct {
	forgetful
	keeper *playground.Keeper
}

// Reset is discord.Store.
func (s playStore) Reset(ctx context.Context, k session.Key) error {
	sess, err := s.Load(ctx, k)
	s.keeper.Reset(k.Channel, len(sess.Turns) > 0 || err != nil && !errors.Is(err, session.ErrNotFound))
	return s.forgetful.Reset(ctx, k)
}

// Undo is discord.Store.
func (s playStore) Undo(ctx context.Context, k session.Key) (int, error) {
	n, err := s.forgetful.Undo(ctx, k)
	if err == nil && n > 0 {
		s.keeper.Undo(k.Channel)
	}
	return n, err
}

// Forget is discord.Store.
func (s playStore) Forget(ctx context.Context, person string) (int, error) {
	s.keeper.Forget(person)
	return s.forgetful.Forget(ctx, person)
}
