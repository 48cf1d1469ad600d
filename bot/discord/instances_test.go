package discord

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
	"moebot/session"
	"moebot/session/redisstore"
)

// second starts another process of the same bot on the same Redis.
func (w *world) second() *Bot {
	w.t.Helper()
	store, err := redisstore.New(redis.NewClient(&redis.Options{Addr: w.redis.Addr(), ContextTimeoutEnabled: true}), redisstore.Options{MaxTurns: 500})
	if err != nil {
		w.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w, nil))
	c := chat.New(store, newParrot(), chat.Options{QueueLen: 300, Timeout: time.Minute, Log: log})
	o := w.bot.opt
	o.Log = log
	b, err := New(c, store, o)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := b.Open(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		b.Hush()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		c.Close(ctx)
		b.Close()
		store.Close()
	})
	return b
}

// Two processes get every event: each message is answered once, each press acted on
// once, each command answered once.
func TestTwoInstances(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	w.second()
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.mia.ID, "help")
	var asked []discordtest.Message
	for i := range 12 {
		asked = append(asked, w.send(c, w.mia.ID, w.at(fmt.Sprint("question ", i))))
	}
	for i := range 12 {
		w.says(c, fmt.Sprint("re: question ", i))
	}
	w.until("all is settled", func() bool {
		p, err := w.store.Pending(t.Context())
		return err == nil && len(p) == 0
	})
	w.until("nothing is said to wait", func() bool { return len(w.public(c)) == 12 })
	a := w.says(c, "re: question 3")
	w.press(a, w.mia.ID, "Regenerate")
	w.until("two alternatives", func() bool {
		s, err := w.store.Load(t.Context(), session.Key{Channel: c})
		turn, ok := s.AnswerTo(asked[3].ID)
		return err == nil && ok && turn.Answer.Of() == 2
	})
	time.Sleep(50 * time.Millisecond) // time for a second one
	s, err := w.store.Load(t.Context(), session.Key{Channel: c})
	if turn, ok := s.AnswerTo(asked[3].ID); err != nil || !ok || turn.Answer.Of() != 2 {
		t.Errorf("one press made %d alternatives", turn.Answer.Of())
	}
	if len(s.Turns) != 24 || len(w.public(c)) != 12 {
		t.Errorf("%d turns and %d messages, want 24 and 12", len(s.Turns), len(w.public(c)))
	}
	w.run(c, w.mia.ID, "status")
	for n := range 5 { // the change is told by who made it
		want := fmt.Sprintf("→ **%g**", float64(n)/4)
		if r := w.run(c, w.owner.ID, "temperature", opt("value", float64(n)/4)); !strings.Contains(r.Message.Content, want) || strings.Contains(r.Message.Content, fmt.Sprintf("%g →", float64(n)/4)) {
			t.Errorf("setting it: %q", r.Message.Content)
		}
	}
	w.send(c, w.mia.ID, w.at("slow 400"))
	w.until("first words", func() bool { return len(w.public(c)) > 17 })
	if r := w.run(c, w.mia.ID, "stop"); r.Message.Content != "Stopped." {
		t.Errorf("/stop: %q", r.Message.Content)
	}
}

// Every interaction is acknowledged in time while many channels stream and presses
// come in heaps, though requests for messages are at their limits.
func TestAcknowledgedUnderLoad(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{EditInterval: 50 * time.Millisecond}, true)
	var channels []string
	for i := range 12 {
		channels = append(channels, w.d.AddChannel(w.guild.ID, fmt.Sprint("c", i)).ID)
	}
	w.run(channels[0], w.mia.ID, "help")
	w.d.Faults().REST(discordtest.RESTFault{Method: "PATCH", Probability: 0.2, Status: 429, RetryAfter: 200 * time.Millisecond})
	for _, c := range channels {
		w.send(c, w.mia.ID, w.at("slow 60"))
	}
	var mu sync.Mutex
	var worst time.Duration
	n := 0
	var all sync.WaitGroup
	for _, c := range channels {
		all.Go(func() {
			for k := range 10 {
				name := []string{"status", "context", "temperature", "privacy"}[k%4]
				i, err := w.d.Command(c, w.mia.ID, name)
				if err != nil {
					t.Error(err)
					return
				}
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				r, err := i.Acknowledged(ctx)
				cancel()
				if err != nil {
					t.Errorf("/%s: %v", name, err)
				}
				mu.Lock()
				worst, n = max(worst, r.Acknowledged), n+1
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if worst > ackTime {
		t.Errorf("an acknowledgement took %v", worst)
	}
	t.Logf("%d interactions, the slowest acknowledged after %v", n, worst)
}

// A change of settings that one process makes holds in the other at once, is told to the
// audit channel once, and refusals are said once.
func TestTwoInstancesAndSettings(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	w.second()
	c, log := w.d.AddChannel(w.guild.ID, "general").ID, w.d.AddChannel(w.guild.ID, "audit").ID
	w.run(c, w.owner.ID, "help")
	w.send(c, w.mia.ID, w.at("hello"))
	w.says(c, "re: hello")
	w.cmd(c, w.owner.ID, "admin audit", opt("channel", log))
	for n := range 6 {
		w.cmd(c, w.owner.ID, "admin pause")
		w.send(c, w.mia.ID, w.at(fmt.Sprint("paused ", n)))
		w.until("it says that it is paused", func() bool { return len(w.public(c)) == 2*n+2 })
		w.cmd(c, w.owner.ID, "admin resume")
		w.send(c, w.mia.ID, w.at(fmt.Sprint("again ", n)))
		w.says(c, fmt.Sprint("re: again ", n))
	}
	w.cmd(c, w.owner.ID, "settings import", opt("file", discordtest.Upload{Name: "s.json", Data: []byte(`{"channel":{"always_on":true}}`)}))
	w.send(c, w.mia.ID, "not to you")
	w.says(c, "re: not to you")
	w.until("the audit channel hears of each change", func() bool { return len(w.replies(log)) >= 14 })
	w.silent(c, w.mia.ID, 14)
	for n, m := range w.public(c) {
		if paused := n > 0 && n < 13 && n%2 == 1; paused != (m.Content == sayPaused.english) {
			t.Errorf("message %d is %q", n, m.Content)
		}
	}
	if got := len(w.replies(log)); got != 14 {
		t.Errorf("%d messages in the audit channel, want 14", got)
	}
}
