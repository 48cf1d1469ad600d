package discord

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
	"moebot/session"
)

// wait is the answer to an interaction, shown.
func (w *world) wait(i *discordtest.Interaction, err error) discordtest.Response {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := i.Wait(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// ends waits until the answer to an interaction says text above such buttons.
func (w *world) ends(id, text, row string) discordtest.Message {
	w.t.Helper()
	var got *discordtest.Message
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		i, _ := w.d.Interaction(id)
		if got = i.Response().Message; got != nil && got.Content == text && labels(*got) == row {
			return *got
		}
		if time.Now().After(end) {
			w.t.Fatalf("the answer is %+v, want %q above %q", got, text, row)
		}
	}
}

func opt(name string, value any) discordtest.Option {
	return discordtest.Option{Name: name, Value: value}
}

func TestAsk(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.mia.ID, "help")
	r := w.wait(w.d.Command(c, w.mia.ID, "ask", opt("question", "hello @everyone"), opt("private", true)))
	m := w.ends(r.Message.Interaction.ID, "re: hello @\u200beveryone", "")
	if m.OnlyFor != w.mia.ID {
		t.Errorf("a private answer is for %q", m.OnlyFor)
	}
	r = w.wait(w.d.Command(c, w.mia.ID, "ask", opt("question", "hello")))
	if m = w.ends(r.Message.Interaction.ID, "> hello\nre: hello", ""); m.OnlyFor != "" {
		t.Error("a public answer is hidden")
	}
	// a long one goes on in further messages, and can be stopped
	r = w.wait(w.d.Command(c, w.mia.ID, "ask", opt("question", "long 900"), opt("private", true)))
	w.until("further messages", func() bool {
		i, _ := w.d.Interaction(r.Message.Interaction.ID)
		f := i.Response().Followups
		return len(f) == 2 && f[1].OnlyFor == w.mia.ID && strings.HasSuffix(f[1].Content, "blah")
	})
	r = w.wait(w.d.Command(c, w.mia.ID, "ask", opt("question", "slow 400"), opt("private", true)))
	id := r.Message.Interaction.ID
	w.until("a button", func() bool { i, _ := w.d.Interaction(id); return labels(*i.Response().Message) == "Stop" })
	i, _ := w.d.Interaction(id)
	w.press(*i.Response().Message, w.mia.ID, "Stop")
	w.until("it has stopped", func() bool { return labels(*i.Response().Message) == "" })
	if got := i.Response().Message.Content; !strings.HasPrefix(got, "re: slow") || strings.HasSuffix(got, "399") {
		t.Errorf("stopped: %q", got)
	}
	w.stored(c) // nothing of it is remembered
	for _, p := range w.d.BotPings() {
		if p.Everyone || len(p.Users) > 0 {
			t.Errorf("pinged: %+v", p)
		}
	}
}

