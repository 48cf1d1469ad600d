package discord

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// What waits in a channel is asked by one: who finds more meanwhile leaves it to them, and
// until what was taken off the list is asked, nothing said later overtakes it.
func TestOneAsksWhatWaitsInAChannel(t *testing.T) {
	p := newPlaces()
	say := func(id string) bool { return p.keep(&discordgo.Message{ID: id, ChannelID: "c"}) }
	ids := func(list []*discordgo.Message, _ bool) (out []string) {
		for _, m := range list {
			out = append(out, m.ID)
		}
		return out
	}
	p.handled("c", "1")
	p.hold()
	if !say("3") || !p.make("c", nil, 1) {
		t.Fatal("nobody asks")
	}
	if got := ids(p.next("c", 1)); !slices.Equal(got, []string{"3"}) {
		t.Errorf("what waits is %q", got)
	}
	// being asked: another reader finds more
	if p.release("c") || !say("4") {
		t.Error("what comes now overtakes what is being asked")
	}
	if p.make("c", []*discordgo.Message{{ID: "2", ChannelID: "c"}}, 1) {
		t.Error("two ask")
	}
	if got := ids(p.next("c", 1)); !slices.Equal(got, []string{"2", "4"}) {
		t.Errorf("then waits %q", got)
	}
	if _, all := p.next("c", 1); !all || say("5") {
		t.Error("the channel waits for ever")
	}
	// a new gap: who is at the old one has nothing more to do, and takes nothing with them
	p.hold()
	say("6")
	if !p.make("c", nil, 2) {
		t.Fatal("nobody asks")
	}
	p.hold()
	if !p.make("c", nil, 3) {
		t.Error("nobody asks")
	}
	if _, all := p.next("c", 2); !all {
		t.Error("the old gap goes on")
	}
	p.made("c", 2)
	if p.release("c") {
		t.Error("who asks now is forgotten")
	}
	if got := ids(p.next("c", 3)); !slices.Equal(got, []string{"6"}) {
		t.Errorf("in the new gap waits %q", got)
	}
	p.made("c", 3) // broken off
	if !p.release("c") || say("7") {
		t.Error("the channel waits for nobody")
	}
}

// Questions that were left wait in a channel that waits, each once and the oldest first,
// and the channel does not stop waiting before they are asked.
func TestWhatWasLeftWaits(t *testing.T) {
	p := newPlaces()
	left := func(id string) bool {
		return p.keepLeft(session.Pending{Key: session.Key{Channel: "c"}, Turn: session.Turn{ID: id}})
	}
	p.handled("c", "1")
	if left("5") {
		t.Error("it waits without a gap")
	}
	p.hold()
	for _, id := range []string{"9", "10", "5", "9"} {
		if !left(id) {
			t.Errorf("%s does not wait", id)
		}
	}
	if p.release("c") || !p.make("c", nil, 1) {
		t.Fatal("nobody asks")
	}
	var order []string
	for _, than := range []string{"4", "5", "8", "11", "11", ""} {
		q, _ := p.nextLeft("c", than, 1)
		order = append(order, q.Turn.ID)
	}
	if want := []string{"", "5", "", "9", "10", ""}; !slices.Equal(order, want) {
		t.Errorf("their order is %q, want %q", order, want)
	}
	left("12")
	if _, all := p.next("c", 1); all {
		t.Error("what was left is forgotten")
	}
	if q, ok := p.nextLeft("c", "", 0); ok {
		t.Errorf("who is at an old gap is given %+v", q)
	}
	if q, ok := p.nextLeft("c", "", 1); !ok || q.Turn.ID != "12" {
		t.Errorf("left is %+v", q)
	}
	if _, all := p.next("c", 1); !all || left("13") {
		t.Error("the channel waits for ever")
	}
	// a channel that is forgotten while something waits in it is looked at again
	p.hold()
	left("14")
	p.forget("c")
	if last, ok := p.snapshot()["c"]; !ok || last != "" {
		t.Errorf("the last message of a channel that waits and is forgotten is %q, %v", last, ok)
	}
}

// Neither the messages that wait nor the threads that were seen add up without end.
func TestPlacesAreBounded(t *testing.T) {
	p := newPlaces()
	p.handled("c", "1")
	p.hold()
	for i := range maxMissed + 10 {
		p.keep(&discordgo.Message{ID: fmt.Sprint(i), ChannelID: "c"})
	}
	if got := p.held["c"]; len(got) != maxMissed || got[0].ID != "10" {
		t.Errorf("%d messages wait, the first is %s", len(got), got[0].ID)
	}
	p.thread("mine", true)
	p.thread("other", false)
	for _, id := range []string{"mine", "other"} {
		p.archive(id, true)
	}
	if len(p.threads) != 1 || !p.in("mine") {
		t.Errorf("of archived threads are known %v", p.threads)
	}
	p.archive("other", false)
	p.handled("other", "5") // answered there, so the bot is in it
	if !p.in("other") {
		t.Error("a thread is not known when it is back")
	}
}
