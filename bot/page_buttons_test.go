package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// ids are those of the messages shown, oldest first.
func (p *page) ids() []string {
	p.t.Helper()
	return eval[[]string](p, `[...document.querySelectorAll(".message")].map((m) => m.dataset.id)`)
}

// fresh waits for a message that is not among those before and of which an expression
// about m, its element, is true, and returns its id.
func (p *page) fresh(before []string, expression string) string {
	p.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll(".message")].find((m) => !%s.includes(m.dataset.id) && Boolean(%s))?.dataset.id ?? ""`, list(before), expression)
	p.wait(find)
	return eval[string](p, find)
}

func list(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = literal(t)
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

// has is an expression: a button of m can be pressed.
func has(button string) string {
	return fmt.Sprintf(`[...m.querySelectorAll(".component-row .button")].some((b) => !b.disabled && b.textContent.includes(%s))`, literal(button))
}

// says is an expression: m has a text and nothing is to come.
func says(text string) string {
	return fmt.Sprintf(`!m.innerText.includes("is thinking") && m.innerText.includes(%s)`, literal(text))
}

// until waits until an expression about m, the element of a message, is true.
func (p *page) until(id, expression string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`((m) => m && (%s))(document.querySelector('.message[data-id="%s"]'))`, expression, id))
}

// text is what a message says.
func (p *page) text(id string) string {
	p.t.Helper()
	return strings.TrimSuffix(eval[string](p, fmt.Sprintf(`document.querySelector('.message[data-id="%s"] .text')?.textContent ?? ""`, id)), " (edited)")
}

// press presses a button of a message, as soon as it can be pressed.
func (p *page) press(id, button string) {
	p.t.Helper()
	p.until(id, fmt.Sprintf(`(() => { const b = [...m.querySelectorAll(".component-row .button")].find((b) => !b.disabled && b.textContent.includes(%s)); b?.click(); return Boolean(b); })()`, literal(button)))
}

// answerTo asks the bot, and returns the ids of the question and its finished answer.
func (p *page) answerTo(text string) (question, answer string) {
	p.t.Helper()
	before := p.ids()
	p.say(text)
	answer = p.fresh(before, has("Regenerate"))
	return p.fresh(before, `!m.querySelector(".author").dataset.bot`), answer
}

// fill writes into the only field of the form that is open, and sends it.
func (p *page) fill(text string) {
	p.t.Helper()
	p.wait(`document.querySelector("dialog.form-dialog[open] .field")`)
	p.shot("desktop-form")
	eval[any](p, fmt.Sprintf(`(() => { const f = document.querySelector("dialog.form-dialog[open] .field"); f.value = %s; f.dispatchEvent(new Event("input", { bubbles: true })); document.querySelector("dialog.form-dialog[open] [type=submit]").click(); })()`, literal(text)))
	p.wait(`!document.querySelector("dialog.form-dialog")`)
}

// choose runs a command of a message's menu.
func (p *page) choose(id, command string) {
	p.t.Helper()
	p.until(id, `(m.querySelector(".apps > button").click(), m.querySelector("[role=menuitem]"))`)
	p.shot("desktop-menu")
	p.until(id, fmt.Sprintf(`(() => { const e = [...m.querySelectorAll("[role=menuitem]")].find((e) => e.textContent.includes(%s)); e?.click(); return Boolean(e); })()`, literal(command)))
}

// TestEveryButtonInThePage presses the buttons below answers, uses the commands of a
// message's menu and the forms, and takes back what a reset and /forget-me ask, against
// the real bot with its model.
func TestEveryButtonInThePage(t *testing.T) {
	b := browser(t)
	bot := startProgram(t, "")
	p := open(t, b, bot.base, 1440, 900)
	question, id := p.answerTo("Tell me a story about the sea.")
	first := p.text(id)
	p.press(id, "Regenerate")
	p.until(id, `m.textContent.includes("2/2") && `+has("Regenerate"))
	second := p.text(id)
	p.press(id, "◀️")
	p.until(id, `m.textContent.includes("1/2") && `+has("▶️"))
	if got := p.text(id); got != first {
		t.Errorf("the first alternative is %q, was %q", got, first)
	}
	p.press(id, "▶️")
	p.until(id, `m.textContent.includes("2/2") && `+has("◀️"))
	if got := p.text(id); got != second {
		t.Errorf("the second alternative is %q, was %q", got, second)
	}
	p.shot("desktop-alternatives")

	// an edited question can be answered anew, and what was said before is no alternative
	p.until(question, `(m.querySelector("[aria-label=Edit]").click(), document.querySelector(".answer-bar").textContent.includes("Changing your message"))`)
	p.say("@moebot Tell me a story about a mountain.")
	p.until(question, `m.textContent.includes("mountain")`)
	p.until(id, has("Answer the edit"))
	p.shot("desktop-edited")
	p.press(id, "Answer the edit")
	p.until(id, `!m.textContent.includes("2/2") && `+has("Regenerate"))

	// the menu of a message
	before := p.ids()
	p.choose(id, "Answer again from here")
	p.fresh(before, says("answering that again"))
	p.until(id, `m.textContent.includes("2/2") && `+has("Regenerate"))
	before = p.ids()
	p.choose(id, "Ask about this")
	p.fill("What is that?")
	p.fresh(before, `m.classList.contains("is-private") && m.querySelector(".text")?.textContent.trim() && `+says("Only you can see this"))

	// forms that commands open
	for _, c := range []struct {
		path    string
		options map[string]string
		text    string
		want    string
	}{
		{"persona set", nil, "a lighthouse keeper", "lighthouse keeper"},
		{"admin words add", map[string]string{"where": "questions"}, "pineapple\npizza", "words_in"},
		{"settings import", nil, `{"temperature": 0.5}`, "temperature"},
	} {
		before = p.ids()
		p.run(c.path, c.options)
		p.fill(c.text)
		p.fresh(before, `m.querySelector(".text")?.textContent.trim() && `+says(c.want))
	}

	// an answer that is cut is gone on with
	before = p.ids()
	p.run("sampling", map[string]string{"max-length": "6"})
	p.fresh(before, says("→"))
	cut := ""
	for range 10 {
		if _, id = p.answerTo("Tell me a very long story about a king and his three sons."); eval[bool](p, fmt.Sprintf(`((m) => %s)(document.querySelector('.message[data-id="%s"]'))`, has("Continue"), id)) {
			cut = p.text(id)
			break
		}
	}
	if cut == "" {
		t.Fatal("no answer of 6 tokens was cut")
	}
	p.press(id, "Continue")
	p.until(id, fmt.Sprintf(`m.querySelector(".text").textContent.replace(" (edited)", "").length > %d && %s`, len([]rune(cut)), has("Regenerate")))
	if got := p.text(id); !strings.HasPrefix(got, cut) {
		t.Errorf("%q goes on as %q", cut, got)
	}

	// a reset, and its undo; and what a person wants forgotten
	before = p.ids()
	p.run("reset", nil)
	p.press(p.fresh(before, says("I have forgotten")), "Undo")
	p.fresh(before, says("I remember again"))
	for _, c := range []struct{ button, want string }{{"Keep it", "Nothing was removed"}, {"Forget everything", "are forgotten"}} {
		before = p.ids()
		p.run("forget-me", nil)
		p.press(p.fresh(before, has(c.button)), c.button)
		p.fresh(before, says(c.want))
	}
	p.shot("desktop-forgotten")
}

// TestStopInThePage stops an answer that is being made, and a question that waits. The
// answer comes from a server that says two words and no more.
func TestStopInThePage(t *testing.T) {
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":\"Once upon\"}}]}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer engine.Close()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(fmt.Sprintf("[engine]\nurl = %q\nmodel = \"slow\"\neverywhere = true\n", engine.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	b := browser(t)
	bot := startProgramOf(t, "", path)
	p := open(t, b, bot.base, 1440, 900)
	none := p.ids()
	p.say("Tell me a story.")
	answer := p.fresh(none, says("Once upon")+" && "+has("Stop"))
	before := p.ids()
	p.say("And then?")
	waits := p.fresh(before, says("waiting for the question before this one")+" && "+has("Stop"))
	p.shot("desktop-waiting")
	p.press(waits, "Stop")
	p.fresh(before, says("Stopped before I had said anything"))
	p.press(answer, "Stop")
	p.until(answer, has("Regenerate"))
	if got := p.text(answer); got != "Once upon" {
		t.Errorf("stopped, it says %q", got)
	}
}

// TestPageAfterARestart: who opens the page again sees the conversation of before.
func TestPageAfterARestart(t *testing.T) {
	b := browser(t)
	dir := t.TempDir()
	bot := startProgramIn(t, "", "", dir)
	p := open(t, b, bot.base, 1440, 900)
	_, id := p.answerTo("a question from before the restart")
	before := eval[[]string](p, `[...document.querySelectorAll(".message .text")].map((e) => e.textContent)`)
	own := p.ids()
	p.run("why", nil)
	p.fresh(own, says("perplexity"))
	bot.close()
	bot = startProgramIn(t, "", "", dir)
	p = open(t, b, bot.base, 1440, 900)
	p.until(id, has("Regenerate"))
	after := eval[[]string](p, `[...document.querySelectorAll(".message .text")].map((e) => e.textContent)`)
	if !slices.Equal(before, after) { // what one person alone saw is gone, as on Discord
		t.Errorf("after the restart there is %q, before %q", after, before)
	}
	p.press(id, "Regenerate")
	p.until(id, `m.textContent.includes("2/2") && `+has("◀️"))
}

// TestPageOnPhoneAndInTheDark: answers, pictures and figures fit a phone and a desktop,
// light and dark.
func TestPageOnPhoneAndInTheDark(t *testing.T) {
	b := browser(t)
	bot := startProgram(t, "")
	for _, c := range []struct {
		theme, name   string
		width, height int64
		options       []chromedp.EmulateViewportOption
	}{
		{"light", "phone", 390, 844, []chromedp.EmulateViewportOption{chromedp.EmulateMobile, chromedp.EmulateTouch}},
		{"dark", "desktop", 1440, 900, nil},
	} {
		p := open(t, b, bot.base, c.width, c.height, c.options...)
		eval[any](p, fmt.Sprintf(`document.documentElement.dataset.theme = %s`, literal(c.theme)))
		p.answerTo("hello from a " + c.name)
		for _, command := range []struct {
			name     string
			pictures int
		}{{"why", 1}, {"experts", 1}, {"stats", 2}, {"help", 0}, {"admin show", 0}, {"settings show", 0}} {
			n := p.count()
			p.run(command.name, nil)
			p.answered(n, "")
			p.pictured(n, command.pictures)
			p.shot(c.name + "-" + c.theme + "-" + command.name)
			if wide := eval[int](p, `Math.max(document.documentElement.scrollWidth, document.querySelector("#scroller").scrollWidth) - innerWidth`); wide > 0 {
				t.Errorf("%s, %s, /%s: %d pixels too wide", c.name, c.theme, command.name, wide)
			}
		}
	}
}
