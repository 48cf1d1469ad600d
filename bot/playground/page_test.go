package playground_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// lastReply is the newest message of the bot.
const lastReply = `[...document.querySelectorAll(".message")].filter((m) => m.querySelector(".author").dataset.bot === "1").at(-1)`

// TestPage uses the page in Chromium as people would, with a scripted bot that speaks through the local Discord.
func TestPage(t *testing.T) {
	browser := chromium(t)
	for _, c := range []struct {
		name string
		size size
		run  func(t *testing.T, w *world, p *tab)
	}{
		{"conversation", desktop, testConversation},
		{"inside the reply", desktop, testInside},
		{"answer, edit, delete", desktop, testAnswerEditDelete},
		{"commands", desktop, testCommands},
		{"command refused", desktop, testCommandRefused},
		{"suggestions", desktop, testSuggestions},
		{"private answer and picture", desktop, testPrivate},
		{"button", desktop, testButton},
		{"form", desktop, testForm},
		{"people", desktop, testPeople},
		{"direct messages", desktop, testDirect},
		{"threads", desktop, testThreads},
		{"hostile text", desktop, testHostile},
		{"keyboard alone", desktop, testKeyboard},
		{"colours", desktop, testColours},
		{"connection lost", desktop, testConnectionLost},
		{"too long", desktop, testTooLong},
		{"many messages", desktop, testMany},
		{"language", desktop, testLanguage},
		{"phone", phone, testPhone},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.bot(t)
			c.run(t, w, open(t, browser, w.url, c.size))
		})
	}
}

// testConversation: a newcomer types "hi" and is answered, word by word.
func testConversation(t *testing.T, w *world, p *tab) {
	p.waitText("#channel-name", "general")
	p.waitText("#notices", "sessions.journal")
	p.waitText("#intro", "Welcome to #general")
	p.shot("welcome")
	// The notice of typing may be gone before the test looks again.
	eval[any](p, `window.typed = []; new MutationObserver(() => typed.push(document.querySelector("#typing").textContent)).observe(document.querySelector("#typing"), { childList: true })`)
	p.say("hi")
	p.waitText(".message .text", "@moebot hi")
	p.wait(`typed.includes("moebot is typing…")`)
	p.waitText(".message .text", answer[0])
	p.wait(`document.querySelector(".message.is-growing")`)
	p.shot("growing")
	p.waitText(".message .text strong", "fresh bread")
	p.waitText(".message .text", "in the morning, and how simple it is")
	p.waitText(".message .context", "@moebot hi")
	p.waitText(".message .edited", "(edited)")
	p.waitText("#announcer", "I like the smell of fresh bread in the morning")
	p.wait(`document.querySelector("#typing").textContent === ""`)
	if n := eval[int](p, `document.querySelectorAll(".message").length`); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
	// Two messages of one person stand under one head, in their order, though the first takes long.
	p.click(".mention-switch")
	eval[any](p, `window.quick = window.fetch; window.fetch = async (...a) => { if (a[0] === "api/send") { window.fetch = window.quick; await new Promise((f) => setTimeout(f, 500)); } return window.quick(...a); }`)
	p.say("just among us")
	p.say("and once more")
	p.wait(`document.querySelectorAll(".message").length === 4`)
	p.wait(`[...document.querySelectorAll(".message")].at(-1).classList.contains("is-joined")`)
	if got := eval[string](p, `[...document.querySelectorAll(".message .text")].at(-1).textContent`); got != "and once more" {
		t.Errorf("without the mention: got %q", got)
	}
}

