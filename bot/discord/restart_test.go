package discord

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
	"moebot/session"
	"moebot/session/redisstore"
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
		if w.late != nil {
			select {
			case <-w.late:
			case <-ctx.Done():
			}
		}
		left, err := w.store.Pending(ctx)
		if err != nil && ctx.Err() == nil {
			w.t.Error(err)
		}
		for _, p := range left {
			w.bot.TakeUp(ctx, p)
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

// A process accepted a question and died, and one before it was lost on the way there, and
// one behind it came when nobody listened: they are answered in the order in which they
// were asked.
func TestLeftQuestionsKeepTheirPlace(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	quiet := w.d.AddChannel(w.guild.ID, "quiet").ID
	for _, channel := range []string{c, quiet} {
		w.send(channel, w.mia.ID, w.at("hello"))
		w.says(channel, "re: hello")
	}
	w.stop(time.Second)
	asked := []discordtest.Message{w.send(c, w.mia.ID, w.at("lost")), w.send(c, w.mia.ID, w.at("left")), w.send(c, w.mia.ID, w.at("lost too")), w.send(c, w.mia.ID, w.at("left too"))}
	alone := w.send(quiet, w.mia.ID, w.at("left"))
	for _, m := range []discordtest.Message{asked[1], asked[3], alone} {
		turn := session.Turn{ID: m.ID, Role: session.RoleUser, AuthorID: w.mia.ID, Text: strings.TrimPrefix(m.Content, w.at(""))}
		if _, ok, err := w.store.Accept(t.Context(), session.Key{Channel: m.ChannelID}, turn); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	w.restart(w.store)
	w.says(c, "re: left too")
	w.says(quiet, "re: left")
	var order []string
	for _, m := range w.replies(c)[1:] {
		order = append(order, m.ReplyTo)
	}
	var want []string
	for _, m := range asked {
		want = append(want, m.ID)
	}
	if !slices.Equal(order, want) {
		t.Errorf("answered are %q, asked were %q", order, want)
	}
	w.send(c, w.mia.ID, w.at("live"))
	w.says(c, "re: live")
	if n := len(w.replies(c)); n != 6 {
		t.Errorf("%d answers to 6 questions", n)
	}
}

// A channel in which nothing was said meanwhile has a question left all the same, of which
// a slow store tells late: what is asked now waits for it.
func TestLeftInAQuietChannel(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.send(c, w.mia.ID, w.at("hello"))
	w.says(c, "re: hello")
	w.send(c, w.mia.ID, w.at("slow 1000"))
	w.until("the slow answer begins", func() bool { return len(w.replies(c)) == 2 })
	w.send(c, w.mia.ID, w.at("left"))
	w.until("it is taken", func() bool { return w.chat.Stats().Questions == 3 })
	w.until("it is said to wait", func() bool { return len(w.replies(c)) == 3 })
	w.stop(100 * time.Millisecond)
	w.late = make(chan struct{})
	w.restart(w.store)
	w.until("it is connected", func() bool { return w.bot.ready.Load() })
	w.send(c, w.mia.ID, w.at("new"))
	time.Sleep(300 * time.Millisecond)
	if n := w.chat.Stats().Questions; n > 0 {
		t.Errorf("%d questions were taken before it was known what was left", n)
	}
	close(w.late)
	w.says(c, "re: new")
	var order []string
	for _, m := range w.replies(c)[2:] {
		order = append(order, m.Content)
	}
	if want := []string{"re: left", "re: new"}; !slices.Equal(order, want) {
		t.Errorf("answers are %q, want %q", order, want)
	}
}

// Another process that had the shard before lives, and is still at a question: what was
// asked after it is answered after it.
func TestWhatAnotherProcessIsAtComesFirst(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.send(c, w.mia.ID, w.at("hello"))
	w.says(c, "re: hello")
	w.stop(time.Second)
	other, err := redisstore.New(redis.NewClient(&redis.Options{Addr: w.redis.Addr(), ContextTimeoutEnabled: true}), redisstore.Options{MaxTurns: 500})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	first, k := w.send(c, w.mia.ID, w.at("first")), session.Key{Channel: c}
	if _, ok, err := other.Accept(t.Context(), k, session.Turn{ID: first.ID, Role: session.RoleUser, AuthorID: w.mia.ID, Text: "first"}); err != nil || !ok {
		t.Fatal(ok, err)
	}
	w.send(c, w.mia.ID, w.at("second"))
	w.restart(w.store)
	w.send(c, w.mia.ID, w.at("third"))
	w.until("it is seen that another process is at it", func() bool {
		return strings.Contains(w.logged(), "another process is at a question")
	})
	time.Sleep(2 * othersPoll)
	if n := len(w.replies(c)); n != 1 {
		t.Errorf("%d answers while the other process is at the first question", n)
	}
	if done, err := other.Finish(t.Context(), k, first.ID, session.Turn{ID: "1", Role: session.RoleAssistant, Text: "said elsewhere"}); err != nil || !done {
		t.Fatal(done, err)
	}
	w.says(c, "re: third")
	if n := len(w.replies(c)); n != 3 {
		t.Errorf("%d answers, want those to hello, second and third", n)
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

// While what was missed is still being asked, messages are deleted and edited: the ones are
// never answered nor remembered, the others as they say in the end.
func TestDeletedAndEditedWhileTheChannelWaits(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.send(c, w.mia.ID, w.at("hello"))
	w.says(c, "re: hello")
	w.stop(time.Second)
	missed := w.send(c, w.mia.ID, w.at("missed, and deleted"))
	wrong := w.send(c, w.mia.ID, w.at("missed, and wrong"))
	w.late = make(chan struct{})
	w.restart(w.store)
	w.until("it is connected", func() bool { return w.bot.ready.Load() })
	secret := w.send(c, w.mia.ID, w.at("my password is 1234"))
	typo := w.send(c, w.mia.ID, w.at("what is the tiem?"))
	w.send(c, w.mia.ID, w.at("bye"))
	w.until("all wait", func() bool {
		w.bot.seen.mu.Lock()
		defer w.bot.seen.mu.Unlock()
		return len(w.bot.seen.held[c]) == 3
	})
	for _, m := range []string{missed.ID, secret.ID} {
		if err := w.d.Delete(c, m, w.mia.ID); err != nil {
			t.Fatal(err)
		}
	}
	for id, now := range map[string]string{wrong.ID: "missed, and right", typo.ID: "what is the time?"} {
		if _, err := w.d.Edit(c, id, w.mia.ID, w.at(now)); err != nil {
			t.Fatal(err)
		}
	}
	w.until("the edits are heard", func() bool {
		w.bot.seen.mu.Lock()
		defer w.bot.seen.mu.Unlock()
		return len(w.bot.seen.since[c]) == 4
	})
	close(w.late)
	w.says(c, "re: bye")
	var said []string
	for _, m := range w.replies(c) {
		said = append(said, m.Content)
	}
	if want := []string{"re: hello", "re: missed, and right", "re: what is the time?", "re: bye"}; !slices.Equal(said, want) {
		t.Errorf("answers are %q, want %q", said, want)
	}
	w.until("it is stored", func() bool {
		s, err := w.store.Load(t.Context(), session.Key{Channel: c})
		return err == nil && len(s.Turns) == 8
	})
	s, err := w.store.Load(t.Context(), session.Key{Channel: c})
	if err != nil {
		t.Fatal(err)
	}
	for _, turn := range s.Turns {
		if strings.Contains(turn.Text, "password") || strings.Contains(turn.Text, "deleted") {
			t.Errorf("%q is remembered", turn.Text)
		}
	}
}
