package discordtest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"moebot/bot/discordtest"
)

func TestSubscribe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	events := w.Subscribe(ctx)
	position := w.Position()
	m, _ := w.Send(w.channel.ID, w.bob.ID, "one")
	w.Edit(w.channel.ID, m.ID, w.bob.ID, "two")
	w.Typing(w.channel.ID, w.ada.ID)
	w.Delete(w.channel.ID, m.ID, w.bob.ID)
	for i, want := range []discordtest.EventKind{discordtest.MessageCreated, discordtest.MessageUpdated, discordtest.TypingStarted, discordtest.MessageDeleted} {
		e := next(t, events)
		if e.Kind != want || e.ChannelID != w.channel.ID || e.Seq != position+uint64(i)+1 {
			t.Errorf("event %d: %+v, want %s", i, e, want)
		}
	}
	cancel()
	if e, ok := <-events; ok {
		t.Errorf("event %+v after the end", e)
	}
}

// TestSlowSubscriber: whoever does not read is told to look anew, and holds up nobody.
func TestSlowSubscriber(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{History: 10})
	slow := w.Subscribe(t.Context())
	for i := range 5000 {
		if _, err := w.Send(w.channel.ID, w.bob.ID, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	var last discordtest.Event
	for e := range slow {
		n++
		last = e
	}
	if last.Kind != discordtest.Resync || n > 4096 {
		t.Errorf("%d events, the last %+v", n, last)
	}
	if got := len(w.Messages(w.channel.ID)); got > 13 {
		t.Errorf("%d messages kept with a history of 10", got)
	}
}

func TestMessagesBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	var ids []string
	for i := range 5 {
		m, _ := w.Send(w.channel.ID, w.bob.ID, fmt.Sprint(i))
		ids = append(ids, m.ID)
	}
	var got []string
	for _, m := range w.MessagesBefore(w.channel.ID, ids[3], 2) {
		got = append(got, m.Content)
	}
	if strings.Join(got, "") != "12" {
		t.Errorf("got %v", got)
	}
}

func BenchmarkSend(b *testing.B) {
	s := discordtest.New(discordtest.Options{History: 100})
	defer s.Close()
	ada := s.AddUser("Ada")
	c := s.AddChannel(s.AddGuild("Home", ada.ID).ID, "general")
	for b.Loop() {
		if _, err := s.Send(c.ID, ada.ID, "hello"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkREST is one message of the bot over HTTP, in and out again by the gateway's queue.
func BenchmarkREST(b *testing.B) {
	s := discordtest.New(discordtest.Options{History: 100, Limits: unlimited})
	if err := s.Start(""); err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	ada := s.AddUser("Ada")
	w := &world{Server: s, channel: s.AddChannel(s.AddGuild("Home", ada.ID).ID, "general")}
	path, body := "/channels/"+w.channel.ID+"/messages", []byte(`{"content":"hello"}`)
	for b.Loop() {
		if status, _, answer := w.request(b, "POST", path, "application/json", body); status != 200 {
			b.Fatal(string(answer))
		}
	}
}