// testInside: each token of the last reply with its chance, alternatives and experts.
func testInside(t *testing.T, w *world, p *tab) {
	p.wait(`document.body.classList.contains("has-panel")`)
	p.waitText("#inside", "Say something to moebot")
	p.say("what do you like?")
	tokens := len(traceFor(answer[len(answer)-1]).Tokens)
	p.wait(fmt.Sprintf(`document.querySelectorAll(".token").length === %d`, tokens))
	p.waitText(".drafts", "Chosen from 3 drafts")
	p.do(chromedp.Click(chromedp.CSS(".drafts summary")))
	p.waitText(".drafts li", "-3.25 It is <b>late</b>. ×2")
	p.do(chromedp.Click(chromedp.CSS(".drafts summary")))
	// The one it was least sure of is shown first; the pointer shows others.
	p.waitText(".detail-chance", "8.0 %")
	p.do(chromedp.Click(chromedp.CSS(`.token[data-i="0"]`)))
	p.waitText(".detail-chance", "93 %")
	p.waitText(".detail .bar-row.is-taken", "93 %")
	if n := eval[int](p, `document.querySelectorAll(".gate-row").length`); n != 4 {
		t.Errorf("%d layers in the detail, want 4", n)
	}
	if got := eval[string](p, `[...document.querySelectorAll(".gate-row")].map((r) => [...r.querySelectorAll(".gate-name, .gate-weight")].map((e) => e.textContent).join(" ")).join("; ")`); got != "E0 0.70 E1 0.30; E5 0.70 E6 0.30; E2 0.70 E3 0.30; E7 0.70 E0 0.30" {
		t.Errorf("experts of the first token: %s", got)
	}
	// The table counts every token twice in each layer.
	sums := eval[[]int](p, `[...document.querySelectorAll(".load-table tbody tr")].map((r) => [...r.querySelectorAll(".load-cell")].reduce((n, c) => n + Number(c.textContent), 0))`)
	for layer, n := range sums {
		if n != 2*tokens {
			t.Errorf("layer %d: load sums to %d, want %d", layer+1, n, 2*tokens)
		}
	}
	if len(sums) != 4 {
		t.Errorf("%d layers in the table, want 4", len(sums))
	}
	p.click(`.load-cell[data-layer="0"][data-expert="0"]`)
	p.wait(`document.querySelectorAll(".token.is-dim").length > 0 && !document.querySelector('.token[data-i="0"]').classList.contains("is-dim")`)
	p.shot("filtered")
	p.do(chromedp.SetValue(chromedp.CSS(".shade select"), "2"))
	eval[any](p, `document.querySelector(".shade select").dispatchEvent(new Event("change"))`)
	p.wait(`document.querySelectorAll(".token.by-expert").length > 0`)
	p.shot("by-expert")
	// Arrow keys walk along the tokens.
	eval[any](p, `document.querySelector('.token[data-i="0"]').focus()`)
	p.press("ArrowRight")
	p.waitText(".detail-chance", "61 %")
	// An older reply can be looked into, and the way back is there.
	p.say("and what else?")
	p.wait(`document.querySelectorAll(".message").length === 4`)
	p.waitText(".message:last-child .text", "flour")
	eval[any](p, `document.querySelectorAll(".message")[1].querySelector("[aria-label^='Look inside']").click()`)
	p.waitText("#inside .button", "Back to the latest reply")
}

func testAnswerEditDelete(t *testing.T, w *world, p *tab) {
	p.click(".mention-switch")
	p.say("a question for everybody")
	p.wait(`document.querySelectorAll(".message").length === 1`)
	eval[any](p, `document.querySelector(".message [aria-label=Reply]").click()`)
	p.waitText(".answer-bar", "a question for everybody")
	p.say("and the answer")
	p.waitText(".message .context-text", "a question for everybody")
	// The arrow edits one's last message; quotes of it follow.
	p.do(chromedp.Focus(chromedp.CSS("#entry")))
	p.press("ArrowUp")
	p.waitText(".answer-bar", "Changing your message")
	if got := eval[string](p, `document.querySelector("#entry").value`); got != "and the answer" {
		t.Errorf("the box to edit in has %q", got)
	}
	p.write(", corrected")
	p.press("Enter")
	p.waitText(".message .text", "and the answer, corrected")
	p.waitText(".message .edited", "(edited)")
	eval[any](p, `document.querySelector(".message [aria-label=Delete]").click()`)
	p.wait(`document.querySelectorAll(".message").length === 1`)
	p.waitText(".message .context", "was deleted")
	if n := len(w.discord.Messages(w.channel(t, "general"))); n != 1 {
		t.Errorf("%d messages in Discord, want 1", n)
	}
}

