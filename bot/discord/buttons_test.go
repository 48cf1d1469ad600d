package discord

import (
	"context"
	"strings"
	"testing"
	"time"

	"moebot/bot/discordtest"
	"moebot/session"
)

// labels are what a message's buttons say, disabled ones in brackets.
func labels(m discordtest.Message) string {
	var out []string
	for _, row := range m.Components {
		for _, c := range row.Components {
			text := c.Label
			if c.Emoji != nil && text == "" {
				text = c.Emoji.Name
			}
			if c.Disabled {
				text = "(" + text + ")"
			}
			out = append(out, text)
		}
	}
	return strings.Join(out, " ")
}

// press clicks the button of a message that says label.
func (w *world) press(m discordtest.Message, user, label string) discordtest.Response {
	w.t.Helper()
	m, _ = w.d.Message(m.ChannelID, m.ID)
	for _, row := range m.Components {
		for _, c := range row.Components {
			if c.Label != label && (c.Emoji == nil || c.Emoji.Name != label) {
				continue
			}
			i, err := w.d.Click(m.ChannelID, m.ID, user, c.CustomID)
			if err != nil {
				w.t.Fatalf("pressing %s: %v", label, err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			r, err := i.Acknowledged(ctx)
			if err != nil {
				w.t.Fatalf("pressing %s: %v", label, err)
			}
			return r
		}
	}
	w.t.Fatalf("no button %q below %q: %s", label, m.Content, labels(m))
	return discordtest.Response{}
}

// shows waits until a message says text above such buttons.
func (w *world) shows(m discordtest.Message, text, row string) {
	w.t.Helper()
	var got discordtest.Message
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if got, _ = w.d.Message(m.ChannelID, m.ID); got.Content == text && labels(got) == row {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("message shows %.200q above %q; want %.200q above %q", got.Content, labels(got), text, row)
		}
	}
}

// stored waits until the session of a channel reads so: id and text of each turn.
func (w *world) stored(channel string, want ...string) {
	w.t.Helper()
	var got []string
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		s, _ := w.store.Load(context.Background(), session.Key{Channel: channel})
		got = nil
		for _, t := range s.Turns {
			got = append(got, t.Text)
		}
		if strings.Join(got, "\n") == strings.Join(want, "\n") {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("stored is %q, want %q", got, want)
		}
	}
}

// idle waits until nothing is under way for a question.
func (w *world) idle(channel, question string) {
	w.t.Helper()
	w.until("an end", func() bool {
		_, busy := w.chat.UnderWay(session.Key{Channel: channel}, question)
		return !busy
	})
}

func TestRegenerateAndChoose(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	q := w.send(c, w.mia.ID, w.at("hello"))
	a := w.says(c, "re: hello")
	w.shows(a, "re: hello", "Regenerate")
	w.send(c, w.owner.ID, w.at("between"))
	w.says(c, "re: between")
	w.idle(c, q.ID)
	w.press(a, w.mia.ID, "Regenerate")
	w.shows(a, "re: hello #2", "◀️ (2/2) (▶️) Regenerate")
	w.stored(c, "hello", "re: hello #2", "between", "re: between")
	w.idle(c, q.ID)
	w.press(a, w.mia.ID, "◀️")
	w.shows(a, "re: hello", "(◀️) (1/2) ▶️ Regenerate")
	w.stored(c, "hello", "re: hello", "between", "re: between") // the chosen one is what the model sees
	w.press(a, w.owner.ID, "▶️")                                // who manages messages may, too
	w.shows(a, "re: hello #2", "◀️ (2/2) (▶️) Regenerate")
	// others are told calmly, and alone
	stranger := w.d.AddUser("stranger")
	w.d.AddMember(w.guild.ID, stranger.ID)
	for _, label := range []string{"Regenerate", "◀️"} {
		if r := w.press(a, stranger.ID, label); !r.Ephemeral || r.Message == nil || r.Message.Content != sayNotYours.english {
			t.Errorf("%s by a stranger: %+v", label, r)
		}
	}
	w.shows(a, "re: hello #2", "◀️ (2/2) (▶️) Regenerate")
	// it works after a restart
	w.stop(5 * time.Second)
	w.restart(w.store)
	w.press(a, w.mia.ID, "◀️")
	w.shows(a, "re: hello", "(◀️) (1/2) ▶️ Regenerate")
	w.press(a, w.mia.ID, "Regenerate")
	w.shows(a, "re: hello", "◀️ (3/3) (▶️) Regenerate") // the new process counts anew
	if n := len(w.public(c)); n != 2 {
		t.Errorf("%d messages of the bot, want 2", n)
	}
	w.idle(c, q.ID)
	if err := w.store.Reset(t.Context(), session.Key{Channel: c}); err != nil {
		t.Fatal(err)
	}
	w.press(a, w.mia.ID, "Regenerate")
	w.until("it says that it has forgotten", func() bool {
		for _, m := range w.d.Messages(c) {
			if m.Content == sayTooOld.english && m.OnlyFor == w.mia.ID {
				return true
			}
		}
		return false
	})
}

