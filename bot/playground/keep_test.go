package playground_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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
	kept("before")
	for i := range 6000 {
		if _, err := d.Send(channel, author, fmt.Sprint("number ", i)); err != nil {
			t.Fatal(err)
		}
	}
	kept("the end of it")
	time.Sleep(2 * time.Second) // until it is at rest
	kept("afterwards")
}
