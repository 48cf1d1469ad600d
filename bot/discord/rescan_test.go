package discord

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"moebot/bot/discordtest"
)

// Channels that Discord can't read for a long time keep no reader from the others after a
// gap, and what was missed there is answered as soon as it can.
func TestFailingChannelsHoldUpNoOther(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	ask := func(channel, text string) {
		w.send(channel, w.mia.ID, w.at(text))
		w.says(channel, "re: "+text)
	}
	var failing []string
	for i := range 4 * scanners {
		failing = append(failing, w.d.AddChannel(w.guild.ID, fmt.Sprint("failing", i)).ID)
		ask(failing[i], "hello")
	}
	sound := w.d.AddChannel(w.guild.ID, "sound").ID
	ask(sound, "hello")
	w.stop(time.Second)
	var lift []func()
	for _, c := range failing {
		lift = append(lift, w.d.Faults().REST(discordtest.RESTFault{Method: http.MethodGet, Route: "/channels/{channel}/messages", Channel: c, Status: 502}))
		w.send(c, w.mia.ID, w.at("missed"))
	}
	w.send(sound, w.mia.ID, w.at("missed"))
	w.restart(w.store)
	w.says(sound, "re: missed")
	for i, c := range failing {
		if n := len(w.replies(c)); n != 1 {
			t.Errorf("%d answers in a channel that cannot be read, want the one of before", n)
		}
		lift[i]()
	}
	for _, c := range failing {
		w.says(c, "re: missed")
	}
}
