package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/bot/discordtest"
	"moebot/session/sessiontest"
)

// click presses the button of a message that says label, and returns when that was.
func (f *fleet) click(m discordtest.Message, label string) time.Time {
	f.t.Helper()
	for _, row := range m.Components {
		for _, c := range row.Components {
			if c.Label == label {
				start := time.Now()
				if _, err := f.d.Click(m.ChannelID, m.ID, f.people[1].ID, c.CustomID); err != nil {
					f.t.Fatalf("pressing %s: %v", label, err)
				}
				return start
			}
		}
	}
	f.t.Fatalf("no button %q below %q", label, m.Content)
	return time.Time{}
}

// Stop and Regenerate, pressed in Discord, reach the worker in another process within
// 100 ms.
func TestPressesReachTheWorker(t *testing.T) {
	r := sessiontest.StartRedis(t)
	f := single(t, r.URL(), r, "MOEBOT_DISCORD_EDIT_INTERVAL=200ms")
	f.standIns(2, workVariable+"=300ms") // 3.6 s for an answer
	rdb := redis.NewClient(&redis.Options{Addr: r.Addr})
	defer rdb.Close()
	working := func() (n int64) { // jobs that workers have taken
		for _, stream := range append(rdb.Keys(t.Context(), "mb:{jobs}:to:*").Val(), "mb:{jobs}:any") {
			if p := rdb.XPending(t.Context(), stream, "workers").Val(); p != nil {
				n += p.Count
			}
		}
		return n
	}
	until := func(what string, want int64) time.Time {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); working() != want; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("never: %s", what)
			}
		}
		return time.Now()
	}
	answer := func(c string, ok func(discordtest.Message) bool) (found discordtest.Message) {
		t.Helper()
		waitFor(t, "what the answer is to say", 20*time.Second, func() bool {
			for _, m := range f.d.Messages(c) {
				if m.Author.ID == f.d.Bot().ID && ok(m) {
					found = m
					return true
				}
			}
			return false
		})
		return found
	}
	speaks := func(m discordtest.Message) bool { return strings.Contains(m.Content, "word1") && !finished(&m) }
	stopped, again := time.Hour, time.Hour
	for _, c := range f.channels[:3] { // the best of three: the machine may be busy
		if _, err := f.d.Send(c, f.people[1].ID, fmt.Sprintf("<@%s> hi", f.d.Bot().ID)); err != nil {
			t.Fatal(err)
		}
		at := f.click(answer(c, speaks), "Stop")
		stopped = min(stopped, until("the worker stops", 0).Sub(at))
		at = f.click(answer(c, func(m discordtest.Message) bool { return finished(&m) }), "Regenerate")
		again = min(again, until("a worker begins again", 1).Sub(at))
		f.click(answer(c, speaks), "Stop")
		until("the worker stops again", 0)
	}
	t.Logf("the worker stopped after %v, and began again after %v", stopped, again)
	if stopped > 100*time.Millisecond || again > 100*time.Millisecond {
		t.Errorf("the worker stopped after %v, and began again after %v", stopped, again)
	}
}
