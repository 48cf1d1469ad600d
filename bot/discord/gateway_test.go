package discord

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"moebot/bot/discordtest"
	"moebot/session/redisstore"
)

func TestIntentsAndTokens(t *testing.T) {
	w := newWorld(t, discordtest.Options{Denied: discordtest.IntentMessageContent}, Options{MessageContent: true}, true)
	if w.bot.MessageContent() || !strings.Contains(w.logged(), "MESSAGE_CONTENT intent is off") {
		t.Error("the missing intent is not noticed")
	}
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.send(c, w.mia.ID, w.at("hello"))
	w.says(c, "re: hello")

	bad := newWorld(t, discordtest.Options{}, Options{}, false)
	bad.d.Faults().RefuseIdentify(4004, 1)
	if err := bad.bot.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "DISCORD_TOKEN") {
		t.Errorf("a wrong token gives %v", err)
	}
	if ok, why := bad.bot.Ready(); ok || !strings.Contains(why, "DISCORD_TOKEN") {
		t.Errorf("ready: %v, %q", ok, why)
	}
}

func TestReconnects(t *testing.T) {
	w := newWorld(t, discordtest.Options{Heartbeat: 300 * time.Millisecond}, Options{MessageContent: true, Silence: 700 * time.Millisecond}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.send(c, w.mia.ID, w.at("before"))
	w.says(c, "re: before")
	f := w.d.Faults()
	for i, fault := range []func(){
		func() { f.Cut() }, func() { f.Reconnect() }, func() { f.InvalidSession(true) }, func() { f.CloseGateway(4000) },
		func() { f.RefuseResume(1); f.Cut() }, // what comes meanwhile is only found by looking
		func() { f.IgnoreHeartbeats(true); time.Sleep(1200 * time.Millisecond); f.IgnoreHeartbeats(false) },
	} {
		fault()
		q := fmt.Sprint("after fault ", i)
		w.send(c, w.mia.ID, w.at(q))
		w.says(c, "re: "+q)
	}
	if w.bot.Reconnects() < 3 {
		t.Errorf("%d reconnects", w.bot.Reconnects())
	}
	if !strings.Contains(w.logged(), "does not answer heartbeats") {
		t.Error("the silent connection was not noticed")
	}
	if n := len(w.replies(c)); n != 7 {
		t.Errorf("%d answers to 7 questions", n)
	}
}

func TestNoPermissionSettlesTheQuestion(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.d.Faults().REST(discordtest.RESTFault{Method: "POST", Route: "/channels/{channel}/messages", Count: 2, Status: 403})
	w.send(c, w.mia.ID, w.at("hello"))
	w.until("settled", func() bool { return w.chat.Stats().Failed == 1 })
	w.send(c, w.mia.ID, w.at("again"))
	w.says(c, "re: again")
}

// An event that comes again hours later, when neither the store nor the process knows the
// message any more, is answered by nobody; nor is one of lately.
func TestRepeatedLongAfter(t *testing.T) {
	clock := discordtest.NewManualClock(time.Now().Add(-3 * time.Hour))
	limits := discordtest.Limits{Off: true, Global: 1}
	r := miniredis.RunT(t)
	store, err := redisstore.New(redis.NewClient(&redis.Options{Addr: r.Addr(), ContextTimeoutEnabled: true}), redisstore.Options{SeenIDs: 4})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldOf(t, discordtest.Options{Clock: clock, Limits: limits}, Options{MessageContent: true}, parts{store: store}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	ask := func(text string) string {
		m := w.send(c, w.mia.ID, w.at(text))
		w.says(c, "re: "+text)
		w.idle(c, m.ID)
		return m.ID
	}
	old := ask("long ago")
	clock.Advance(2 * time.Hour)
	for i := range 3 { // with its answers more than the store knows
		ask(fmt.Sprint("later ", i))
	}
	w.stop(time.Second)
	w.restart(w.store)
	lately := ask("after the restart")
	for _, id := range []string{old, lately} {
		if !w.d.Faults().Repeat(c, id) {
			t.Fatal("the message is gone")
		}
	}
	ask("the end")
	if n := len(w.replies(c)); n != 6 {
		t.Errorf("%d answers to 6 questions", n)
	}
}
