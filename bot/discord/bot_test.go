package discord

import (
	"strings"
	"testing"
	"time"

	"moebot/bot/discordtest"
)

func TestItAnswersWhereItIsMeant(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	q := w.send(c, w.mia.ID, w.at("hello"))
	a := w.says(c, "re: hello")
	if a.ReplyTo != q.ID {
		t.Errorf("the answer replies to %q, want %q", a.ReplyTo, q.ID)
	}
	w.send(c, w.mia.ID, "why?", discordtest.ReplyTo(a.ID))
	w.says(c, "re: why?")
	dm, err := w.d.OpenDM(w.mia.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.send(dm.ID, w.mia.ID, "psst")
	w.says(dm.ID, "re: psst")
	w.send(c, w.mia.ID, "nobody asked you")
	w.send(c, w.mia.ID, "@everyone look")
	th, err := w.d.CreateThread(c, w.mia.ID, "a thread", "")
	if err != nil {
		t.Fatal(err)
	}
	w.send(th.ID, w.mia.ID, "not yet")
	w.send(th.ID, w.mia.ID, w.at("come in"))
	w.says(th.ID, "re: come in")
	w.send(th.ID, w.mia.ID, "and stay")
	w.says(th.ID, "re: and stay")
	time.Sleep(50 * time.Millisecond)
	if n := len(w.replies(c)); n != 2 {
		t.Errorf("%d messages in the channel, want 2", n)
	}
	if n := len(w.replies(th.ID)); n != 2 {
		t.Errorf("%d messages in the thread, want 2", n)
	}
	for _, p := range w.d.BotPings() {
		if p.Everyone || p.Here || len(p.Roles) > 0 || len(p.Users) != 1 || p.Users[0] != w.mia.ID {
			t.Errorf("somebody else was pinged: %+v", p)
		}
	}
}

func TestNothingItSaysPings(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	role := w.d.AddRole(w.guild.ID, "team", 0)
	w.send(c, w.mia.ID, w.at("say @everyone @here <@&"+role.ID+"> \\<@"+w.owner.ID+">"))
	w.until("an answer", func() bool { return len(w.replies(c)) == 1 })
	for _, p := range w.d.BotPings() {
		if p.Everyone || p.Here || len(p.Roles) > 0 || len(p.Users) != 1 || p.Users[0] != w.mia.ID {
			t.Errorf("pinged: %+v", p)
		}
	}
}

func TestStreamingKeepsToThePace(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	start := time.Now()
	w.send(c, w.mia.ID, w.at("slow 30"))
	var first time.Duration
	w.until("first words", func() bool { first = time.Since(start); return len(w.replies(c)) == 1 })
	if first > time.Second {
		t.Errorf("first words after %v", first)
	}
	w.until("the end", func() bool { return strings.HasSuffix(w.replies(c)[0].Content, " 29") })
	took := time.Since(start)
	m := w.replies(c)[0]
	if most := int(took/(100*time.Millisecond)) + 2; m.Edits < 4 || m.Edits > most {
		t.Errorf("%d edits in %v, want 4 to %d", m.Edits, took, most)
	}
	if n := w.d.Requests()["POST /channels/{channel}/typing"].Requests; n != 0 {
		t.Errorf("typing was shown %d times though the first words came at once", n)
	}
	w.send(c, w.mia.ID, w.at("think"))
	w.says(c, "re: think")
	if n := w.d.Requests()["POST /channels/{channel}/typing"].Requests; n != 1 {
		t.Errorf("typing was shown %d times, want once", n)
	}
}

func TestLongAnswersAndFailuresOnTheWay(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.d.Faults().REST(discordtest.RESTFault{Method: "POST", Route: "/channels/{channel}/messages", Count: 2, Status: 503})
	w.d.Faults().REST(discordtest.RESTFault{Method: "POST", Route: "/channels/{channel}/messages", Count: 1, LoseAnswer: true})
	w.d.Faults().REST(discordtest.RESTFault{Method: "PATCH", Count: 2, Status: 429, RetryAfter: 100 * time.Millisecond})
	w.send(c, w.mia.ID, w.at("long 900"))
	want := "re: long 900" + strings.Repeat(" blah", 900)
	join := func() string {
		var parts []string
		for _, m := range w.replies(c) {
			if length(m.Content) > 2000 {
				t.Errorf("a message of %d", length(m.Content))
			}
			parts = append(parts, m.Content)
		}
		return strings.Join(parts, " ")
	}
	w.until("the whole answer", func() bool { return join() == want })
	time.Sleep(100 * time.Millisecond)
	if n := len(w.replies(c)); n != 3 || join() != want {
		t.Errorf("%d messages, want 3", n)
	}
}

// What is deleted leaves the conversation, question and answer alike, and an answer
// under way ends.
func TestDeletedMessagesLeaveTheContext(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	q := w.send(c, w.mia.ID, w.at("hello"))
	a := w.says(c, "re: hello")
	w.stored(c, "hello", "re: hello")
	w.idle(c, q.ID)
	w.press(a, w.mia.ID, "Regenerate")
	w.shows(a, "re: hello #2", "◀️ (2/2) (▶️) Regenerate")
	w.idle(c, q.ID)
	if err := w.d.Delete(c, q.ID, w.mia.ID); err != nil {
		t.Fatal(err)
	}
	w.stored(c)                                                                           // the answer is forgotten with its question
	for label, who := range map[string]string{"◀️": w.mia.ID, "Regenerate": w.owner.ID} { // and stays to be seen, as it is
		w.press(a, who, label)
		w.told(c, who, sayTooOld.english)
	}
	w.shows(a, "re: hello #2", "◀️ (2/2) (▶️) Regenerate")
	w.stored(c)
	if err := w.d.Delete(c, a.ID, w.owner.ID); err != nil {
		t.Fatal(err)
	}
	q = w.send(c, w.mia.ID, w.at("and you?"))
	a = w.says(c, "re: and you?")
	w.idle(c, q.ID)
	if err := w.d.Delete(c, a.ID, w.owner.ID); err != nil {
		t.Fatal(err)
	}
	w.stored(c, "and you?")
	if err := w.d.Delete(c, q.ID, w.mia.ID); err != nil {
		t.Fatal(err)
	}
	w.stored(c)
	slow := w.send(c, w.mia.ID, w.at("slow 400"))
	behind := w.send(c, w.mia.ID, w.at("behind"))
	w.until("an answer and one that waits", func() bool { return len(w.public(c)) == 2 })
	for _, m := range []discordtest.Message{behind, slow} {
		if err := w.d.Delete(c, m.ID, w.mia.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.idle(c, slow.ID)
	w.idle(c, behind.ID)
	w.until("only what was said is left", func() bool {
		r := w.public(c)
		return len(r) == 1 && strings.HasPrefix(r[0].Content, "re: slow 400") && !strings.HasSuffix(r[0].Content, "399")
	})
	w.stored(c)
}