func TestMessageMenu(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.mia.ID, "help")
	m := w.send(c, w.owner.ID, "carpe diem")
	i, err := w.d.CommandOn(c, w.mia.ID, menuAbout, m.ID)
	r := w.wait(i, err)
	if r.Modal == nil {
		t.Fatalf("no form: %+v", r)
	}
	r = w.wait(w.d.Submit(i, map[string]string{inputText: "what is it?"}))
	id := r.Message.Interaction.ID
	if got := w.ends(id, "re: what is it?\n\n\"carpe diem\"", ""); got.OnlyFor != w.mia.ID {
		t.Errorf("it is for %q", got.OnlyFor)
	}
	// again from here: a message that was no question, then the answer to it
	if r := w.wait(w.d.CommandOn(c, w.mia.ID, menuAgain, m.ID)); !strings.HasPrefix(r.Message.Content, "Only who wrote that") {
		t.Errorf("somebody else's message: %q", r.Message.Content)
	}
	w.wait(w.d.CommandOn(c, w.owner.ID, menuAgain, m.ID))
	a := w.says(c, "re: carpe diem")
	w.idle(c, m.ID)
	w.wait(w.d.CommandOn(c, w.owner.ID, menuAgain, m.ID))
	w.shows(a, "re: carpe diem #2", "◀️ (2/2) (▶️) Regenerate")
	w.idle(c, m.ID)
	w.wait(w.d.CommandOn(c, w.owner.ID, menuAgain, a.ID))
	w.shows(a, "re: carpe diem #3", "◀️ (3/3) (▶️) Regenerate")
	w.idle(c, m.ID)
	if r := w.run(c, w.mia.ID, "regenerate"); r.Message.Content != sayNotYours.english {
		t.Errorf("/regenerate by another: %q", r.Message.Content)
	}
	w.run(c, w.owner.ID, "regenerate")
	w.shows(a, "re: carpe diem #4", "◀️ (4/4) (▶️) Regenerate")
	if r := w.run(c, w.mia.ID, "stop"); !strings.HasPrefix(r.Message.Content, "I'm not answering") {
		t.Errorf("/stop of nothing: %q", r.Message.Content)
	}
	w.send(c, w.mia.ID, w.at("slow 400"))
	w.until("first words", func() bool {
		return len(w.replies(c)) > 1 && strings.HasPrefix(w.replies(c)[len(w.replies(c))-1].Content, "re: slow")
	})
	if r := w.run(c, w.mia.ID, "stop"); r.Message.Content != "Stopped." {
		t.Errorf("/stop: %q", r.Message.Content)
	}
	// what was answered and then forgotten is not answered again, and that is said
	w.run(c, w.owner.ID, "reset")
	r = w.wait(w.d.CommandOn(c, w.owner.ID, menuAgain, m.ID))
	w.ends(r.Message.Interaction.ID, sayForgotten.english, "")
}