func testCommands(t *testing.T, w *world, p *tab) {
	p.do(chromedp.Focus(chromedp.CSS("#entry")))
	p.write("/")
	p.waitText(".listbox [role=option]", "How the bot is doing")
	p.waitText(".listbox [role=option]", "/temperature")
	p.shot("list")
	p.write("temp")
	p.wait(`document.querySelectorAll(".listbox [role=option]").length === 1`)
	p.press("Enter")
	p.waitText(".command-form", "0 to 2")
	p.wait(`document.activeElement.matches(".option input")`)
	for _, c := range []struct{ text, problem string }{{"hot", "is not a number"}, {"-1", "Not below 0"}, {"NaN", "is not a number"}, {"7", "Not above 2"}} {
		eval[any](p, `document.activeElement.value = ""`)
		p.write(c.text)
		p.press("Enter")
		p.waitText(".field-error", c.problem)
	}
	p.shot("problem")
	eval[any](p, `document.activeElement.value = ""`)
	p.write("0,5")
	p.press("Enter")
	p.waitText(".message .text", "The temperature here is now 0.5")
	p.waitText(".message .context", "temperature")
	p.wait(`!document.querySelector(".command-form")`)

	p.do(chromedp.Focus(chromedp.CSS("#entry")))
	p.write("/style")
	p.press("Enter")
	p.waitText(".command-form .help", "whole number")
	p.click(".command-form [type=submit]")
	p.waitText(".field-error", "This one is needed")
	p.do(chromedp.SetValue(chromedp.CSS(".option select"), "cheerful"))
	p.shot("form")
	p.click(".command-form [type=submit]")
	p.waitText(".message .text", "in a cheerful manner")

	p.do(chromedp.Focus(chromedp.CSS("#entry")))
	p.write("/nonsense")
	p.press("Enter")
	p.waitText(".toast", "There is no command /nonsense")
}

// testCommandRefused: what may not be run is not offered, and what nobody answers is said.
func testCommandRefused(t *testing.T, w *world, p *tab) {
	p.speakAs("Mira")
	p.do(chromedp.Focus(chromedp.CSS("#entry")))
	p.write("/")
	p.waitText(".listbox [role=option]", "/temperature")
	if eval[bool](p, `[...document.querySelectorAll(".listbox [role=option]")].some((e) => e.textContent.includes("/stats"))`) {
		t.Error("/stats is offered to an ordinary member")
	}
	p.write("silent")
	p.press("Enter")
	p.waitText(".command-form", "Does not answer at all")
	p.click(".command-form [type=submit]")
	p.waitText(".toast", "did not respond")
}

func (p *tab) speakAs(name string) {
	p.t.Helper()
	p.click("#person")
	p.wait(`document.querySelector("dialog.people[open]")`)
	eval[any](p, fmt.Sprintf(`[...document.querySelectorAll(".person-row")].find((r) => r.textContent.includes(%s)).click()`, quoted(name)))
	p.waitText("#person", name)
}

func testPrivate(t *testing.T, w *world, p *tab) {
	p.do(chromedp.Focus(chromedp.CSS("#entry")))
	p.write("/stats")
	p.press("Enter")
	p.wait(`document.querySelector(".command-form [type=submit]") === document.activeElement`)
	p.press("Enter")
	p.waitText(".message.is-private", "is thinking")
	p.waitText(".message.is-private .embed", "Tokens per second")
	p.waitText(".private-note", "Only you can see this")
	p.wait(`document.querySelector(".embed img")?.naturalWidth === 480`)
	p.shot("stats")
	// Somebody else does not see it.
	p.speakAs("Mira")
	p.wait(`document.querySelectorAll(".message").length === 0`)
	p.speakAs("Robin")
	p.waitText(".message.is-private", "Tokens per second")
}

func testButton(t *testing.T, w *world, p *tab) {
	p.say("something with a button, please")
	p.waitText(".component-row .button", "Again")
	p.click(".component-row .button")
	p.waitText(".message.is-private .text", "Pressed again")
	p.wait(`!document.querySelector(".component-row .button").disabled`)
}

func testKeyboard(t *testing.T, w *world, p *tab) {
	p.wait(`document.activeElement.id === "entry"`)
	p.write("first")
	p.press("Enter")
	p.waitText(".message .text", "flour")
	p.wait(`document.querySelectorAll(".message").length === 2`)
	// From the empty box to the messages and through them, and back.
	p.do(chromedp.KeyEvent("\t", chromedp.KeyModifiers(8)))
	p.wait(`document.activeElement.matches(".message:last-child")`)
	p.press("ArrowUp")
	p.wait(`document.activeElement === document.querySelector(".message")`)
	p.wait(`getComputedStyle(document.activeElement.querySelector(".actions")).opacity === "1"`)
	p.press("Escape")
	p.wait(`document.activeElement.id === "entry"`)
	// Names and roles of what is there.
	for _, missing := range eval[[]string](p, `[...document.querySelectorAll("button, input, select, textarea, [role=button]")].filter((e) => e.checkVisibility() && !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML.slice(0, 120))`) {
		t.Errorf("no name: %s", missing)
	}
	if n := eval[int](p, `document.querySelectorAll("main, nav, aside, h1, [role=log]").length`); n != 5 {
		t.Errorf("%d landmarks, want 5", n)
	}
	for _, id := range eval[[]string](p, `[...document.querySelectorAll("[id]")].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i)`) {
		t.Errorf("two elements with the id %s", id)
	}
}

