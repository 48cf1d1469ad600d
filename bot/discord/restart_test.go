package discord

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
	"moebot/session"
)

// stop ends the bot as a signal does; answers under way get the time.
func (w *world) stop(patience time.Duration) {
	w.bot.Hush()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	w.chat.Close(ctx)
	w.bot.Close()
}

// restart begins again with the same store and the same Discord, as main does.
func (w *world) restart(store chat.Store) {
	w.t.Helper()
	log := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.chat = chat.New(store, newParrot(), chat.Options{QueueLen: 8, Timeout: time.Minute, Log: log})
	o := w.bot.opt
	o.Log = log
	var err error
	o.Before = func(ctx context.Context) {
		left, err := w.store.Pending(ctx)
		if err != nil && ctx.Err() == nil {
			w.t.Error(err)
		}
		for _, p := range left {
			if err := w.chat.AskWait(ctx, chat.Question{Key: p.Key, Turn: p.Turn, Known: true, Reply: w.bot.Reply(p.Key.Channel, p.Turn)}); err != nil && ctx.Err() == nil {
				w.t.Error(err)
			}
		}
	}
	if w.bot, err = New(w.chat, w.store, o); err != nil {
		w.t.Fatal(err)
	}
	if err := w.bot.Open(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// answers are the texts of the bot's replies by the question's id.
func (w *world) answers(channel string) map[string][]string {
	out := map[string][]string{}
	for _, m := range w.replies(channel) {
		out[m.ReplyTo] = append(out[m.ReplyTo], m.Content)
	}
	return out
}

// A stop in mid-answer, questions that wait, and more than a page of messages while
// nobody listened: after the restart each question has one answer, in order.
func TestRestart(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.send(c, w.mia.ID, w.at("hello"))
	w.says(c, "re: hello")
	slow := w.send(c, w.mia.ID, w.at("slow 1000"))
	w.until("the slow answer begins", func() bool { return len(w.replies(c)) == 2 })
	waiting := w.send(c, w.mia.ID, w.at("waiting"))
	w.until("three questions", func() bool { return w.chat.Stats().Questions == 3 })
	start := time.Now()
	w.stop(100 * time.Millisecond)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the stop took %v", took)
	}
	if a := w.answers(c)[slow.ID]; len(a) != 1 || !strings.HasSuffix(a[0], " …") {
		t.Errorf("the answer broken off is %q", a)
	}
	if a := w.answers(c)[waiting.ID]; len(a) != 0 {
		t.Errorf("the waiting question is answered %q", a)
	}

	missed := []discordtest.Message{waiting}
	for i := range 30 {
		for range 4 { // other people's talk
			w.send(c, w.owner.ID, "did you see that?")
		}
		missed = append(missed, w.send(c, w.mia.ID, w.at(fmt.Sprint("missed ", i))))
	}
	w.restart(w.store)
	w.send(c, w.mia.ID, w.at("live"))
	w.says(c, "re: live")
	w.until("no waiting is shown any more", func() bool {
		for _, m := range w.replies(c) {
			if strings.HasPrefix(m.Content, "*waiting") {
				return false
			}
		}
		return true
	})
	answers := w.answers(c)
	for i, q := range missed {
		want := "re: waiting"
		if i > 0 {
			want = fmt.Sprint("re: missed ", i-1)
		}
		if a := answers[q.ID]; len(a) != 1 || a[0] != want {
			t.Errorf("%q is answered %q", q.Content, a)
		}
	}
	var order []string
	for _, m := range w.replies(c) {
		order = append(order, m.Content)
	}
	for i := 1; i < 31; i++ {
		if got := order[len(order)-32+i]; got != fmt.Sprint("re: missed ", i-1) {
			t.Fatalf("answer %d is %q; all: %q", i, got, order)
		}
	}
	if n := len(answers[slow.ID]); n != 1 {
		t.Errorf("the question broken off has %d answers", n)
	}
}

// The process dies with half an answer shown and the question pending. The next one
// says the whole answer in the same message.
func TestCrashInMidAnswer(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.stop(time.Second)
	w.restart(deaf{w.store}) // to the store it is as good as dead
	q := w.send(c, w.mia.ID, w.at("slow 20"))
	w.until("a preview", func() bool { return len(w.replies(c)) == 1 })
	w.stop(time.Millisecond)
	if a := w.answers(c)[q.ID]; len(a) != 1 || !strings.HasSuffix(a[0], " …") {
		t.Fatalf("the answer broken off is %q", a)
	}
	w.restart(w.store)
	whole := w.says(c, "re: slow 20 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19")
	if a := w.answers(c); len(a) != 1 || len(a[q.ID]) != 1 || whole.ReplyTo != q.ID {
		t.Errorf("answers are %q", a)
	}
}

// deaf is a Store that stores no answers.
type deaf struct{ chat.Store }

func (deaf) Finish(context.Context, session.Key, string, session.Turn, ...session.Amount) (bool, error) {
	return false, session.ErrUnavailable
}