func TestResetUndoExportContext(t *testing.T) {
	budget := chat.Budget{Window: 512, Answer: 256, Used: 40, Persona: 8, Turns: 1, Dropped: 1}
	w := newWorld(t, discordtest.Options{}, Options{Measure: func(chat.Prompt) chat.Budget { return budget }, Retention: 720 * time.Hour}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	if r := w.run(c, w.mia.ID, "context"); !strings.Contains(r.Message.Content, "nothing") {
		t.Errorf("/context of nothing: %q", r.Message.Content)
	}
	q := w.send(c, w.mia.ID, w.at("hello *you*"))
	w.says(c, "re: hello *you*")
	w.idle(c, q.ID)
	if r := w.run(c, w.mia.ID, "context"); !r.Ephemeral || !strings.Contains(r.Message.Content, "**40 of 512 tokens**") || !strings.Contains(r.Message.Content, "oldest 1 messages") ||
		!strings.Contains(r.Message.Content, `- **I**: re: hello \*you\*`) || strings.Contains(r.Message.Content, "**mia**") {
		t.Errorf("/context: %q", r.Message.Content)
	}
	r := w.wait(w.d.Command(c, w.mia.ID, "export"))
	if len(r.Message.Attachments) != 2 || r.Message.OnlyFor != w.mia.ID {
		t.Fatalf("/export: %+v", r.Message)
	}
	r = w.run(c, w.mia.ID, "reset")
	w.stored(c)
	other := w.d.AddUser("other")
	w.d.AddMember(w.guild.ID, other.ID)
	if r := w.press(*r.Message, other.ID, "Undo"); r.Message.Content != sayNotYours.english {
		t.Errorf("undone by another: %q", r.Message.Content)
	}
	w.press(*r.Message, w.mia.ID, "Undo")
	w.shows(*r.Message, "I remember again what we said here: 2 messages.", "")
	w.stored(c, "hello *you*", "re: hello *you*")
	if r := w.run(c, w.mia.ID, "privacy"); !strings.Contains(r.Message.Content, "30 days") {
		t.Errorf("/privacy: %q", r.Message.Content)
	}
	if r := w.run(c, w.mia.ID, "status"); !r.Ephemeral || !strings.Contains(r.Message.Content, "My memory** is well") {
		t.Errorf("/status: %q", r.Message.Content)
	}
	// forget-me, first not and then really
	r = w.run(c, w.mia.ID, "forget-me")
	w.press(*r.Message, w.mia.ID, "Keep it")
	w.ends(r.Message.Interaction.ID, "Nothing was removed.", "")
	w.stored(c, "hello *you*", "re: hello *you*")
	r = w.run(c, w.mia.ID, "forget-me")
	w.press(*r.Message, w.mia.ID, "Forget everything of mine")
	w.ends(r.Message.Interaction.ID, "Done: 2 messages of yours and answers to them are forgotten.", "")
	w.stored(c)
}

func TestExportFiles(t *testing.T) {
	data, page, err := exportFiles("1", []session.Turn{{ID: "1", Role: session.RoleUser, Author: "mia", Text: "hi"},
		{ID: "2", Role: session.RoleAssistant, Text: "ho", Answer: &session.Answer{Variants: []session.Variant{{Text: "ha"}, {Text: "ho"}}, Chosen: 1}}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var out exported
	if err := json.Unmarshal(data, &out); err != nil || len(out.Turns) != 2 || len(out.Turns[1].Alternatives) != 2 || out.Turns[1].Chosen != 1 {
		t.Errorf("%v: %s", err, data)
	}
	if !strings.Contains(string(page), "## mia\n\nhi\n") || !strings.Contains(string(page), "## moebot\n\nho\n") {
		t.Errorf("page: %s", page)
	}
}

func TestWhyAndExperts(t *testing.T) {
	trace := chat.Trace{Layers: 2, Experts: 4, Tokens: []chat.TraceToken{
		{Text: "re:", Prob: 0.9, Experts: [][]chat.Choice{{{Expert: 1, Weight: 1}}, {{Expert: 3, Weight: 1}}}},
		{Text: " hello", Prob: 0.1, Alternatives: []chat.Alternative{{Text: " bye", Prob: 0.8}, {Text: " hello", Prob: 0.1}}, Experts: [][]chat.Choice{{{Expert: 1, Weight: 1}}, {{Expert: 0, Weight: 1}}}},
	}}
	w := newWorld(t, discordtest.Options{}, Options{Trace: func(string) (chat.Trace, bool) { return trace, true }}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	if r := w.run(c, w.mia.ID, "why"); !strings.HasPrefix(r.Message.Content, "I haven't answered") {
		t.Errorf("/why of nothing: %q", r.Message.Content)
	}
	q := w.send(c, w.mia.ID, w.at("hello"))
	w.says(c, "re: hello")
	w.idle(c, q.ID)
	r := w.wait(w.d.Command(c, w.mia.ID, "why"))
	if !strings.Contains(r.Message.Content, "- `␣hello` 10 %, instead of `␣bye` 80 %") || len(r.Message.Attachments) != 2 || len(r.Message.Embeds) != 1 || r.Message.OnlyFor != w.mia.ID {
		t.Errorf("/why: %+v", r.Message)
	}
	r = w.wait(w.d.Command(c, w.mia.ID, "experts"))
	if len(r.Message.Attachments) != 1 || !strings.Contains(r.Message.Content, "2 layers with 4 experts") {
		t.Errorf("/experts: %+v", r.Message)
	}
	trace.Tokens[0].Text = "something else"
	if r := w.run(c, w.mia.ID, "why"); r.Message.Content != sayNoTrace.english {
		t.Errorf("/why of another alternative: %q", r.Message.Content)
	}
}

// A second question by command waits for the first: its answer stands where it was said that
// it waits, and stays there.
func TestAskTwice(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.mia.ID, "help")
	ask := func(question string) string {
		r := w.wait(w.d.Command(c, w.mia.ID, "ask", opt("question", question), opt("private", true)))
		return r.Message.Interaction.ID
	}
	first := ask("slow 30")
	second := ask("slow 12")
	w.ends(second, "*waiting for the question before this one …*", "Stop")
	w.ends(first, "re: slow 30"+pieces(30), "")
	w.ends(second, "re: slow 12"+pieces(12), "")
	time.Sleep(300 * time.Millisecond) // what is removed late would be gone by then
	for id, want := range map[string]string{first: "re: slow 30" + pieces(30), second: "re: slow 12" + pieces(12)} {
		i, _ := w.d.Interaction(id)
		if m := i.Response().Message; m == nil || m.Content != want || len(i.Response().Followups) > 0 {
			t.Errorf("%+v is left of %q", i.Response(), want)
		}
	}
}

// pieces are what the generator says to "slow n" behind the question.
func pieces(n int) (s string) {
	for i := range n {
		s += fmt.Sprintf(" %d", i)
	}
	return s
}
