package discord

import (
	"testing"

	"moebot/bot/discordtest"
	"moebot/session"
)

// Words that are for age-restricted channels are neither answered nor said elsewhere, nor
// in their threads; and who manages the server decides whether such channels are answered.
func TestAgeRestrictedChannels(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	open := w.d.AddChannel(w.guild.ID, "general").ID
	adult := w.d.AddChannelLike(w.guild.ID, discordtest.Channel{Name: "adults", NSFW: true}).ID
	w.run(open, w.owner.ID, "help")
	said := func(name string, opts ...discordtest.Option) string {
		t.Helper()
		return w.cmd(open, w.owner.ID, name, opts...).Message.Content
	}
	if got := said("admin words add", opt("where", "adult"), opt("word", "rude word")); got != "- adult_words: not set → **`rude word`**" {
		t.Errorf("add: %q", got)
	}
	if got := said("admin words list"); got != "**words_in** (0): not set\n**words_out** (0): not set\n**adult_words** (1): `rude word`" {
		t.Errorf("list: %q", got)
	}
	w.send(open, w.mia.ID, w.at("a Rude  word"))
	w.says(open, sayBlocked.english)
	if got := w.cmd(open, w.mia.ID, "ask", opt("question", "another rude word")).Message.Content; got != sayBlocked.english {
		t.Errorf("/ask: %q", got)
	}
	w.send(adult, w.mia.ID, w.at("a rude word"))
	w.says(adult, "re: a rude word")
	thread, err := w.d.CreateThread(adult, w.mia.ID, "aside", "")
	if err != nil {
		t.Fatal(err)
	}
	w.send(thread.ID, w.mia.ID, w.at("rude word below"))
	w.says(thread.ID, "re: rude word below")
	dm, err := w.d.OpenDM(w.mia.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.send(dm.ID, w.mia.ID, "rude word in private") // no part of the server, whose word it is
	w.says(dm.ID, "re: rude word in private")

	// the model says it by itself
	w.set(session.ServerKey(w.guild.ID), session.Settings{AdultWords: ptr([]string{"re"})})
	w.send(open, w.mia.ID, w.at("hello"))
	w.says(open, `\*\*\*: hello`)
	w.send(adult, w.mia.ID, w.at("hello"))
	w.says(adult, "re: hello")

	if got := said("admin adult", opt("answer", false)); got != "- adult_channels: not set → **off**" {
		t.Errorf("off: %q", got)
	}
	w.send(adult, w.mia.ID, w.at("still there?"))
	w.says(adult, sayAdult.english)
	w.send(thread.ID, w.mia.ID, w.at("and here?"))
	w.says(thread.ID, sayAdult.english)
	w.send(open, w.mia.ID, w.at("and you?"))
	w.says(open, `\*\*\*: and you?`)
	if _, err := w.d.ChangeChannel(adult, func(c *discordtest.Channel) { c.NSFW = false }); err != nil { // the gateway tells
		t.Fatal(err)
	}
	w.send(adult, w.mia.ID, w.at("for all"))
	w.says(adult, `\*\*\*: for all`)
}

// A server's own limit holds for all its people together, and one who asks too fast takes
// nothing of it from the others.
func TestLimitOfAServer(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	said := func(name string, opts ...discordtest.Option) string {
		t.Helper()
		return w.cmd(c, w.owner.ID, name, opts...).Message.Content
	}
	if got := said("admin limit", opt("server-messages", 30), opt("server-seconds", 0.5)); got != "- server_messages: not set → **30**\n- server_seconds: not set → **0.5**" {
		t.Errorf("limit: %q", got)
	}
	if got := said("admin limit"); got != "This server has no limit of its own for each person.\nAll people together may ask 30 questions at once, and one more every 0.5 seconds." {
		t.Errorf("the limit: %q", got)
	}
	said("admin limit", opt("server-messages", 0))
	if got := said("admin limit"); got != "This server has no limit of its own for each person.\nAll people together may ask as fast as they like." {
		t.Errorf("no limit: %q", got)
	}
}
