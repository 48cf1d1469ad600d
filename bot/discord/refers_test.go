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
}

func (a attentive) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	a.mu.Lock()
	*a.shown = nil
	for _, t := range p.Turns {
		*a.shown = append(*a.shown, strings.TrimPrefix(t.Author+": "+t.Text, ": "))
	}
	a.mu.Unlock()
	return a.parrot.Generate(ctx, p, emit)
}

// Who replies to a message and asks the bot about it need not repeat it: the bot reads
// what is replied to, once, and does not keep it.
func TestReplyBringsWhatItRepliesTo(t *testing.T) {
	gen := attentive{newParrot(), &sync.Mutex{}, &[]string{}}
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
