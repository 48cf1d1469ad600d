package discord

import (
	"context"
	"fmt"
	"testing"
	"time"

	"moebot/bot/discordtest"
	"moebot/session"
)

// Each channel is one shard's. Whose it is is asked once by a process; that it cannot be
// asked is no answer.
func TestServes(t *testing.T) {
	var homes Homes
	w := newWorld(t, discordtest.Options{}, Options{Shard: Shard{0, 2}, Homes: &homes}, false)
	other, err := New(w.chat, w.store, Options{Token: w.d.Token(), Transport: w.d.Transport(), Log: w.bot.log, Shard: Shard{1, 2}, Homes: &homes})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	c, gone := w.d.AddChannel(w.guild.ID, "general").ID, "123456789"
	lift := w.d.Faults().REST(discordtest.RESTFault{Route: "/channels/{channel}", Status: 503})
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if yes, err := w.bot.serves(short, c); yes || err == nil {
		t.Errorf("while Discord is away: %v, %v", yes, err)
	}
	turn := session.Turn{ID: "1", Role: session.RoleUser, Text: "hi", Time: time.Now()}
	if _, ok, err := w.store.Accept(t.Context(), session.Key{Channel: c}, turn); !ok || err != nil {
		t.Fatal(err)
	}
	if err := w.bot.recallPending(short); err == nil {
		t.Error("a question that is pending is taken to be another's")
	}
	lift()
	asked := func() int64 { return int64(w.d.Requests()["GET /channels/{channel}"].Requests) }
	before := asked()
	for range 3 {
		if a, b := w.bot.Serves(t.Context(), c), other.Serves(t.Context(), c); a == b {
			t.Errorf("served by the one: %v, by the other: %v", a, b)
		}
	}
	if n := asked() - before; n != 1 {
		t.Errorf("asked %d times", n)
	}
	if yes, err := w.bot.serves(t.Context(), gone); yes || err != nil {
		t.Errorf("a channel that is gone: %v, %v", yes, err)
	}
	for i := range maxHomes + 5 {
		homes.keep(fmt.Sprint(i), "1")
	}
	if n := len(homes.servers); n != maxHomes {
		t.Errorf("%d channels are remembered", n)
	}
}