func TestStopButton(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.send(c, w.mia.ID, w.at("slow 400"))
	w.until("first words", func() bool { return len(w.replies(c)) == 1 })
	a := w.replies(c)[0]
	second := w.send(c, w.mia.ID, w.at("second"))
	third := w.send(c, w.owner.ID, w.at("third"))
	w.until("both are shown to wait", func() bool { return len(w.replies(c)) == 3 })
	waiting := map[string]discordtest.Message{}
	for _, m := range w.replies(c) {
		waiting[m.ReplyTo] = m
	}
	w.shows(waiting[second.ID], "*waiting for the question before this one …*", "Stop")
	w.shows(waiting[third.ID], "*waiting for 2 questions before this one …*", "Stop")
	if r := w.press(waiting[third.ID], w.mia.ID, "Stop"); !r.Ephemeral || r.Message.Content != sayNotYours.english {
		t.Errorf("stopped by another: %+v", r)
	}
	w.press(waiting[second.ID], w.mia.ID, "Stop") // from the moment it is queued
	w.shows(waiting[second.ID], "Stopped before I had said anything.", "")
	w.press(a, w.mia.ID, "Stop")
	third3 := w.says(c, "re: third")
	w.until("what said that it waits is gone", func() bool { _, there := w.d.Message(c, waiting[third.ID].ID); return !there })
	if third3.ReplyTo != third.ID {
		t.Errorf("the answer replies to %q", third3.ReplyTo)
	}
	w.idle(c, third.ID)
	got, _ := w.d.Message(c, a.ID)
	if !strings.HasPrefix(got.Content, "re: slow 400 0") || strings.HasSuffix(got.Content, " 399") || labels(got) != "Regenerate" {
		t.Errorf("what was said is not kept: %q above %q", got.Content, labels(got))
	}
	w.stored(c, "slow 400", got.Content, "second", "third", "re: third")
}

func TestContinueButton(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	q := w.send(c, w.mia.ID, w.at("cut"))
	a := w.says(c, "re: cut")
	w.shows(a, "re: cut", "Regenerate Continue")
	w.idle(c, q.ID)
	w.press(a, w.mia.ID, "Continue")
	w.shows(a, "re: cut and on", "Regenerate")
	w.stored(c, "cut", "re: cut and on")
}

// Alternatives of different lengths take more or fewer messages.
func TestLongAlternatives(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	q := w.send(c, w.mia.ID, w.at("shrink 900"))
	w.until("three messages", func() bool { return len(w.replies(c)) == 3 && labels(w.replies(c)[2]) == "Regenerate" })
	w.idle(c, q.ID)
	w.press(w.replies(c)[2], w.mia.ID, "Regenerate")
	first := w.replies(c)[0]
	w.shows(first, "re: shrink 900 #2", "◀️ (2/2) (▶️) Regenerate")
	w.until("the rest is gone", func() bool { return len(w.replies(c)) == 1 })
	w.idle(c, q.ID)
	w.press(first, w.mia.ID, "◀️")
	w.until("the long one is back", func() bool {
		r := w.replies(c)
		return len(r) == 3 && labels(r[2]) == "(◀️) (1/2) ▶️ Regenerate" && labels(r[0]) == ""
	})
	w.until("its messages are stored", func() bool {
		s, err := w.store.Load(t.Context(), session.Key{Channel: c})
		turn, ok := s.Turn(w.replies(c)[2].ID)
		return err == nil && ok && turn.ID == first.ID
	})
}

// What is answered to an edited question stands alone: nothing leads back to answers to
// what it was.
func TestEditBeginsANewList(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	q := w.send(c, w.mia.ID, w.at("long 900"))
	w.until("three messages", func() bool { return len(w.replies(c)) == 3 && labels(w.replies(c)[2]) == "Regenerate" })
	w.idle(c, q.ID)
	if _, err := w.d.Edit(c, q.ID, w.mia.ID, w.at("short")); err != nil {
		t.Fatal(err)
	}
	last := w.replies(c)[2]
	w.until("the edit is noticed", func() bool { m, _ := w.d.Message(c, last.ID); return labels(m) == "Answer the edit" })
	w.press(last, w.mia.ID, "Answer the edit")
	first := w.replies(c)[0]
	w.shows(first, "re: short #2", "Regenerate")
	w.until("the rest is gone", func() bool { return len(w.replies(c)) == 1 })
	w.stored(c, "short", "re: short #2")
	w.idle(c, q.ID)
	w.press(first, w.mia.ID, "Regenerate")
	w.shows(first, "re: short #3", "◀️ (2/2) (▶️) Regenerate")
	w.idle(c, q.ID)
	w.press(first, w.mia.ID, "◀️")
	w.stored(c, "short", "re: short #2")
}

// What was left of an answer when the process died is put right by a press.
func TestStopAfterACrash(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	q := w.send(c, w.mia.ID, w.at("hello"))
	a := w.says(c, "re: hello")
	w.shows(a, "re: hello", "Regenerate")
	w.idle(c, q.ID)
	r := w.bot.newReply(c, q.ID, w.mia.ID)
	if err := r.rest.edit(t.Context(), c, a.ID, "re: he", stopRow(nil, q.ID, w.mia.ID), true); err != nil {
		t.Fatal(err)
	}
	w.press(a, w.mia.ID, "Stop")
	w.shows(a, "re: hello", "Regenerate")
}
