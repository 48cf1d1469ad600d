package discord

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/discordtest"
	"moebot/session"
)

// The first questions of a channel, asked while nobody listened, are answered in order,
// whether the program was away or only its connection. Channels that nothing was asked in
// are not kept in mind, and those that the bot may not read are not read.
func TestFirstQuestionsInAGap(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	known := w.d.AddChannel(w.guild.ID, "known").ID
	w.send(known, w.mia.ID, w.at("hello"))
	w.says(known, "re: hello")
	for round, away := range []func(during func()){
		func(during func()) { w.stop(time.Second); during(); w.restart(w.store) },
		func(during func()) {
			w.d.Faults().RefuseResume(1)
			w.d.Faults().Cut()
			during()
		},
	} {
		first, chatter, shut := w.d.AddChannel(w.guild.ID, fmt.Sprint("first", round)).ID, w.d.AddChannel(w.guild.ID, fmt.Sprint("chatter", round)).ID, w.d.AddChannel(w.guild.ID, fmt.Sprint("shut", round)).ID
		if _, err := w.d.ChangeChannel(shut, func(c *discordtest.Channel) {
			c.Overwrites = []discordtest.Overwrite{{ID: w.guild.ID, Deny: discordtest.ViewChannel}}
		}); err != nil {
			t.Fatal(err)
		}
		away(func() {
			for i := range 5 {
				w.send(first, w.mia.ID, w.at(fmt.Sprint("missed ", i)))
				w.send(chatter, w.owner.ID, "not to the bot")
			}
			w.send(shut, w.owner.ID, w.at("can you hear me?"))
		})
		w.send(first, w.mia.ID, w.at("live"))
		w.says(first, "re: live")
		var order []string
		for _, m := range w.public(first) {
			order = append(order, m.Content)
		}
		if want := []string{"re: missed 0", "re: missed 1", "re: missed 2", "re: missed 3", "re: missed 4", "re: live"}; !slices.Equal(order, want) {
			t.Errorf("round %d: %q, want %q", round, order, want)
		}
		w.until("nothing waits", func() bool { return !w.bot.seen.waits(chatter) && !w.bot.seen.waits(first) })
		if n := len(w.public(shut)) + len(w.public(chatter)); n != 0 || w.bot.seen.lastIn(chatter) != "" || w.bot.seen.lastIn(first) == "" {
			t.Errorf("round %d: %d answers where none was asked for; the channels' last messages are %q and %q", round, n, w.bot.seen.lastIn(chatter), w.bot.seen.lastIn(first))
		}
	}
	if n := w.d.InvalidRequests(); n != 0 {
		t.Errorf("%d requests were forbidden", n)
	}
}

// moody is a Store that cannot be written to and read from now and then.
type moody struct {
	Store
	away *bool
}

func (m moody) Remember(ctx context.Context, name, value string) error {
	if *m.away {
		return session.ErrUnavailable
	}
	return m.Store.Remember(ctx, name, value)
}

func (m moody) Recall(ctx context.Context, name string) (string, error) {
	if *m.away {
		*m.away = false // the next time it is back
		return "", session.ErrUnavailable
	}
	return m.Store.Recall(ctx, name)
}

// What could not be written down is written down later, and what cannot be read is read
// again, where others may have had the shard.
func TestPlacesWithoutAStore(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, false)
	away := true
	b, err := New(w.chat, moody{w.store, &away}, Options{Identify: func(context.Context) error { return nil }, Log: w.bot.log, Token: w.bot.opt.Token})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	b.seen.handled("1", "1000")
	b.savePlaces()
	away = false
	b.savePlaces()
	if text, err := w.store.Recall(t.Context(), placesFact); err != nil || text != `{"1":"1000"}` {
		t.Errorf("written down: %q, %v", text, err)
	}
	away = true
	next, err := New(w.chat, moody{w.store, &away}, b.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if err := next.recallPlaces(t.Context()); err != nil || next.seen.lastIn("1") == "" {
		t.Errorf("read: %v, %q", err, next.seen.lastIn("1"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	away = true
	if err := next.recallPlaces(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("read in vain: %v", err)
	}
}

// What is written down is from before the questions that the store may not know yet.
func TestPlacesBeforeOpenQuestions(t *testing.T) {
	p := newPlaces()
	p.handled("1", "1000")
	p.handled("2", "1000")
	first, second := p.asking("1", "2000"), p.asking("1", "3000")
	for _, m := range []string{"2000", "3000"} {
		p.heard("1", m)
	}
	p.heard("2", "4000")
	check := func(when, last1, newest string) {
		t.Helper()
		if last, n := p.safe(); last["1"] != last1 || last["2"] != "4000" || n != newest {
			t.Errorf("%s: %v, newest %s; want %s and %s", when, last, n, last1, newest)
		}
	}
	check("both open", "1999", "1999")
	second()
	check("the first open", "1999", "1999")
	first()
	check("none open", "3000", "4000")
	if len(p.open) != 0 {
		t.Errorf("left: %v", p.open)
	}
}

// What the store has accepted need not be read again, however old what was written down
// is: the store forgets after some hundred messages that it has seen one.
func TestGapBeginsAtWhatWasAccepted(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, false)
	now := time.Now()
	id := func(ago time.Duration) string { return idAt(now.Add(-ago)) }
	k := session.Key{Channel: "77"}
	for _, ago := range []time.Duration{time.Minute, 30 * time.Second} {
		if _, ok, err := w.store.Accept(t.Context(), k, session.Turn{ID: id(ago), Role: session.RoleUser, Text: "q", Time: now}); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	for name, tc := range map[string]struct{ channel, last, want string }{
		"written down long ago":   {"77", id(time.Hour), before(id(30*time.Second), outOfOrder)},
		"written down since":      {"77", id(time.Second), id(time.Second)},
		"nothing was asked there": {"78", id(time.Hour), id(time.Hour)},
	} {
		if got := w.bot.asked(t.Context(), tc.channel, tc.last); got != tc.want {
			t.Errorf("%s: from %s, want %s", name, got, tc.want)
		}
	}
}

// An answer of Discord's that cannot be read is not asked for again and again: it will be the
// same, and its channel would wait for ever.
func TestUnreadableAnswersAreNotPassing(t *testing.T) {
	if err := fmt.Errorf("%w: unknown component type: 99", discordgo.ErrJSONUnmarshal); passing(err) {
		t.Error(err)
	}
	if err := io.ErrUnexpectedEOF; !passing(err) {
		t.Error(err)
	}
}
