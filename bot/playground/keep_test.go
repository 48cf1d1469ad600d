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
	answer := func(question, name string) {
		first := say(bot, name+" gone 1", discordtest.ReplyTo(question), discordtest.WithNonce(question+"-0"))
		say(bot, name+" gone 2", discordtest.WithNonce(question+"-1"))
		say(bot, name+" gone again", discordtest.WithNonce(question+"+2"))
		say(bot, name+" gone file", discordtest.WithNonce(question+"-f"), discordtest.Attach("answer.md", []byte("x")))
		press := fmt.Sprint(first[:len(first)-1], "9") // of a button: no message has that id
		say(bot, name+" made again", discordtest.WithNonce(press+"-1"))
	}
	deleted := say(ada, "gone soon")
	say(bot, "gone with what it answers", discordtest.ReplyTo(deleted))
	if err := d.Delete(channel, deleted, ada); err != nil {
		t.Fatal(err)
	}
	hers, his := say(ada, "gone question"), say(jun, "stays: question")
	answer(hers, "hers")
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
