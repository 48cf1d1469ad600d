package discord

import (
	"strings"
	"testing"
	"time"

	"moebot/bot/discordtest"
	"moebot/session"
)

func TestAdminIsForWhoManagesTheServer(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	if _, err := w.d.Command(c, w.mia.ID, "admin pause"); err == nil {
		t.Error("everybody may use /admin")
	}
	// where a server let everybody use it, the bot says no by itself
	w.d.LetEverybody("admin")
	for _, name := range []string{"admin pause", "admin show", "admin words list", "admin audit"} {
		if got := w.cmd(c, w.mia.ID, name).Message.Content; got != "Only people who may manage this server can do that." {
			t.Errorf("/%s: %q", name, got)
		}
	}
	if s := w.settingsAt(session.ServerKey(w.guild.ID)); !s.IsZero() {
		t.Errorf("the server has %+v", s)
	}
}

func TestAdminPauseDrainResume(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	w.send(c, w.mia.ID, w.at("slow 400"))
	w.until("it answers", func() bool { r := w.public(c); return len(r) == 1 && strings.HasPrefix(r[0].Content, "re: slow") })
	r := w.cmd(c, w.owner.ID, "admin pause")
	if !r.Ephemeral || r.Message.Content != "I answer nobody in this server from now on. 1 answers were stopped.\n- mode: not set → **pause**" {
		t.Errorf("pause: %q", r.Message.Content)
	}
	w.until("the answer has stopped", func() bool { return labels(w.public(c)[0]) != "Stop" })
	w.send(c, w.mia.ID, w.at("hello?"))
	w.says(c, sayPaused.english)
	if got := w.cmd(c, w.owner.ID, "admin pause").Message.Content; !strings.HasSuffix(got, "That is how it was already.") {
		t.Errorf("pause again: %q", got)
	}
	// a direct message is no part of the server
	dm, err := w.d.OpenDM(w.mia.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.send(dm.ID, w.mia.ID, "and here?")
	w.says(dm.ID, "re: and here?")
	w.cmd(c, w.owner.ID, "admin resume")
	w.send(c, w.mia.ID, w.at("slow 20"))
	w.until("it answers again", func() bool { r := w.public(c); return strings.HasPrefix(r[len(r)-1].Content, "re: slow") })
	if got := w.cmd(c, w.owner.ID, "admin drain").Message.Content; got != "I take no new questions in this server. 1 that I have are still answered.\n- mode: not set → **drain**" {
		t.Errorf("drain: %q", got)
	}
	w.send(c, w.mia.ID, w.at("one more?"))
	w.says(c, sayDraining.english)
	w.says(c, "re: slow 20 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19")
	if got := w.cmd(c, w.mia.ID, "status").Message.Content; !strings.Contains(got, "**I take no new questions here**") {
		t.Errorf("/status: %q", got)
	}
	w.cmd(c, w.owner.ID, "admin resume")
	if s := w.settingsAt(session.ServerKey(w.guild.ID)); !s.IsZero() {
		t.Errorf("after all the server has %+v", s)
	}
}

func TestAdminMuteAndLists(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c, other := w.d.AddChannel(w.guild.ID, "general").ID, w.d.AddChannel(w.guild.ID, "other").ID
	cat := w.d.AddChannelLike(w.guild.ID, discordtest.Channel{Name: "lounge", Kind: discordtest.Category})
	role := w.d.AddRole(w.guild.ID, "rude", 0)
	rude := w.d.AddUser("rude")
	w.d.AddMember(w.guild.ID, rude.ID, role.ID)
	w.run(c, w.owner.ID, "help")
	server := session.ServerKey(w.guild.ID)
	said := func(name string, opts ...discordtest.Option) string {
		t.Helper()
		return w.cmd(c, w.owner.ID, name, opts...).Message.Content
	}
	if got := said("admin mute", opt("person", rude.ID), opt("minutes", 60)); !strings.HasPrefix(got, "- muted: not set → **<@"+rude.ID+"> until <t:") {
		t.Errorf("mute: %q", got)
	}
	if m, ok := session.ParseMute((*w.settingsAt(server).Muted)[0]); !ok || time.Until(m.Until) > time.Hour || time.Until(m.Until) < 50*time.Minute {
		t.Errorf("stored: %+v", m)
	}
	w.send(c, rude.ID, w.at("hello"))
	w.silent(c, w.mia.ID, 0)
	said("admin mute", opt("person", rude.ID)) // for good, in place of an hour
	if got := *w.settingsAt(server).Muted; len(got) != 1 || got[0] != rude.ID {
		t.Errorf("muted for good: %q", got)
	}
	if got := said("admin unmute", opt("person", rude.ID)); got != "- muted: <@"+rude.ID+"> → **not set**" {
		t.Errorf("unmute: %q", got)
	}
	w.send(c, rude.ID, w.at("hello again"))
	w.says(c, "re: hello again")
	// a mute that has run out is nothing that a command ends
	over := session.Mute{Person: w.mia.ID, Until: time.Now().Add(-time.Hour)}.String()
	w.set(server, session.Settings{Muted: &[]string{over}})
	if got := said("admin pause"); strings.Contains(got, "muted") {
		t.Errorf("pause, beside a mute that has run out: %q", got)
	}
	if got := said("admin resume"); got != "I answer again in this server.\n- mode: pause → **not set**" {
		t.Errorf("resume, beside a mute that has run out: %q", got)
	}
	for _, who := range []string{"nobody", w.mia.ID, rude.ID} {
		if got := said("admin unmute", opt("person", who)); got != "Nobody of that name is muted in this server." {
			t.Errorf("unmute %s: %q", who, got)
		}
	}
	said("admin mute", opt("person", rude.ID))
	if got := *w.settingsAt(server).Muted; len(got) != 1 || got[0] != rude.ID { // there is room again
		t.Errorf("muted after one has run out: %q", got)
	}
	said("admin unmute", opt("person", rude.ID))
	for name, want := range map[string]string{"mute": "You can't mute yourself.", "block add": "You can't block yourself."} {
		if got := said("admin "+name, opt("person", w.owner.ID)); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	said("admin block add", opt("role", role.ID), opt("channel", other))
	said("admin block add", opt("channel", cat.ID))
	if got := *w.settingsAt(server).Block; strings.Join(got, " ") != "channel:"+other+" role:"+role.ID+" category:"+cat.ID {
		t.Errorf("blocked: %q", got)
	}
	if got := said("admin block list"); got != "**block** (3): <#"+other+">, <@&"+role.ID+">, <#"+cat.ID+">" {
		t.Errorf("list: %q", got)
	}
	w.send(c, rude.ID, w.at("blocked by role"))
	w.silent(c, w.mia.ID, 2)
	said("admin block remove", opt("entry", "role:"+role.ID))
	w.send(c, rude.ID, w.at("free"))
	w.says(c, "re: free")
	if got := said("admin allow add"); got != "Choose a channel, a role or a person." {
		t.Errorf("nothing: %q", got)
	}
	// a limit of the server's own
	if got := said("admin limit"); got != "This server has no limit of its own for each person." {
		t.Errorf("no limit: %q", got)
	}
	if got := said("admin limit", opt("messages", 2), opt("seconds", 30)); got != "- limit_messages: not set → **2**\n- limit_seconds: not set → **30**" {
		t.Errorf("limit: %q", got)
	}
	if got := said("admin limit"); got != "A person may ask 2 questions at once, and one more every 30 seconds." {
		t.Errorf("the limit: %q", got)
	}
	for _, part := range []struct{ unset, want string }{ // the rest is as everywhere
		{"limit_seconds", "A person may ask 2 questions at once."},
		{"limit_messages", "This server has no limit of its own for each person."},
	} {
		said("settings unset", opt("name", part.unset))
		if got := said("admin limit"); got != part.want {
			t.Errorf("the limit without %s: %q", part.unset, got)
		}
	}
	said("admin limit", opt("seconds", 5))
	if got := said("admin limit"); got != "A person may ask one more question every 5 seconds." {
		t.Errorf("half a limit: %q", got)
	}
	if e := w.cmd(c, w.owner.ID, "admin show").Message.Embeds[0]; !strings.Contains(e.Description, "I answer") || len(e.Fields) < 8 {
		t.Errorf("show: %+v", e)
	}
}

func TestAdminWords(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	server := session.ServerKey(w.guild.ID)
	said := func(name string, opts ...discordtest.Option) string {
		t.Helper()
		return w.cmd(c, w.owner.ID, name, opts...).Message.Content
	}
	if got := said("admin words add", opt("where", "questions"), opt("word", " pineapple  pizza ")); got != "- words_in: not set → **`pineapple pizza`**" {
		t.Errorf("add: %q", got)
	}
	i, err := w.d.Command(c, w.owner.ID, "admin words add", opt("where", "answers"))
	if r := w.wait(i, err); r.Modal == nil {
		t.Fatalf("no form: %+v", r)
	}
	if r := w.wait(w.d.Submit(i, map[string]string{inputText: "hush\n坏词\nvery bad, hush"})); r.Message.Content != "- words_out: not set → **`hush`, `坏词`, `very bad`**" {
		t.Errorf("a form: %q", r.Message.Content)
	}
	w.send(c, w.mia.ID, w.at("Pineapple pizza?"))
	w.says(c, sayBlocked.english)
	w.send(c, w.mia.ID, w.at("HUSH 你是坏词吗 very  bad"))
	w.says(c, `re: \*\*\* 你是\*\*\*吗 \*\*\*`)
	if got := said("admin words remove", opt("where", "answers"), opt("word", "hush")); got != "- words_out: `hush`, `坏词`, `very bad` → **`坏词`, `very bad`**" {
		t.Errorf("remove: %q", got)
	}
	if got := said("admin words list"); got != "**words_in** (1): `pineapple pizza`\n**words_out** (2): `坏词`, `very bad`" {
		t.Errorf("list: %q", got)
	}
	if got := said("admin words add", opt("where", "answers"), opt("word", "a,b")); got != "- words_out: `坏词`, `very bad` → **`坏词`, `very bad`, `a`, `b`**" {
		t.Errorf("two at once: %q", got)
	}
	if got := said("admin words add", opt("where", "answers"), opt("word", "A")); got != "That is how it was already." {
		t.Errorf("one that is found already: %q", got)
	}
	if s := w.settingsAt(server); len(*s.WordsOut) != 4 || len(*s.WordsIn) != 1 {
		t.Errorf("stored: %q, %q", *s.WordsIn, *s.WordsOut)
	}
}

func TestAuditChannel(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c, log := w.d.AddChannel(w.guild.ID, "general").ID, w.d.AddChannel(w.guild.ID, "audit").ID
	w.run(c, w.owner.ID, "help")
	hears := func(n int, want string) {
		t.Helper()
		w.until("the audit channel hears "+want, func() bool { return len(w.replies(log)) >= n })
		if got := w.replies(log)[n-1].Content; got != want {
			t.Errorf("told: %q, want %q", got, want)
		}
	}
	who := "⚙️ **owner** (" + w.owner.ID + ") changed settings of "
	w.cmd(c, w.owner.ID, "admin audit", opt("channel", log))
	hears(1, who+"this server:\n- audit_channel: not set → **<#"+log+">**")
	w.cmd(c, w.owner.ID, "temperature", opt("value", 1.5))
	hears(2, who+"<#"+c+">:\n- temperature: not set → **1.5**")
	w.cmd(c, w.owner.ID, "sampling", opt("preset", "precise"))
	hears(3, who+"<#"+c+">:\n- temperature: 1.5 → **0.2**\n- top_p: not set → **0.8**\n- min_p: not set → **0.1**\n- repeat_penalty: not set → **1.05**\n- top_k: not set → **20**")
	w.cmd(c, w.owner.ID, "persona set", opt("text", "a @everyone <@"+w.mia.ID+"> *pirate*"))
	hears(4, who+"<#"+c+">:\n- persona: not set → **a @\u200beveryone <\u200b@"+w.mia.ID+"> \\*pirate\\***")
	w.cmd(c, w.owner.ID, "admin mute", opt("person", w.mia.ID))
	hears(5, who+"this server:\n- muted: not set → **<@"+w.mia.ID+">**")
	w.cmd(c, w.owner.ID, "admin pause")
	w.cmd(c, w.owner.ID, "admin pause") // changes nothing, and is not told
	w.cmd(c, w.owner.ID, "admin audit")
	hears(7, who+"this server:\n- audit_channel: <#"+log+"> → **none**")
	w.cmd(c, w.owner.ID, "temperature", opt("value", 0.5))
	for _, p := range w.d.BotPings() {
		if len(p.Reached) > 0 {
			t.Errorf("the audit pings: %+v", p)
		}
	}
	// another server's channel is not written to
	stranger := w.d.AddGuild("another", w.mia.ID)
	theirs := w.d.AddChannel(stranger.ID, "theirs").ID
	w.cmd(c, w.owner.ID, "settings set", opt("name", "audit_channel"), opt("value", theirs))
	w.until("the attempt is in the log", func() bool { return strings.Contains(w.logged(), "is not of server") })
	if got := w.replies(theirs); len(got) != 0 {
		t.Errorf("told another server: %q", got[0].Content)
	}
	if got := w.replies(log); len(got) != 7 {
		t.Errorf("%d messages in the audit channel, want 7", len(got))
	}
}
