package discord

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"moebot/bot/discordtest"
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
