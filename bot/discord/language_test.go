package discord

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
	"moebot/session"
)

// What an answer in Chinese may have in Latin letters: code, what a person gave, mentions,
// names of commands, and those of buttons below messages that everybody reads.
var foreign = regexp.MustCompile("`[^`]*`|\"[^\"]*\"|<[^>]*>|/[a-z-]+( [a-z]+)?|\\*(Stop|Regenerate|Continue)\\*")

// english are three words of it in a row.
var english = regexp.MustCompile(`[A-Za-z][A-Za-z']*([ ,.:;]+[A-Za-z][A-Za-z']*){2,}`)

func hasHan(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// inChinese fails where what was answered to a thing done has a part in English, or none in
// Chinese.
func (w *world) inChinese(what string, r discordtest.Response) {
	w.t.Helper()
	all := strings.Join(texts(r), "\n")
	if !hasHan(all) {
		w.t.Errorf("%s: not in Chinese: %q", what, all)
	}
	if found := english.FindString(foreign.ReplaceAllString(all, "·")); found != "" {
		w.t.Errorf("%s: %q is English, in %q", what, found, all)
	}
}

// texts are the texts of all that an answer shows. What stands in an input is none: it is
// said to the model, which speaks English.
func texts(r discordtest.Response) (out []string) {
	var inside func(list []discordtest.Component)
	inside = func(list []discordtest.Component) {
		for _, c := range list {
			out = append(out, c.Label)
			inside(c.Components)
		}
	}
	messages := r.Followups
	if r.Message != nil {
		messages = append([]discordtest.Message{*r.Message}, messages...)
	}
	for _, m := range messages {
		out = append(out, m.Content)
		for _, e := range m.Embeds {
			out = append(out, e.Title, e.Description)
			for _, f := range e.Fields {
				out = append(out, f.Name, f.Value)
			}
			if e.Footer != nil {
				out = append(out, e.Footer.Text)
			}
		}
		inside(m.Components)
	}
	if r.Modal != nil {
		out = append(out, r.Modal.Title)
		inside(r.Modal.Components)
	}
	return out
}

// leaves are the paths of all slash commands that can be run.
func leaves(path string, options []*cmdOption) (out []string) {
	for _, o := range options {
		if o.Type == optSub || o.Type == optGroup {
			out = append(out, leaves(path+" "+o.Name, o.Options)...)
		}
	}
	if out == nil {
		return []string{path}
	}
	return out
}

// deed is a command that somebody runs, with its options.
type deed struct {
	name    string
	options []discordtest.Option
}

func do(name string, options ...discordtest.Option) deed { return deed{name, options} }

// Every command answers in the language of who runs it, whatever it has to say. /ask alone
// is left out where it is answered: that is the model's to say.
func TestEveryAnswerInChinese(t *testing.T) {
	var trace chat.Trace
	w := newWorld(t, discordtest.Options{Locale: "zh-CN"}, Options{
		Steering: testSteering(), Retention: 48 * time.Hour,
		Trace: func(string) (chat.Trace, bool) { return trace, len(trace.Tokens) > 0 },
		Measure: func(chat.Prompt) chat.Budget {
			return chat.Budget{Used: 9, Window: 10, Turns: 1, Dropped: 1, Cut: true}
		},
		Activity: func(context.Context, string, Span) (Activity, error) {
			var a Activity
			a.Sum.Add(CountError+"timeout", 2)
			a.Hours, a.Last = make([]session.Activity, 24), time.Now()
			return a, nil
		},
		Report: func(_ context.Context, in In) Report {
			return Report{Fields: []Field{{in("Messages", "消息"), "12"}}}
		},
		Status: func(_ context.Context, in In) []string {
			return []string{in("**Awake** for a day.", "**已运行** 一天。")}
		},
	}, true)
	c, other := w.d.AddChannel(w.guild.ID, "general").ID, w.d.AddChannel(w.guild.ID, "other").ID
	file := func(text string) discordtest.Option {
		return opt("file", discordtest.Upload{Name: "s.json", Data: []byte(text)})
	}
	w.run(c, w.owner.ID, "help")
	ran := map[string]bool{"ask": true}
	run := func(who discordtest.User, deeds ...deed) {
		t.Helper()
		for _, d := range deeds {
			ran[d.name] = true
			r := w.cmd(c, who.ID, d.name, d.options...)
			w.inChinese("/"+d.name, r)
		}
	}
	run(w.owner, do("why"), do("context"), do("regenerate"), do("export"), do("stop"))
	q := w.send(c, w.owner.ID, w.at("hello"))
	w.says(c, "re: hello")
	w.idle(c, q.ID)
	run(w.owner, do("why"))
	trace = chat.Trace{Layers: 2, Experts: 4, Drafts: make([]chat.Draft, 2), Tokens: []chat.TraceToken{
		{Text: "re: hello", Prob: 0.9, Alternatives: []chat.Alternative{{Text: "bye", Prob: 0.1}}, Experts: [][]chat.Choice{{{Expert: 1, Weight: 1}}, {{Expert: 3, Weight: 1}}}}}}
	run(w.owner, do("help"), do("privacy"), do("status"), do("context"), do("why"), do("experts"), do("export"), do("stats"), do("stats", opt("period", "week"), opt("of", "all")),
		do("temperature"), do("temperature", opt("value", 0.5)), do("sampling"), do("sampling", opt("preset", "wild"), opt("seed", 3)), do("sampling", opt("preset", "wild")),
		do("persona show"), do("persona set"), do("persona set", opt("text", "海盗")), do("persona clear"),
		do("settings show"), do("settings set", opt("name", "always_on"), opt("value", "on")), do("settings set", opt("name", "temperature"), opt("value", "high as can be")),
		do("settings set", opt("name", "nothing of this"), opt("value", "1")), do("settings set", opt("name", "muted"), opt("value", "1"), opt("level", "channel")), do("settings unset", opt("name", "always_on")), do("settings unset", opt("name", "always_on"), opt("level", "thread")),
		do("settings export"), do("settings import"), do("settings import", file(`{"top_k":7,"nothing at all here":1}`)), do("settings import", file(`[]`)), do("settings import", file(`{"version":9}`)), do("settings import", file(`{"thread":{}}`)), do("settings import", file(`{"channel":{"top_k":7,"persona":""}}`)),
		do("settings set", opt("name", "wake_words"), opt("value", strings.Repeat("so many of them,", 3)+"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v")), do("status"),
		do("admin show"), do("admin pause"), do("regenerate"), do("status"), do("ask", opt("question", "hi")), do("admin drain"), do("ask", opt("question", "hi")), do("status"), do("admin resume"),
		do("admin mute", opt("person", w.owner.ID)), do("admin mute", opt("person", w.mia.ID), opt("minutes", 5)), do("admin show"), do("admin unmute", opt("person", w.mia.ID)), do("admin limit"), do("admin limit", opt("messages", 900)), do("admin limit"),
		do("admin adult", opt("answer", false)), do("admin audit", opt("channel", other)), do("admin allow add", opt("channel", c)), do("admin allow list"), do("admin allow remove", opt("entry", "channel:"+c)),
		do("admin block add"), do("admin block add", opt("channel", other)), do("admin block list"), do("admin block remove", opt("entry", "channel:"+other)),
		do("admin words add", opt("where", "questions")), do("admin words add", opt("where", "questions"), opt("word", "rude")), do("ask", opt("question", "rude")), do("admin words remove", opt("where", "questions"), opt("word", "rude")), do("admin words list"),
		do("steer show"), do("steer set", opt("edits", "forbid:77.0")), do("steer direction", opt("name", "question"), opt("strength", 1.0)), do("steer expert", opt("layer", 1), opt("expert", 1), opt("effect", "scale")),
		do("steer show"), do("context"), do("status"), do("steer off"), do("stop"), do("regenerate"))
	w.idle(c, q.ID)
	run(w.mia, do("sampling", opt("top-k", 3)), do("temperature", opt("value", 0.5)), do("temperature"), do("ask", opt("question", " ")))
	w.set(session.ServerKey(w.guild.ID), session.Settings{Block: ptr([]string{"person:" + w.mia.ID})})
	run(w.mia, do("ask", opt("question", "hi")))
	w.set(session.ServerKey(w.guild.ID), session.Settings{})

	undo := w.cmd(c, w.owner.ID, "reset")
	w.inChinese("/reset", undo)
	w.inChinese("undo by another", w.press(*undo.Message, w.mia.ID, "撤销"))
	w.inChinese("undo", w.press(*undo.Message, w.owner.ID, "撤销"))
	for _, label := range []string{"保留", "忘记我的一切"} {
		forget := w.cmd(c, w.owner.ID, "forget-me")
		w.inChinese("/forget-me", forget)
		w.press(*forget.Message, w.owner.ID, label)
		w.until("it is forgotten or kept", func() bool {
			m, ok := w.d.Message(c, forget.Message.ID)
			return ok && (strings.HasPrefix(m.Content, "完成：") || m.Content == "没有删除任何内容。")
		})
	}
	ran["reset"], ran["forget-me"] = true, true
	said := w.send(c, w.mia.ID, "hm")
	about, err := w.d.CommandOn(c, w.owner.ID, menuAbout, said.ID)
	w.inChinese(menuAbout, w.wait(about, err))
	w.inChinese("an empty form", w.wait(w.d.Submit(about, map[string]string{inputText: " "})))
	w.inChinese(menuAgain, w.wait(w.d.CommandOn(c, w.mia.ID, menuAgain, said.ID)))

	for _, tc := range []struct {
		command, option string
		given           []discordtest.Option
	}{
		{"persona set", "text", nil}, {"admin mute", "minutes", []discordtest.Option{opt("person", w.mia.ID)}},
		{"settings set", "value", []discordtest.Option{opt("name", "history")}}, {"settings set", "value", []discordtest.Option{opt("name", "chime_in")}},
		{"settings set", "value", []discordtest.Option{opt("name", "chime_in_fall")}}, {"settings set", "value", []discordtest.Option{opt("name", "top_k")}},
	} {
		r := w.wait(w.d.Autocomplete(c, w.owner.ID, tc.command, tc.option, append(tc.given, opt(tc.option, ""))...))
		if len(r.Choices) == 0 {
			t.Errorf("/%s suggests nothing for %s", tc.command, tc.option)
		}
		for _, choice := range r.Choices {
			if !hasHan(choice.Name) {
				t.Errorf("/%s suggests %q for %s", tc.command, choice.Name, tc.option)
			}
		}
	}

	w.redis.Close()
	run(w.owner, do("temperature"), do("sampling"), do("persona show"), do("settings show"), do("admin show"), do("context"), do("why"), do("export"), do("reset"), do("status"), do("steer show"), do("stats"))

	ran[menuAbout], ran[menuAgain] = true, true
	for _, command := range append(w.bot.commands(), w.bot.steerCommands()...) {
		for _, path := range leaves(command.Name, command.Options) {
			if !ran[path] {
				t.Errorf("/%s was not run", path)
			}
		}
	}
}

// Who waits for an answer by command reads so in their language; who writes a message, whose
// language nobody knows, in English.
func TestNoticesInChinese(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	w.d.Speak(w.mia.ID, "zh-TW")
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.mia.ID, "help")
	ask := func(question string) string {
		return w.wait(w.d.Command(c, w.mia.ID, "ask", opt("question", question), opt("private", true))).Message.Interaction.ID
	}
	first, second := ask("slow 30"), ask("slow 12")
	w.ends(second, "*前面还有 1 个问题……*", "停止")
	i, _ := w.d.Interaction(second)
	w.press(*i.Response().Message, w.mia.ID, "停止")
	w.ends(second, "还没开口就被停止了。", "")
	w.ends(first, "re: slow 30"+pieces(30), "")
	if got := w.cmd(c, w.owner.ID, "stop").Message.Content; got != "I'm not answering anything of yours here." {
		t.Errorf("the owner reads %q", got)
	}
}

// What a setting takes is said in both languages.
func TestWhatSettingsTakeInChinese(t *testing.T) {
	zh := &discordgo.Interaction{Locale: discordgo.ChineseCN}
	for _, f := range session.Fields() {
		if got := wanted(f.Want); !hasHan(got) && !strings.Contains(got, " 或 ") || english.MatchString(got) {
			t.Errorf("%s takes %q", f.Name, got)
		}
	}
	for _, tc := range []struct {
		err  error
		want string
	}{
		{(session.Settings{TopK: ptr(-1)}).Validate(), "不行：`top_k` 应为 0 到 1000 之间的整数，而不是 -1。"},
		{(session.Settings{Persona: ptr(strings.Repeat("x", 4001))}).Validate(), "不行：`persona` 应为至多 4000 个字符的文本，而不是 4001 个字符。"},
		{&session.SettingError{Name: "x`y"}, "不行：没有名为 `x'y` 的设置。"},
		{wrongf("no %s", "没有 %s", "a"), "不行：没有 a。"},
		{context.Canceled, "不行：`context canceled`。"},
	} {
		if got := wontDo(zh, tc.err); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.err, got, tc.want)
		}
	}
}
