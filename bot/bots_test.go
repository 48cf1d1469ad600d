package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/bot/config"
	"moebot/bot/discord"
	"moebot/bot/discordtest"
	"moebot/bot/shards"
	"moebot/session/redisstore"
)

// A gateway shard that Discord refuses for good stays this process's, and the log says so
// at once.
func TestShardRefusedForGood(t *testing.T) {
	m := miniredis.RunT(t)
	store, err := redisstore.New(redis.NewClient(&redis.Options{Addr: m.Addr(), ContextTimeoutEnabled: true}), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	d := discordtest.New(discordtest.Options{})
	if err := d.Start(""); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.Faults().RefuseIdentify(4004, 1)
	log, silent := &buffer{}, slog.New(slog.DiscardHandler)
	s := &service{cfg: config.Default(), log: slog.New(slog.NewTextHandler(log, nil)), store: store, mind: testMind(t)}
	s.chat = chat.New(store, s.mind, chat.Options{QueueLen: 8, Timeout: time.Minute, Rules: &s.rules, Log: silent})
	defer s.chat.Close(context.Background())
	s.discord = discord.Options{Token: d.Token(), Transport: d.Transport(), Log: silent, Policy: policy(s.cfg)}
	s.bots.setPolicy(s.discord.Policy)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.hold(ctx, shards.New(store.Client(), shards.Options{Log: silent}), 0, 1)
	}()
	defer func() { cancel(); <-done }()
	waitFor(t, "the log says that the shard is refused", 20*time.Second, func() bool { return strings.Contains(log.String(), "Discord refuses") })
	if n := len(s.bots.all()); n != 1 {
		t.Errorf("%d shards are held", n)
	}
}

// Even before a gateway knows how many shards there are, /readyz says why it is not ready.
func TestNotReadyIsExplained(t *testing.T) {
	if ok, why := (&bots{}).ready(); ok || why == "" {
		t.Errorf("without a connection: %v, %q", ok, why)
	}
}
