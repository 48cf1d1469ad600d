package playground

import (
	"errors"
	"strings"
	"testing"

	"moebot/bot/discordtest"
)

// The file never gets larger than what is read: it has fewer messages then.
func TestKeepHasRoom(t *testing.T) {
	d := discordtest.New(discordtest.Options{})
	defer d.Close()
	Seed(d)
	for _, c := range d.Channels() {
		for range 40 {
			if _, err := d.Send(c.ID, d.Guilds()[0].OwnerID, strings.Repeat("long ", 300)); err != nil {
				t.Fatal(err)
			}
		}
	}
	k := &Keeper{discord: d, messages: keptMessages}
	const most = 50_000
	b, err := k.snapshot(most)
	if err != nil || len(b) > most {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	again, err := discordtest.Restore(discordtest.Options{}, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range again.Channels() {
		if n := len(again.Messages(c.ID)); n == 0 {
			t.Errorf("nothing is left of %s", c.Name)
		}
	}
	if _, err := k.snapshot(100); !errors.Is(err, errTooLarge) {
		t.Errorf("without any room: %v", err)
	}
}
