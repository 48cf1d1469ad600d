package discord

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/discordtest"
	"moebot/session"
)

func ptr[T any](v T) *T { return &v }

// set stores settings as another process would have, long ago.
func (w *world) set(k session.Key, s session.Settings) {
	w.t.Helper()
	if err := w.store.SetSettings(w.t.Context(), k, s); err != nil {
		w.t.Fatal(err)
	}
	w.bot.levels.mu.Lock()
	delete(w.bot.levels.kept, k)
	w.bot.levels.mu.Unlock()
}

// silent waits until the bot has looked at all that was said, and has said no more than
// it had.
func (w *world) silent(channel, user string, said int) {
	w.t.Helper()
	mark := fmt.Sprint("mark ", time.Now().UnixNano())
	w.send(channel, w.mia.ID, w.at(mark))
	w.says(channel, "re: "+mark)
	if got := w.public(channel); len(got) != said+1 {
		var texts []string
		for _, m := range got {
			texts = append(texts, m.Content)
		}
		w.t.Errorf("it said %q; want %d messages and the mark", texts, said)
	}
}

func TestAlwaysOnAndWakeWords(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	loud, quiet := w.d.AddChannel(w.guild.ID, "loud").ID, w.d.AddChannel(w.guild.ID, "quiet").ID
	w.set(session.Key{Channel: loud}, session.Settings{AlwaysOn: ptr(true)})
	w.set(session.ServerKey(w.guild.ID), session.Settings{WakeWords: ptr([]string{"moe", "小狐狸"})})
	w.send(loud, w.mia.ID, "hello")
	w.says(loud, "re: hello")
	w.send(loud, w.mia.ID, "<@"+w.owner.ID+"> are you there?")
	w.silent(loud, w.mia.ID, 1)
	for n, text := range []string{"Moe, hello", "你好小狐狸在吗", "hey MOE!"} {
		w.send(quiet, w.mia.ID, text)
		w.says(quiet, "re: "+text)
		w.send(quiet, w.mia.ID, "smoet and moes are none")
		w.silent(quiet, w.mia.ID, 2*n+1)
	}
	// a thread has the settings of its channel, unless it has its own
	th, err := w.d.CreateThread(loud, w.mia.ID, "aside", w.send(loud, w.mia.ID, "x").ID)
	if err != nil {
		t.Fatal(err)
	}
	w.send(th.ID, w.mia.ID, "in here, too")
	w.says(th.ID, "re: in here, too")
	w.set(session.Key{Channel: th.ID}, session.Settings{AlwaysOn: ptr(false)})
	other, err := w.d.CreateThread(loud, w.mia.ID, "other", w.send(loud, w.mia.ID, "y").ID)
	if err != nil {
		t.Fatal(err)
	}
	w.set(session.Key{Channel: other.ID}, session.Settings{AlwaysOn: ptr(false)})
	w.send(other.ID, w.mia.ID, "not here")
	w.silent(other.ID, w.mia.ID, 0)
}

func TestWithoutTheContentIntentItSaysWhatItCannot(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: false}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.set(session.Key{Channel: c}, session.Settings{AlwaysOn: ptr(true), WakeWords: ptr([]string{"moe"}), ChimeIn: ptr(1.0)})
	w.send(c, w.mia.ID, "moe, hello")
	w.silent(c, w.mia.ID, 0)
	text := w.run(c, w.mia.ID, "status").Message.Content
	for _, want := range []string{"only mentions, replies and direct messages: the MESSAGE_CONTENT intent is off", "Always-on channels, wake words and chiming in are not possible",
		"Settings here ask for that all the same: every message here; the words moe; now and then unasked (100 %)"} {
		if !strings.Contains(text, want) {
			t.Errorf("/status does not say %q:\n%s", want, text)
		}
	}
}

