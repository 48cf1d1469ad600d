package discord

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
)

// attentive is a parrot that notes what it is shown.
type attentive struct {
	parrot
	mu    *sync.Mutex
	shown *[]string // the last prompt, a turn each: who and what
	hot   *float64  // its temperature
}

func (a attentive) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	a.mu.Lock()
	*a.shown, *a.hot = nil, *p.Settings.Temperature
	for _, t := range p.Turns {
		*a.shown = append(*a.shown, strings.TrimPrefix(t.Author+": "+t.Text, ": "))
	}
	a.mu.Unlock()
	return a.parrot.Generate(ctx, p, emit)
}

// The model sees no more messages than the setting history says; /context says so.
func TestHistoryIsAsLongAsTheSettingSays(t *testing.T) {
	gen := attentive{newParrot(), &sync.Mutex{}, &[]string{}, new(float64)}
	w := newWorldOf(t, discordtest.Options{}, Options{MessageContent: true}, parts{maxTurns: 500, generator: gen}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	shown := func(text string, want ...string) {
		t.Helper()
		q := w.send(c, w.mia.ID, w.at(text))
		w.says(c, "re: "+text)
		w.idle(c, q.ID)
		gen.mu.Lock()
		defer gen.mu.Unlock()
		if got := strings.Join(*gen.shown, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("the model is shown %q, want %q", got, want)
		}
	}
	shown("one", "mia: one")
	shown("two", "mia: one", "re: one", "mia: two")
	if got := w.cmd(c, w.owner.ID, "settings set", opt("name", "history"), opt("value", "2")).Message.Content; !strings.Contains(got, "history: not set → **2**") {
		t.Errorf("set: %q", got)
	}
	shown("three", "mia: two", "re: two", "mia: three")
	if got := w.cmd(c, w.mia.ID, "context").Message.Content; !strings.Contains(got, "I don't see the oldest 4 messages") || strings.Contains(got, "two") || !strings.Contains(got, "three") {
		t.Errorf("context: %q", got)
	}
	w.cmd(c, w.owner.ID, "settings set", opt("name", "history"), opt("value", "0"))
	shown("four", "mia: four")
	w.cmd(c, w.owner.ID, "settings unset", opt("name", "history"))
	shown("five", "mia: one", "re: one", "mia: two", "re: two", "mia: three", "re: three", "mia: four", "re: four", "mia: five")
}

// A question outside of the conversation may have a temperature of its own.
func TestAskAtATemperature(t *testing.T) {
	gen := attentive{newParrot(), &sync.Mutex{}, &[]string{}, new(float64)}
	w := newWorldOf(t, discordtest.Options{}, Options{}, parts{generator: gen}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.mia.ID, "help")
	for _, want := range []float64{1.5, 0, 0.7} { // the last is the default
		opts := []discordtest.Option{opt("question", "hello"), opt("private", true)}
		if want != 0.7 {
			opts = append(opts, opt("temperature", want))
		}
		r := w.wait(w.d.Command(c, w.mia.ID, "ask", opts...))
		w.ends(r.Message.Interaction.ID, "re: hello", "")
		gen.mu.Lock()
		if *gen.hot != want {
			t.Errorf("at %v, want %v", *gen.hot, want)
		}
		gen.mu.Unlock()
	}
}

// Who replies to a message and asks the bot about it need not repeat it: the bot reads
// what is replied to, once, and does not keep it.
func TestReplyBringsWhatItRepliesTo(t *testing.T) {
	gen := attentive{newParrot(), &sync.Mutex{}, &[]string{}, new(float64)}
	w := newWorldOf(t, discordtest.Options{}, Options{MessageContent: true}, parts{maxTurns: 500, generator: gen}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	shown := func(want ...string) {
		t.Helper()
		gen.mu.Lock()
		defer gen.mu.Unlock()
		if strings.Join(*gen.shown, "\n") != strings.Join(want, "\n") {
			t.Errorf("the model is shown %q, want %q", *gen.shown, want)
		}
	}
	cheese := w.send(c, w.owner.ID, "the moon is made of cheese")
	q := w.send(c, w.mia.ID, w.at("is that so?"), discordtest.ReplyTo(cheese.ID))
	a := w.says(c, "re: is that so?")
	shown("owner: the moon is made of cheese", "mia: is that so?")
	w.stored(c, "is that so?", "re: is that so?")
	w.idle(c, q.ID)
	w.press(a, w.mia.ID, "Regenerate")
	w.shows(a, "re: is that so? #2", "◀️ (2/2) (▶️) Regenerate")
	shown("owner: the moon is made of cheese", "mia: is that so?")
	w.idle(c, q.ID)

	// what is near in the conversation is not shown twice
	next := w.send(c, w.mia.ID, "and why?", discordtest.ReplyTo(a.ID))
	w.says(c, "re: and why?")
	shown("mia: is that so?", "re: is that so? #2", "mia: and why?")
	w.idle(c, next.ID)
	for i := range 4 {
		w.send(c, w.mia.ID, w.at(fmt.Sprint("more ", i)))
		w.says(c, fmt.Sprint("re: more ", i))
	}
	w.send(c, w.mia.ID, "back to that", discordtest.ReplyTo(a.ID)) // which is far away by now
	w.says(c, "re: back to that")
	gen.mu.Lock()
	if n := len(*gen.shown); n != 14 || (*gen.shown)[n-2] != "re: is that so? #2" {
		t.Errorf("a reply to what was said long ago shows %q", *gen.shown)
	}
	gen.mu.Unlock()

	// what is deleted is not read again
	if err := w.d.Delete(c, cheese.ID, w.owner.ID); err != nil {
		t.Fatal(err)
	}
	w.send(c, w.mia.ID, w.at("in between")) // behind the deletion
	w.says(c, "re: in between")
	w.press(a, w.mia.ID, "Regenerate")
	w.shows(a, "re: is that so? #3", "◀️ (3/3) (▶️) Regenerate")
	shown("mia: is that so?")
}
