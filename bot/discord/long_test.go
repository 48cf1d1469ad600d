package discord

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
	"moebot/session"
)

// longWords is what the parrot says to "long N".
func longWords(question string, n int) string {
	return "re: " + question + strings.Repeat(" blah", n)
}

func (w *world) filed(channel string, n int) (out []discordtest.Message) {
	w.t.Helper()
	w.until("the answer is in a file", func() bool {
		out = w.replies(channel)
		return len(out) == n && len(out[n-1].Attachments) == 1
	})
	return out
}

func TestLongAnswersAreFiles(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	q := w.send(c, w.mia.ID, w.at("long 3000"))
	got := w.filed(c, 2)
	want := longWords("long 3000", 3000)
	if file := string(got[1].Attachments[0].Bytes()); file != want || got[1].Attachments[0].Name != "answer.md" {
		t.Errorf("file %s of %d bytes, want %d", got[1].Attachments[0].Name, len(file), len(want))
	}
	if n := length(got[0].Content); n < 1000 || n > 2000 || !strings.HasPrefix(want, got[0].Content) {
		t.Errorf("the beginning has %d characters", n)
	}
	if got[0].ReplyTo != q.ID || len(got[0].Components) != 0 {
		t.Errorf("the beginning replies to %q and has %d rows of buttons", got[0].ReplyTo, len(got[0].Components))
	}
	w.stored(c, "long 3000", want)
	w.idle(c, q.ID)
	// another answer: another file in place of the first
	w.press(got[1], w.mia.ID, "Regenerate")
	again := "re: long 3000 #2" + strings.Repeat(" blah", 3000)
	w.until("the other answer is in the file", func() bool {
		now := w.replies(c)
		return len(now) == 2 && len(now[1].Attachments) == 1 && string(now[1].Attachments[0].Bytes()) == again && strings.HasPrefix(again, now[0].Content)
	})
	if now := w.replies(c); now[0].ID != got[0].ID {
		t.Error("the beginning is another message")
	}
	w.idle(c, q.ID)
	w.press(w.replies(c)[1], w.mia.ID, "◀️")
	w.until("the first is in the file", func() bool {
		now := w.replies(c)
		return len(now) == 2 && len(now[1].Attachments) == 1 && string(now[1].Attachments[0].Bytes()) == want
	})
}

func TestLongAnswersWhereFilesAreForbidden(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	if _, err := w.d.ChangeChannel(c, func(ch *discordtest.Channel) {
		ch.Overwrites = []discordtest.Overwrite{{ID: w.guild.ID, Deny: discordtest.AttachFiles}}
	}); err != nil {
		t.Fatal(err)
	}
	q := w.send(c, w.mia.ID, w.at("long 3000"))
	want := split(longWords("long 3000", 3000))
	w.until("all of it is said", func() bool { return len(w.replies(c)) == len(want) })
	w.idle(c, q.ID)
	for i, m := range w.replies(c) {
		if m.Content != want[i] || len(m.Attachments) > 0 {
			t.Errorf("message %d: %.40q with %d files", i, m.Content, len(m.Attachments))
		}
	}
}

// A server's error and a lost answer make no second file.
func TestLongAnswersThroughFaults(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.d.Faults().REST(discordtest.RESTFault{Method: "POST", Route: "/channels/{channel}/messages", Count: 3, LoseAnswer: true})
	q := w.send(c, w.mia.ID, w.at("long 3000"))
	w.filed(c, 2)
	w.idle(c, q.ID)
	time.Sleep(50 * time.Millisecond)
	if n := len(w.replies(c)); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

// silent is a parrot that has nothing to say while on.
type silent struct {
	parrot
	on *atomic.Bool
}

func (s silent) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	if s.on.Load() {
		return chat.Answer{}, nil
	}
	return s.parrot.Generate(ctx, p, emit)
}

// A long answer that is to be made again, and is not, has its file in another message. The
// next try finds that.
func TestLongAnswerKept(t *testing.T) {
	s := silent{newParrot(), &atomic.Bool{}}
	w := newWorldOf(t, discordtest.Options{}, Options{}, parts{maxTurns: 500, generator: s}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	q := w.send(c, w.mia.ID, w.at("long 3000"))
	before := w.filed(c, 2)
	w.idle(c, q.ID)
	s.on.Store(true)
	w.press(before[1], w.mia.ID, "Regenerate")
	stored := func() []string {
		sess, err := w.store.Load(t.Context(), session.Key{Channel: c})
		if a, ok := sess.AnswerTo(q.ID); err == nil && ok {
			return a.Answer.More
		}
		return nil
	}
	w.until("the file is shown again, and noted", func() bool {
		now := w.public(c)
		return len(now) == 2 && now[1].ID != before[1].ID && slices.Equal(stored(), []string{now[1].ID})
	})
	w.idle(c, q.ID)
	s.on.Store(false)
	w.press(w.public(c)[1], w.mia.ID, "Regenerate")
	w.until("there is one file, the new one", func() bool {
		now := w.public(c)
		return len(now) == 2 && len(now[1].Attachments) == 1 && strings.HasPrefix(string(now[1].Attachments[0].Bytes()), "re: long 3000 #2")
	})
}
