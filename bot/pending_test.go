package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/bot/config"
	"moebot/bot/discord"
	"moebot/bot/discordtest"
	"moebot/session"
	"moebot/session/redisstore"
)

// A question that a process was at when it died is answered by another, once the dead
// one is not in charge of it any more.
func TestTakeOver(t *testing.T) {
	m := miniredis.RunT(t)
	open := func() *redisstore.Store {
		s, err := redisstore.New(redis.NewClient(&redis.Options{Addr: m.Addr(), ContextTimeoutEnabled: true}), redisstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	d := discordtest.New(discordtest.Options{})
	if err := d.Start(""); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	owner := d.AddUser("owner")
	g := d.AddGuild("guild", owner.ID)
	d.AddMember(g.ID, d.Bot().ID)
	c := d.AddChannel(g.ID, "general").ID
	asked, err := d.Send(c, owner.ID, "hello")
	if err != nil {
		t.Fatal(err)
	}
	dead := open()
	key := session.Key{Channel: c}
	if _, ok, err := dead.Accept(t.Context(), key, session.Turn{ID: asked.ID, Role: session.RoleUser, AuthorID: owner.ID, Text: "hello"}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	log := slog.New(slog.DiscardHandler)
	s := &service{log: log, store: open(), mind: testMind(t)}
	s.rules.set(config.Default().Safety)
	s.chat = chat.New(s.store, s.mind, chat.Options{QueueLen: 8, Timeout: time.Minute, Rules: &s.rules, Log: log})
	defer s.chat.Close(context.Background())
	bot, err := discord.New(s.chat, s.store, discord.Options{Token: d.Token(), Transport: d.Transport(), Log: log, Policy: policy(config.Default())})
	if err != nil {
		t.Fatal(err)
	}
	s.bots.setPolicy(policy(config.Default()))
	s.bots.put(0, bot)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.takeOver(ctx, 20*time.Millisecond) }()
	defer func() { cancel(); <-done }()
	time.Sleep(200 * time.Millisecond)
	if n := len(d.Messages(c)); n != 1 {
		t.Fatalf("%d messages while the dead process is in charge", n)
	}
	m.FastForward(16 * time.Second)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		sess, err := s.store.Load(t.Context(), key)
		if _, ok := sess.AnswerTo(asked.ID); err == nil && ok {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("never answered: %+v, %v", sess.Turns, err)
		}
	}
	if n := len(d.Messages(c)); n != 2 {
		t.Errorf("%d messages, want the question and one answer", n)
	}
}
