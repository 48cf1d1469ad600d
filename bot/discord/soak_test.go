package discord

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"moebot/bot/discordtest"
)

// The whole against everything at once: many channels, reconnects, rate limits,
// server errors and repeated events.
func TestEveryQuestionIsAnsweredOnceInOrder(t *testing.T) {
	channels, each := 20, 100
	if testing.Short() {
		channels, each = 5, 20
	}
	w := newWorld(t, discordtest.Options{Seed: 5}, Options{MessageContent: true}, true)
	people := []discordtest.User{w.owner, w.mia}
	for i := range 5 {
		u := w.d.AddUser(fmt.Sprint("person", i))
		w.d.AddMember(w.guild.ID, u.ID)
		people = append(people, u)
	}
	var ids []string
	for i := range channels {
		ids = append(ids, w.d.AddChannel(w.guild.ID, fmt.Sprint("channel-", i)).ID)
	}
	f := w.d.Faults()
	f.Duplicate(0.05)
	f.REST(discordtest.RESTFault{Probability: 0.02, Status: 429, RetryAfter: 50 * time.Millisecond})
	f.REST(discordtest.RESTFault{Probability: 0.02, Status: 502})
	f.REST(discordtest.RESTFault{Method: "POST", Route: "/channels/{channel}/messages", Probability: 0.01, LoseAnswer: true})
	stop := make(chan struct{})
	var faults, senders sync.WaitGroup
	faults.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(1500 * time.Millisecond):
			}
			switch i % 6 {
			case 0:
				f.Cut()
			case 1:
				f.Reconnect()
			case 2:
				f.RefuseResume(1)
				f.Cut()
			case 3:
				f.CloseGateway(4000)
			case 4:
				f.InvalidSession(false)
			case 5:
				f.SlowGateway(30 * time.Millisecond)
				f.RefuseIdentify(4000, 1)
				f.RefuseResume(1)
				f.Cut()
				f.SlowGateway(0)
			}
		}
	})
	type asked struct{ id, text, user string }
	questions := make([][]asked, channels)
	for c, id := range ids {
		senders.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), 9))
			for k := range each {
				text := fmt.Sprintf("question %d in %d", k, c)
				if k%25 == 24 {
					text = fmt.Sprintf("long %d in %d", 500+k, c)
				}
				u := people[rng.IntN(len(people))]
				m, err := w.d.Send(id, u.ID, w.at(text))
				if err != nil {
					t.Error(err)
					return
				}
				questions[c] = append(questions[c], asked{m.ID, text, u.ID})
				time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
			}
		})
	}
	senders.Wait()
	total := channels * each
	for end := time.Now().Add(4 * time.Minute); w.chat.Stats().Answers < int64(total) && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
	}
	close(stop)
	faults.Wait()
	f.Clear()
	w.until("nothing is said to wait", func() bool {
		for _, id := range ids {
			for _, m := range w.replies(id) {
				if strings.HasPrefix(m.Content, "*waiting") {
					return false
				}
			}
		}
		return true
	})
	for c, id := range ids {
		var order []string
		texts := map[string]string{}
		current := ""
		for _, m := range w.replies(id) {
			if length(m.Content) > 2000 {
				t.Errorf("channel %d: a message of %d", c, length(m.Content))
			}
			if m.ReplyTo != "" {
				current = m.ReplyTo
				order = append(order, current)
				texts[current] = m.Content
			} else {
				texts[current] += " " + m.Content
			}
		}
		if len(order) != len(questions[c]) {
			t.Errorf("channel %d: %d answers to %d questions", c, len(order), len(questions[c]))
		}
		for k, q := range questions[c] {
			if k < len(order) && order[k] != q.id {
				t.Fatalf("channel %d: answer %d is to %s, want to %q", c, k, order[k], q.text)
			}
			want := "re: " + q.text
			var n int
			if _, err := fmt.Sscanf(q.text, "long %d", &n); err == nil {
				want += strings.Repeat(" blah", n)
			}
			if texts[q.id] != want {
				t.Errorf("channel %d: %q is answered %.80q", c, q.text, texts[q.id])
			}
		}
	}
	asker := map[string]string{}
	for _, qs := range questions {
		for _, q := range qs {
			asker[q.id] = q.user
		}
	}
	for _, p := range w.d.BotPings() {
		m, _ := w.d.Message(p.ChannelID, p.MessageID)
		if p.Everyone || p.Here || len(p.Roles) > 0 || len(p.Users) != 1 || p.Users[0] != asker[m.ReplyTo] {
			t.Errorf("somebody was pinged who had not asked: %+v", p)
		}
	}
	t.Logf("%d questions, %d reconnects, %d invalid requests, %+v", total, w.bot.Reconnects(), w.d.InvalidRequests(), w.chat.Stats())
	if p, err := w.store.Pending(context.Background()); err != nil || len(p) > 0 {
		t.Errorf("%d pending (%v)", len(p), err)
	}
}
