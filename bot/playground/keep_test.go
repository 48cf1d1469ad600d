package playground_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"moebot/bot/discordtest"
	"moebot/bot/playground"
)

// More may happen between two writes than a subscriber of the Discord may be behind; what comes later is kept
// all the same.
func TestKeepAfterAFlood(t *testing.T) {
	file := filepath.Join(t.TempDir(), "playground.json")
	d, k, _, err := playground.Keep(file, discordtest.Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	defer k.Close()
	channel, author := "", d.Guilds()[0].OwnerID
	for _, c := range d.Channels() {
		if c.Kind == discordtest.TextChannel {
			channel = c.ID
		}
	}
	kept := func(text string) {
		t.Helper()
		if _, err := d.Send(channel, author, text); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			b, err := os.ReadFile(file)
			if err == nil && bytes.Contains(b, []byte(text)) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("the file has no %q: %v", text, err)
			}
		}
	}
	written := func() time.Time {
		t.Helper()
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	kept("before")
	for i := range 6000 {
		if _, err := d.Send(channel, author, fmt.Sprint("number ", i)); err != nil {
			t.Fatal(err)
		}
	}
	kept("the end of it")
	for at := written(); ; at = written() { // until it is at rest
		time.Sleep(time.Second)
		if written().Equal(at) {
			break
		}
	}
	kept("afterwards")
}

// Of who asks to be forgotten no word stays in the file, and none of what the bot said to them, in however many
// messages; of the others all stays.
func TestKeepForgets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "playground.json")
	d, k, _, err := playground.Keep(file, discordtest.Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	w := &world{discord: d}
	channel, bot, ada, jun := w.channel(t, "general"), d.Bot().ID, w.person(t, "Ada"), w.person(t, "Jun")
	say := func(as, text string, o ...discordtest.SendOption) string {
		t.Helper()
		m, err := d.Send(channel, as, text, o...)
		if err != nil {
			t.Fatal(err)
		}
		return m.ID
	}
	remove := func(id string) {
		t.Helper()
		if err := d.Delete(channel, id, ada); err != nil {
			t.Fatal(err)
		}
	}
	deleted := say(ada, "gone soon")
	say(bot, "gone with what it answers", discordtest.ReplyTo(deleted))
	remove(deleted)
	hers, his := say(ada, "gone question"), say(jun, "stays: question")
	say(bot, "gone 1", discordtest.ReplyTo(hers), discordtest.WithNonce(hers+"-0"))
	say(bot, "gone 2", discordtest.WithNonce(hers+"-1"))
	say(bot, "gone again", discordtest.WithNonce(hers+"+2"))
	say(bot, "gone file", discordtest.WithNonce(hers+"-f"), discordtest.Attach("answer.md", []byte("x")))
	press := say(ada, "gone") // an id that no message has, as that of a press of a button
	remove(press)
	say(bot, "gone: made again", discordtest.WithNonce(press+"-1"))
	say(bot, "stays 1", discordtest.ReplyTo(his), discordtest.WithNonce(his+"-0"))
	say(bot, "stays 2", discordtest.WithNonce(his+"-1"))
	say(bot, "stays: a note")
	say(jun, "stays: to her", discordtest.ReplyTo(hers))
	k.Forget(ada)
	say(bot, "gone on", discordtest.WithNonce(hers+"-3"))
	again := say(ada, "stays: a new question")
	say(bot, "stays: a new answer", discordtest.ReplyTo(again), discordtest.WithNonce(again+"-0"))
	k.Close()
	d, k, restored, err := playground.Keep(file, discordtest.Options{}, slog.New(slog.DiscardHandler))
	if err != nil || !restored {
		t.Fatal(restored, err)
	}
	defer d.Close()
	defer k.Close()
	var got []string
	for _, m := range d.Messages(channel) {
		got = append(got, m.Content)
	}
	if slices.ContainsFunc(got, func(s string) bool { return !strings.HasPrefix(s, "stays") }) || len(got) != 7 {
		t.Errorf("kept are %q", got)
	}
}
