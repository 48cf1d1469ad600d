package discord

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/discordtest"
	"moebot/session"
)

// cmd runs a command with sub-commands and waits for what it shows in the end.
func (w *world) cmd(channel, user, name string, opts ...discordtest.Option) discordtest.Response {
	w.t.Helper()
	i, err := w.d.Command(channel, user, name, opts...)
	if err != nil {
		w.t.Fatalf("/%s: %v", name, err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	r, err := i.Wait(ctx)
	if err != nil {
		w.t.Fatalf("/%s: %v", name, err)
	}
	return r
}

// settingsAt is what the store has under a key.
func (w *world) settingsAt(k session.Key) session.Settings {
	w.t.Helper()
	s, err := w.store.Settings(w.t.Context(), k)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func TestSettingsTree(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	server, channel := session.ServerKey(w.guild.ID), session.Key{Channel: c}
	set := func(channel, user, name, value, level string) string {
		t.Helper()
		opts := []discordtest.Option{opt("name", name), opt("value", value)}
		if level != "" {
			opts = append(opts, opt("level", level))
		}
		return w.cmd(channel, user, "settings set", opts...).Message.Content
	}
	if got := set(c, w.owner.ID, "temperature", "0.9", "server"); got != "For this server:\n- temperature: not set → **0.9**\n- in force here: 0.7 → **0.9**" {
		t.Errorf("server: %q", got)
	}
	if got := set(c, w.owner.ID, "temperature", "0,2", ""); got != "For this channel:\n- temperature: not set → **0.2**\n- in force here: 0.9 → **0.2**" {
		t.Errorf("channel: %q", got)
	}
	if got := set(c, w.owner.ID, "temperature", "1.1", "server"); !strings.Contains(got, "- temperature: 0.9 → **1.1**\n- in force here, as before: **0.2**") {
		t.Errorf("a level that is not in force: %q", got)
	}
	if s := w.settingsAt(server); *s.Temperature != 1.1 {
		t.Errorf("stored for the server: %+v", s)
	}
	// what it shows: the value, where it comes from, and what stands behind it
	th, err := w.d.CreateThread(c, w.mia.ID, "aside", w.send(c, w.mia.ID, "x").ID)
	if err != nil {
		t.Fatal(err)
	}
	set(th.ID, w.owner.ID, "wake_words", "moe, 小狐狸", "")
	set(th.ID, w.owner.ID, "block", "<@"+w.mia.ID+">", "server")
	set(th.ID, w.owner.ID, "block", "<@&42>", "")
	r := w.cmd(th.ID, w.owner.ID, "settings show")
	tree := r.Message.Embeds[0].Description
	for _, want := range []string{"default ← server ← channel ← thread\n", "- `temperature` **0.2** ← channel (server 1.1, default 0.7)", "- `wake_words` **`moe`, `小狐狸`** ← thread",
		"- `block` server <@" + w.mia.ID + "> + thread <@&42>", "Not set: `top_p`"} {
		if !strings.Contains(tree, want) {
			t.Errorf("the tree does not say %q:\n%s", want, tree)
		}
	}
	if !r.Ephemeral {
		t.Error("everybody sees the tree")
	}
	// the settings in force are the answer's
	w.send(th.ID, w.owner.ID, "hello moe")
	w.says(th.ID, "re: hello moe")
	// older commands read and write the same tree
	if got := w.cmd(th.ID, w.mia.ID, "temperature").Message.Content; !strings.HasPrefix(got, "The temperature here is **0.2** (set for this channel)") {
		t.Errorf("/temperature: %q", got)
	}
	if got := w.cmd(th.ID, w.owner.ID, "temperature", opt("value", 0.0)).Message.Content; !strings.Contains(got, "0.2 → **0**") || *w.settingsAt(session.Key{Channel: th.ID}).Temperature != 0 {
		t.Errorf("/temperature in a thread: %q", got)
	}
	if got := w.cmd(c, w.owner.ID, "settings unset", opt("name", "temperature")).Message.Content; got != "For this channel:\n- temperature: 0.2 → **not set**\n- in force here: 0.2 → **1.1**" {
		t.Errorf("unset: %q", got)
	}
	if !w.settingsAt(channel).IsZero() {
		t.Errorf("after unset: %+v", w.settingsAt(channel))
	}
	if got := w.cmd(c, w.owner.ID, "settings unset", opt("name", "temperature")).Message.Content; got != "That is how it was already." {
		t.Errorf("unset again: %q", got)
	}
	for _, p := range w.d.BotPings() {
		if p.Everyone || len(p.Roles) > 0 || len(p.Users) > 1 {
			t.Errorf("a ping: %+v", p)
		}
	}
}

func TestSettingsAreForWhoMay(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	if _, err := w.d.Command(c, w.mia.ID, "settings show"); err == nil {
		t.Error("everybody may use /settings")
	}
	keeper := w.d.AddUser("keeper")
	w.d.AddMember(w.guild.ID, keeper.ID, w.d.AddRole(w.guild.ID, "keepers", discordtest.ManageChannels).ID)
	for _, tc := range []struct{ name, value, level, want string }{
		{"temperature", "0.5", "channel", "For this channel"},
		{"always_on", "on", "", "- always_on: not set → **on**"},
		{"temperature", "0.5", "server", "Only people who may manage this server can change `temperature`"},
		{"block", "person:5", "channel", "Only people who may manage this server can change `block`"},
		{"audit_channel", c, "channel", "`audit_channel` can be set for the whole server only"},
		{"temperature", "hot", "", "That won't do: temperature must be a number from 0 to 2, not \"hot\". Nothing was changed."},
		{"mode", "sleep", "", "That won't do: mode must be on, drain or pause"},
		{"colour", "red", "", "There is no setting called `colour`"},
		{"temperature", "1", "thread", "There is no level \"thread\" here."},
	} {
		opts := []discordtest.Option{opt("name", tc.name), opt("value", tc.value)}
		if tc.level != "" {
			opts = append(opts, opt("level", tc.level))
		}
		if got := w.cmd(c, keeper.ID, "settings set", opts...).Message.Content; !strings.Contains(got, tc.want) {
			t.Errorf("%s = %s (%s): %q, want %q", tc.name, tc.value, tc.level, got, tc.want)
		}
	}
	if tree := w.cmd(c, keeper.ID, "settings show").Message.Embeds[0].Description; strings.Contains(tree, "muted") || strings.Contains(tree, "block") {
		t.Errorf("who is blocked is shown to who may not manage the server:\n%s", tree)
	}
	if s := w.settingsAt(session.ServerKey(w.guild.ID)); !s.IsZero() {
		t.Errorf("the server has %+v", s)
	}
	// a direct message has settings of its own, which are that person's
	dm, err := w.d.OpenDM(w.mia.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.cmd(dm.ID, w.mia.ID, "settings set", opt("name", "temperature"), opt("value", "1.5")).Message.Content; !strings.Contains(got, "0.7 → **1.5**") {
		t.Errorf("in a direct message: %q", got)
	}
}

func TestSettingsExportAndImport(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c, other := w.d.AddChannel(w.guild.ID, "general").ID, w.d.AddChannel(w.guild.ID, "other").ID
	w.run(c, w.owner.ID, "help")
	server, channel := session.ServerKey(w.guild.ID), session.Key{Channel: c}
	wantServer := session.Settings{Temperature: ptr(0.3), WordsIn: ptr([]string{"pineapple"}), Seed: ptr(uint64(1<<63 + 1))}
	wantChannel := session.Settings{Persona: ptr("a \"pirate\"\n& <co> 🦊"), WakeWords: ptr([]string{})}
	w.set(server, wantServer)
	w.set(channel, wantChannel)
	r := w.cmd(c, w.owner.ID, "settings export")
	if !r.Ephemeral || len(r.Message.Attachments) != 1 {
		t.Fatalf("export: %+v", r.Message)
	}
	file := r.Message.Attachments[0].Bytes()
	if !json.Valid(file) || !strings.HasPrefix(string(file), "{\n  \"moebot\": \"settings\",") {
		t.Errorf("the file: %s", file)
	}
	// back again
	w.set(server, session.Settings{TopK: ptr(3)})
	w.set(channel, session.Settings{})
	r = w.cmd(c, w.owner.ID, "settings import", opt("file", discordtest.Upload{Name: "s.json", Data: file}))
	if !r.Ephemeral || !strings.Contains(r.Message.Content, "**server**: 4\n- temperature: not set → **0.3**") || !strings.Contains(r.Message.Content, "- top_k: 3 → **not set**") {
		t.Errorf("import: %q", r.Message.Content)
	}
	if !w.settingsAt(server).Equal(wantServer) || !w.settingsAt(channel).Equal(wantChannel) {
		t.Errorf("after import: %+v, %+v", w.settingsAt(server), w.settingsAt(channel))
	}
	// one level of it, elsewhere
	w.cmd(other, w.owner.ID, "settings import", opt("file", discordtest.Upload{Name: "s.json", Data: file}), opt("level", "channel"))
	if !w.settingsAt(session.Key{Channel: other}).Equal(wantChannel) {
		t.Errorf("one level: %+v", w.settingsAt(session.Key{Channel: other}))
	}
	// bad input names the field and changes nothing, also not of a level that is well
	for text, want := range map[string]string{
		`{"server":{"temperature":1},"channel":{"temperature":9,"top_k":"x"}}`: "temperature must be a number from 0 to 2, not 9; top_k must be a whole number from 0 to 1000, not \"x\"",
		`{"server":{"colour":1}}`:                                "there is no setting called colour",
		`{"server":{"temperature":1},"thread":{"top_k":1}}`:      "the file has settings of a thread, and there is none here",
		`{"moebot":"poem","server":{}}`:                          "this is a file of another kind",
		`{"moebot":"settings","guild":{}}`:                       "this is no file of settings",
		`{"temperature":true}`:                                   "temperature must be a number from 0 to 2, not true",
		`not JSON @everyone`:                                     "this is no JSON object",
		`{"server":{"temperature":1},"channel":{"muted":["5"]}}`: "`muted` can be set for the whole server only",
	} {
		r := w.cmd(c, w.owner.ID, "settings import", opt("file", discordtest.Upload{Name: "s.json", Data: []byte(text)}))
		if !strings.Contains(r.Message.Content, want) || !strings.Contains(r.Message.Content, "Nothing was changed.") {
			t.Errorf("%s: %q, want %q", text, r.Message.Content, want)
		}
	}
	if !w.settingsAt(server).Equal(wantServer) || !w.settingsAt(channel).Equal(wantChannel) {
		t.Errorf("after bad files: %+v, %+v", w.settingsAt(server), w.settingsAt(channel))
	}
	// without a file, a form
	i, err := w.d.Command(c, w.owner.ID, "settings import")
	if r := w.wait(i, err); r.Modal == nil {
		t.Fatalf("no form: %+v", r)
	}
	if r := w.wait(w.d.Submit(i, map[string]string{inputText: `{"min_p": 0.05}`})); !strings.Contains(r.Message.Content, "- min_p: not set → **0.05**") || !w.settingsAt(channel).Equal(session.Settings{MinP: ptr(0.05)}) {
		t.Errorf("by a form: %q, %+v", r.Message.Content, w.settingsAt(channel))
	}
	// who may not manage the server neither sees nor loses what was decided for it
	keeper := w.d.AddUser("keeper")
	w.d.AddMember(w.guild.ID, keeper.ID, w.d.AddRole(w.guild.ID, "keepers", discordtest.ManageChannels).ID)
	w.set(channel, session.Settings{MinP: ptr(0.05), Block: ptr([]string{"person:5"})})
	if file := string(w.cmd(c, keeper.ID, "settings export").Message.Attachments[0].Bytes()); strings.Contains(file, "person:5") || strings.Contains(file, "pineapple") {
		t.Errorf("a keeper's file: %s", file)
	}
	if r := w.cmd(c, keeper.ID, "settings import", opt("file", discordtest.Upload{Name: "s.json", Data: []byte(`{"channel":{"top_k":9}}`)})); !strings.Contains(r.Message.Content, "**channel**: 2") {
		t.Errorf("a keeper's import: %q", r.Message.Content)
	}
	if got := w.settingsAt(channel); !got.Equal(session.Settings{TopK: ptr(9), Block: ptr([]string{"person:5"})}) {
		t.Errorf("after a keeper's import: %+v", got)
	}
	if r := w.cmd(c, keeper.ID, "settings import", opt("file", discordtest.Upload{Name: "s.json", Data: []byte(`{"server":{"temperature":1}}`)})); !strings.Contains(r.Message.Content, "Only people who may manage this server") {
		t.Errorf("a keeper imports a server's: %q", r.Message.Content)
	}
}

func TestSettingsInChinese(t *testing.T) {
	w := newWorld(t, discordtest.Options{Locale: "zh-CN"}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	if got := w.cmd(c, w.owner.ID, "settings set", opt("name", "temperature"), opt("value", "x")).Message.Content; !strings.HasPrefix(got, "不行：") {
		t.Errorf("%q", got)
	}
	if e := w.cmd(c, w.owner.ID, "settings show").Message.Embeds[0]; e.Title != "此处的设置" || !strings.HasPrefix(e.Description, "默认 ← 服务器 ← 频道\n") {
		t.Errorf("%+v", e)
	}
}

func TestSettingsWithoutTheStore(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	w.redis.Close()
	for _, name := range []string{"settings show", "settings export", "admin show", "admin pause", "admin limit"} {
		if r := w.cmd(c, w.owner.ID, name); r.Message.Content != sayStoreAway.english || r.Acknowledged > ackTime {
			t.Errorf("/%s: %q after %v", name, r.Message.Content, r.Acknowledged)
		}
	}
	if got := w.cmd(c, w.owner.ID, "settings set", opt("name", "temperature"), opt("value", "1")).Message.Content; got != sayStoreAway.english {
		t.Errorf("set: %q", got)
	}
}

// Long lists and texts stay within what a message holds.
func TestSettingsThatAreLong(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	var targets, words []string
	for n := range session.MaxTargets {
		targets = append(targets, fmt.Sprint("person:1000000000000000", 100+n))
		words = append(words, fmt.Sprintf("word %d %s", n, strings.Repeat("界", 40)))
	}
	full := session.Settings{Persona: ptr(strings.Repeat("*_x ", 1000)), Block: &targets, WordsIn: &words, WordsOut: &words, AuditChannel: &c}
	w.set(session.ServerKey(w.guild.ID), full)
	full.AuditChannel = nil
	w.set(session.Key{Channel: c}, full)
	for _, name := range []string{"settings show", "admin show", "admin words list", "admin block list", "settings export"} {
		w.cmd(c, w.owner.ID, name) // the fake refuses what is too long
	}
	r := w.cmd(c, w.owner.ID, "settings import", opt("file", discordtest.Upload{Name: "s.json", Data: []byte(`{"channel":{}}`)}))
	if !strings.Contains(r.Message.Content, "**channel**: 4") {
		t.Errorf("import: %q", r.Message.Content)
	}
	w.until("the audit channel hears of it", func() bool { return len(w.public(c)) == 1 })
}

func TestSubCommandsAreDescribedInBothLanguages(t *testing.T) {
	var walk func(path string, options []*cmdOption)
	walk = func(path string, options []*cmdOption) {
		for _, o := range options {
			at := path + " " + o.Name
			if zh := o.DescriptionLocalizations[discordgo.ChineseCN]; zh == "" || length(zh) > 100 || length(o.Description) > 100 {
				t.Errorf("/%s: %q, %q", at, o.Description, zh)
			}
			for _, c := range o.Choices {
				if c.NameLocalizations[discordgo.ChineseCN] == "" {
					t.Errorf("/%s: the choice %s is in one language", at, c.Name)
				}
			}
			walk(at, o.Options)
		}
	}
	for _, c := range (&Bot{}).commands() {
		walk(c.Name, c.Options)
	}
}