// testConnectionLost: what happened while a page was cut off is there afterwards, without a reload.
func testConnectionLost(t *testing.T, w *world, p *tab) {
	general, jun := w.channel(t, "general"), w.person(t, "Jun")
	say := func(text string) string {
		t.Helper()
		m, err := w.discord.Send(general, jun, text)
		if err != nil {
			t.Fatal(err)
		}
		return m.ID
	}
	first := say("before")
	p.waitText(".message .text", "before")

	// The network is gone for a while: the stream goes on where it ended.
	w.serve(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) { http.Error(out, "away", http.StatusBadGateway) }))
	w.server.CloseClientConnections()
	say("while it was cut off")
	p.waitText("#connection", "Reconnecting")
	p.shot("cut-off")
	w.serve(w.page)
	p.waitText(".message .text", "while it was cut off")
	p.wait(`document.querySelector("#connection").hidden`)

	// The program was started again: the page looks at everything anew.
	w.page.Close()
	if _, err := w.discord.Edit(general, first, jun, "before, corrected"); err != nil {
		t.Fatal(err)
	}
	w.open()
	w.server.CloseClientConnections()
	p.waitText(".message .text", "before, corrected")
	say("after the restart")
	p.waitText(".message .text", "after the restart")
	if n := eval[int](p, `document.querySelectorAll(".message").length`); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
}

func testTooLong(t *testing.T, w *world, p *tab) {
	p.click(".mention-switch")
	p.do(chromedp.Focus(chromedp.CSS("#entry")))
	p.write(strings.Repeat("a", 2001))
	p.waitText(".counter.is-over", "-1")
	p.press("Enter")
	p.waitText(".toast", "at most 2000 characters")
	if got := eval[int](p, `document.querySelector("#entry").value.length`); got != 2001 {
		t.Errorf("the refused text has %d characters left", got)
	}
	eval[any](p, `document.querySelector("#entry").value = ""`)
	p.write(strings.Repeat("😀", 1000)) // 2,000 UTF-16 units: Discord counts as its client does
	p.press("Enter")
	p.waitText(".message .text", "😀😀😀")
	p.wait(`document.querySelector("#scroller").scrollWidth <= document.querySelector("#scroller").clientWidth`)
}

// testMany: of a channel's messages none is missing between those that are loaded, and not all stay on the page.
func testMany(t *testing.T, w *world, p *tab) {
	channel, jun := w.channel(t, "small-talk"), w.person(t, "Jun")
	var ids []string
	say := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			m, err := w.discord.Send(channel, jun, fmt.Sprint("number ", i))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, m.ID)
		}
	}
	edit := func(i int) {
		t.Helper()
		if _, err := w.discord.Edit(channel, ids[i], jun, fmt.Sprint("number ", i, ", edited")); err != nil {
			t.Fatal(err)
		}
	}
	shown := func(first, n int) {
		t.Helper()
		p.wait(fmt.Sprintf(`document.querySelectorAll(".message").length === %d && document.querySelector(".message").dataset.id === %q`, n, ids[first]))
		if wrong := eval[[]int](p, fmt.Sprintf(`[...document.querySelectorAll(".message .text")].flatMap((e, i) => e.textContent.startsWith("number " + (%d + i)) ? [] : [%d + i])`, first, first)); len(wrong) > 0 {
			t.Errorf("not in their place: %v", wrong)
		}
	}
	p.do(chromedp.Navigate("about:blank")) // so that it need not draw them one by one
	say(0, 290)
	p.do(chromedp.Navigate(w.url))
	p.wait(`document.body.classList.contains("is-ready")`)
	edit(10) // not loaded, like the whole channel
	if _, err := w.discord.Send(w.channel(t, "general"), jun, "edited"); err != nil {
		t.Fatal(err)
	}
	p.waitText(".message .text", "edited")
	eval[any](p, `[...document.querySelectorAll(".channel")].find((e) => e.textContent.includes("small-talk")).click()`)
	shown(190, 100)
	edit(20) // not loaded
	edit(289)
	p.waitText(".message .text", "289, edited")
	for _, first := range []int{90, 0} {
		eval[any](p, `document.querySelector("#intro .button").click()`)
		shown(first, 290-first)
	}
	eval[any](p, `document.querySelector("#scroller").scrollTop = 1e9`)
	p.wait(`document.querySelector("#jump").hidden`)
	say(290, 301)
	shown(151, 150)
	p.waitText("#intro .button", "Show earlier messages")
}