func TestIntentSwitchedOff(t *testing.T) {
	w := newWorld(t, discordtest.Options{Denied: discordtest.IntentMessageContent}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	if text := w.run(c, w.mia.ID, "status").Message.Content; !strings.Contains(text, "not possible without it") {
		t.Errorf("/status: %s", text)
	}
	w.send(c, w.mia.ID, w.at("hello"))
	w.says(c, "re: hello")
}

func TestChimeIn(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	// certain at first, impossible after one
	w.set(session.Key{Channel: c}, session.Settings{ChimeIn: ptr(1.0), ChimeInFall: ptr(0.0)})
	w.send(c, w.mia.ID, "what a day")
	w.says(c, "re: what a day")
	w.send(c, w.mia.ID, "indeed")
	w.silent(c, w.mia.ID, 1) // whose mark calls it, so that it may chime in again
	w.send(c, w.mia.ID, "and now?")
	w.says(c, "re: and now?")
}

func TestChimeChance(t *testing.T) {
	set := session.Settings{ChimeIn: ptr(0.8), ChimeInFall: ptr(0.5)}
	for n, want := range []float64{0.8, 0.4, 0.2, 0.1} {
		if got := chimeChance(set, n); math.Abs(got-want) > 1e-12 {
			t.Errorf("after %d chime-ins the chance is %v, want %v", n, got, want)
		}
	}
	if got := chimeChance(session.Settings{ChimeIn: ptr(0.8)}, 1); got != 0.4 {
		t.Errorf("the fall is %v where none is set, want a half", got/0.8)
	}
	// drawn evenly, and the same for the same message
	var low int
	for n := range 20000 {
		x := draw(fmt.Sprint(1300000000000000000 + n*4194304))
		if x < 0 || x >= 1 || x != draw(fmt.Sprint(1300000000000000000+n*4194304)) {
			t.Fatal(x)
		}
		if x < 0.1 {
			low++
		}
	}
	if low < 1800 || low > 2200 { // 5 standard deviations are 212
		t.Errorf("%d of 20000 draws are below 0.1", low)
	}
	// over many messages each further one is rarer; an hour's rest takes one off
	var k talk
	now := time.Now()
	var at []int
	for n := 0; len(at) < 6 && n < 1000; n++ {
		if k.chimes("c", fmt.Sprint(n), set, now) {
			at = append(at, n)
		}
	}
	if len(at) < 5 || at[4]-at[3] < at[1]-at[0] {
		t.Errorf("chimed in at messages %v", at)
	}
	before := k.channels["c"].chimes
	k.chimes("c", "x", session.Settings{ChimeIn: ptr(1e-18)}, now.Add(2*chimeRest+time.Minute))
	if got := k.channels["c"].chimes; got != before-2 {
		t.Errorf("after two hours %d chime-ins count, want %d", got, before-2)
	}
}

func TestBots(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	other := w.d.AddBot("other")
	w.d.AddMember(w.guild.ID, other.ID)
	w.send(c, other.ID, w.at("hello"))
	w.silent(c, w.mia.ID, 0) // not allowed
	w.set(session.ServerKey(w.guild.ID), session.Settings{AnswerBots: ptr(true), BotTurns: ptr(2), AlwaysOn: ptr(true), Mode: ptr(session.ModeOn)})
	w.send(c, other.ID, "no mention")
	said := 1
	for round := range 2 {
		for n := range 5 {
			w.send(c, other.ID, w.at(fmt.Sprintf("%d of %d", n, round)))
			if n < 2 {
				w.says(c, fmt.Sprintf("re: %d of %d", n, round))
				said++
			}
		}
		w.silent(c, w.mia.ID, said) // the loop ended; a person speaks
		said++
	}
}

func TestLists(t *testing.T) {
	p := place{server: "1", category: "2", channel: "3"}
	th := place{server: "1", category: "2", channel: "3", thread: "4"}
	dm := place{channel: "9"}
	list := func(s string) *[]string {
		if s == "" {
			return nil
		}
		return ptr(strings.Split(s, " "))
	}
	for _, c := range []struct {
		allow, block string
		p            place
		barred       bool
	}{
		{"", "", p, false},
		{"", "channel:3", p, true}, {"", "channel:3", th, true}, {"", "channel:4", th, true}, {"", "channel:4", p, false},
		{"", "category:2", th, true}, {"", "server:1", p, true}, {"", "role:7", p, true}, {"", "role:8", p, false}, {"", "person:5", dm, true}, {"", "role:1", p, true},
		{"channel:3", "", p, false}, {"channel:3", "", th, false}, {"channel:6", "", p, true}, {"category:2", "", p, false}, {"server:6", "", p, true},
		{"channel:6", "", dm, false}, {"person:6", "", dm, true},
		{"role:7", "", p, false}, {"role:8", "", p, true}, {"role:8 person:5", "", p, false}, {"role:1", "", p, false},
		{"channel:3 role:8", "", p, true}, {"channel:6 role:7", "", p, true}, {"channel:3 role:7", "", p, false},
		{"channel:3 person:5", "person:5", p, true}, {"person:5", "channel:3", p, true}, // block wins
	} {
		set := session.Settings{Allow: list(c.allow), Block: list(c.block)}
		if got := barredBy(set, c.p, "5", []string{"7"}); got != c.barred {
			t.Errorf("allow %q, block %q, in %+v: barred %v", c.allow, c.block, c.p, got)
		}
	}
}

func TestListsAreKept(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	cat := w.d.AddChannelLike(w.guild.ID, discordtest.Channel{Name: "lounge", Kind: discordtest.Category})
	a := w.d.AddChannelLike(w.guild.ID, discordtest.Channel{Name: "a", ParentID: cat.ID}).ID
	b := w.d.AddChannel(w.guild.ID, "b").ID
	role := w.d.AddRole(w.guild.ID, "rude", 0)
	rude := w.d.AddUser("rude")
	w.d.AddMember(w.guild.ID, rude.ID, role.ID)
	w.set(session.ServerKey(w.guild.ID), session.Settings{Allow: ptr([]string{"category:" + cat.ID}), Block: ptr([]string{"role:" + role.ID})})
	w.send(b, w.mia.ID, w.at("not here"))
	w.send(a, rude.ID, w.at("not me"))
	w.silent(a, w.mia.ID, 0)
	if got := w.replies(b); len(got) != 0 {
		t.Errorf("it answered in a channel that is not allowed: %q", got[0].Content)
	}
	if r := w.run(b, w.mia.ID, "ask", opt("question", "hi")); r.Message.Content != sayBanned.english {
		t.Errorf("/ask there: %q", r.Message.Content)
	}
	w.until("the question there was looked at", func() bool { // under the settings of now
		w.bot.seen.mu.Lock()
		defer w.bot.seen.mu.Unlock()
		return len(w.bot.seen.open[b]) == 0
	})
	// the channel's own list is nearer; what the server blocks stays blocked
	w.set(session.Key{Channel: b}, session.Settings{Allow: ptr([]string{}), Block: ptr([]string{})})
	w.send(b, rude.ID, w.at("and here?"))
	w.silent(b, w.mia.ID, 0)
}

func TestMutedAndModes(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	rude, late := w.d.AddUser("rude"), w.d.AddUser("late")
	w.d.AddMember(w.guild.ID, rude.ID)
	w.d.AddMember(w.guild.ID, late.ID)
	server := session.ServerKey(w.guild.ID)
	w.set(server, session.Settings{WordsIn: ptr([]string{"pineapple pizza"}), WordsOut: ptr([]string{"hush", "very bad"}),
		Muted: ptr([]string{session.Mute{Person: rude.ID, Until: time.Now().Add(time.Hour).Truncate(time.Second)}.String(), session.Mute{Person: late.ID, Until: time.Now().Add(-time.Hour).Truncate(time.Second)}.String()})})
	w.send(c, rude.ID, w.at("hello"))
	w.send(c, late.ID, w.at("my time is over"))
	w.says(c, "re: my time is over")
	w.send(c, w.mia.ID, w.at("I like Pineapple  PIZZA!"))
	w.says(c, sayBlocked.english)
	w.send(c, w.mia.ID, w.at("HUSH, that is very  bad, hushed"))
	w.says(c, `re: \*\*\*, that is \*\*\*, hushed`)
	if r := w.run(c, rude.ID, "ask", opt("question", "hi")); !strings.Contains(r.Message.Content, "you are muted until <t:") {
		t.Errorf("/ask of a muted person: %q", r.Message.Content)
	}
	w.silent(c, w.mia.ID, 3)
	for mode, say := range map[string]string{session.ModePause: sayPaused.english, session.ModeDrain: sayDraining.english} {
		w.set(server, session.Settings{Mode: &mode, AlwaysOn: ptr(true)})
		w.send(c, w.mia.ID, w.at("are you there?"))
		w.says(c, say)
		if r := w.run(c, w.mia.ID, "ask", opt("question", "hi")); r.Message.Content != say {
			t.Errorf("/ask while %s: %q", mode, r.Message.Content)
		}
	}
}

// Whose roles cannot be read is not answered where one is blocked.
func TestRolesThatAreNotKnown(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	role := w.d.AddRole(w.guild.ID, "rude", 0)
	rude := w.d.AddUser("rude")
	w.d.AddMember(w.guild.ID, rude.ID, role.ID)
	m := &discordgo.Message{ID: "1", Author: &discordgo.User{ID: rude.ID}}
	p := place{server: w.guild.ID, channel: "5"}
	allow, block := session.Settings{Allow: ptr([]string{"role:" + role.ID})}, session.Settings{Block: ptr([]string{"role:" + role.ID})}
	if roles, ok := w.bot.rolesOf(t.Context(), block, p, m); !ok || !slices.Equal(roles, []string{role.ID}) {
		t.Errorf("roles %q, %v", roles, ok)
	}
	defer w.d.Faults().REST(discordtest.RESTFault{Route: "/guilds/{guild}/members/{user}", Status: 403})()
	for _, c := range []struct {
		set session.Settings
		ok  bool
	}{{block, false}, {allow, true}, {session.Settings{}, true}} {
		if roles, ok := w.bot.rolesOf(t.Context(), c.set, p, m); roles != nil || ok != c.ok {
			t.Errorf("%+v: roles %q, %v", c.set, roles, ok)
		}
	}
}

// The lists hold for the author of a message that is answered from its menu.
func TestListsHoldForTheMenu(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	role := w.d.AddRole(w.guild.ID, "friends", 0)
	friend := w.d.AddUser("friend")
	w.d.AddMember(w.guild.ID, friend.ID, role.ID)
	w.set(session.ServerKey(w.guild.ID), session.Settings{Allow: ptr([]string{"role:" + role.ID, "person:" + w.owner.ID})})
	m := w.send(c, friend.ID, "well met")
	w.wait(w.d.CommandOn(c, friend.ID, menuAgain, m.ID))
	w.says(c, "re: well met")
	w.set(session.ServerKey(w.guild.ID), session.Settings{Block: ptr([]string{"role:" + role.ID})})
	m = w.send(c, friend.ID, "and now?")
	if r := w.wait(w.d.CommandOn(c, w.owner.ID, menuAgain, m.ID)); r.Message.Content != sayBanned.english {
		t.Errorf("a message of who is blocked, asked by another: %q", r.Message.Content)
	}
}
