package playground_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"moebot/bot/lab"
	"moebot/moe/defaultmodel"
	"moebot/moe/engine"
	"moebot/moe/gguf"
	"moebot/moe/model"
	"moebot/moe/prompt"
	"moebot/moe/sample"
)

// embedded is the embedded model.
var embedded, embeddedFile = func() (*model.Model, *gguf.File) {
	f, err := gguf.Parse(defaultmodel.GGUF())
	if err != nil {
		panic(err)
	}
	m, err := model.Load(f)
	if err != nil {
		panic(err)
	}
	return m, f
}()

// layers are its layers, and middle the one that an intervention is in at first.
var (
	layers = embedded.Config.Layers
	middle = layers / 2
)

// laboratory is the embedded model's; conversations are a greeting and what is said.
func laboratory(t *testing.T) http.Handler {
	t.Helper()
	tok, err := model.Tokenizer(embeddedFile)
	if err != nil {
		t.Fatal(err)
	}
	template, err := prompt.New(tok)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(embedded, tok, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := lab.New(embedded, tok, e)
	t.Cleanup(func() { l.Close(); e.Close() })
	return l.Handler(func(_ context.Context, _, author, text string) (engine.Request, error) {
		turns := []prompt.Turn{{Role: prompt.User, Name: author, Text: "hello"}, {Role: prompt.Assistant, Text: "Hello! How are you?"}, {Role: prompt.User, Name: author, Text: text}}
		return engine.Request{Tokens: template.Render(turns), Sampling: sample.Params{TopP: 1, RepeatPenalty: 1.1}, Forbid: template.Unsaid(), StopTokens: []int32{template.End()}}, nil
	})
}

// TestLaboratory uses the panel's interventions and its tour on the embedded model.
func TestLaboratory(t *testing.T) {
	browser := chromium(t)
	for _, c := range []struct {
		name string
		size size
		run  func(t *testing.T, p *tab)
	}{
		{"interventions", desktop, testInterventions},
		{"interventions by keyboard", desktop, testInterventionsByKeyboard},
		{"a direction of one's own", desktop, testOwnDirection},
		{"tour", desktop, testTour},
		{"tour in Chinese", desktop, testTourInChinese},
		{"phone", phone, testLabOnPhone},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.lab = laboratory(t)
			w.page.Close()
			w.open()
			c.run(t, open(t, browser, w.url, c.size))
		})
	}
}

// said are the texts of both replies.
func said(p *tab) [2]string {
	return [2]string(eval[[]string](p, `[0, 1].map((s) => [...document.querySelectorAll("#side-" + s + " .token")].map((e) => e.textContent).join(""))`))
}

// answered waits until both replies are whole.
func answered(p *tab) [2]string {
	p.t.Helper()
	p.wait(`document.querySelector("#side-0-note")?.textContent && document.querySelector("#side-1-note")?.textContent`)
	return said(p)
}

// turned is the same after a change: the replies are made anew.
func turned(p *tab, change func()) [2]string {
	p.t.Helper()
	eval[any](p, `document.querySelector("#side-1-note").textContent = ""`)
	change()
	return answered(p)
}

func slide(p *tab, selector, value string) {
	p.t.Helper()
	eval[any](p, fmt.Sprintf(`(() => { const e = document.querySelector(%s); e.value = %s; e.dispatchEvent(new Event("input", { bubbles: true })); })()`, quoted(selector), quoted(value)))
}

func pick(p *tab, selector, value string) {
	p.t.Helper()
	eval[any](p, fmt.Sprintf(`(() => { const e = document.querySelector(%s); e.value = %s; e.dispatchEvent(new Event("change", { bubbles: true })); })()`, quoted(selector), quoted(value)))
}

func testInterventions(t *testing.T, p *tab) {
	p.wait(`!document.querySelector("#panel-tabs").hidden`)
	p.click("#tab-steer")
	p.waitText("#steer", "No interventions yet")
	// The first one answers, as the ticked box says.
	p.click(`[data-add="head"]`)
	answered(p)
	turned(p, func() { p.click(".edit .icon-button") })
	p.do(chromedp.Focus(chromedp.CSS("#steer-text")))
	p.write("what do you like to eat?")
	first := turned(p, func() { p.press("Enter") })
	if first[0] == "" || first[0] != first[1] {
		t.Errorf("without interventions the replies are %q", first)
	}
	p.waitText("#sides-note", "Both say the same")
	// Adding one answers again; the untouched side stays what it was.
	turned(p, func() { p.click(`[data-add="direction"]`) })
	strong := turned(p, func() { slide(p, ".edit .slide input", "8") })
	p.waitText(".edit-code", fmt.Sprintf("direction:%d.question=8", middle))
	if strong[0] != first[0] || strong[1] == first[1] {
		t.Errorf("a strong direction: %q, before %q", strong, first)
	}
	p.waitText("#sides-note", "then they part")
	if n := eval[int](p, `document.querySelectorAll("#side-1 .token.is-new").length`); n == 0 {
		t.Error("no token is marked where the replies part")
	}
	p.click(`#side-1 .token[data-i="0"]`)
	p.waitText("#steer-detail", "bits of surprise")
	if n := eval[int](p, `document.querySelectorAll("#steer-detail .gate-row").length`); n != layers {
		t.Errorf("%d layers in the detail, want %d", n, layers)
	}
	p.shot("direction")
	// A forbidden expert takes no token any more.
	turned(p, func() { p.click(".edit .icon-button") })
	turned(p, func() { p.click(`[data-add="expert"]`) })
	p.waitText(".edit-code", fmt.Sprintf("forbid:%d.0", middle))
	for i := range 3 {
		p.click(fmt.Sprintf(`#side-1 .token[data-i="%d"]`, i))
		p.waitText("#steer-detail .gate-layer", fmt.Sprint("Layer ", middle))
		if got := eval[string](p, fmt.Sprintf(`document.querySelectorAll("#steer-detail .gate-row")[%d].textContent`, middle)); strings.Contains(got, "E0") {
			t.Errorf("token %d goes to the forbidden expert: %s", i, got)
		}
	}
	for _, theme := range []string{"dark", "light"} {
		eval[any](p, fmt.Sprintf(`document.documentElement.dataset.theme = %q`, theme))
		p.shot(theme)
		for _, weak := range eval[[]string](p, contrast) {
			t.Errorf("%s: %s", theme, weak)
		}
	}
	// What the server refuses is said.
	eval[any](p, `document.querySelector("#side-1-note").textContent = ""`)
	p.click(`[data-add="neuron"]`)
	p.waitText(".edit-code", fmt.Sprintf("neuron:%d.0.0=5", middle))
}

func testInterventionsByKeyboard(t *testing.T, p *tab) {
	p.wait(`!document.querySelector("#panel-tabs").hidden`)
	eval[any](p, `document.querySelector("#tab-reply").focus()`)
	p.press("ArrowRight")
	p.wait(`document.activeElement.id === "tab-steer" && !document.querySelector("#steer").hidden && document.querySelector("#inside").hidden`)
	// Every control of the tab can be reached and has a name.
	p.waitText("#steer", "No interventions yet")
	eval[any](p, `document.querySelector('[data-add="head"]').focus()`)
	p.press("Enter")
	p.waitText(".edit-code", fmt.Sprintf("head:%d.0=0", middle))
	if nameless := eval[[]string](p, `[...document.querySelectorAll("#steer button, #steer input, #steer select, #steer textarea")].filter((e) => e.tabIndex < 0 && !e.matches(".token") || !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length)).map((e) => e.outerHTML)`); len(nameless) > 0 {
		t.Errorf("controls that cannot be reached, or have no name: %q", nameless)
	}
	answered(p)
	// What was typed a moment before Enter does not ask a second time.
	const asked = `performance.getEntriesByType("resource").filter((e) => e.name.includes("api/lab/reply")).length`
	before := eval[int](p, asked)
	turned(p, func() {
		eval[any](p, `(() => {
			const e = document.querySelector("#steer-text");
			e.focus();
			e.value = "hello";
			e.dispatchEvent(new Event("input"));
			e.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
		})()`)
	})
	time.Sleep(500 * time.Millisecond)
	if n := eval[int](p, asked) - before; n != 1 {
		t.Errorf("Enter asked %d times", n)
	}
	eval[any](p, `document.querySelector('#side-0 .token').focus()`)
	p.press("ArrowRight")
	p.wait(`document.activeElement.dataset.i === "1"`)
	p.press("Enter")
	p.waitText("#steer-detail", "As the model is")
	slider := `document.querySelector(".edit .slide input")`
	eval[any](p, slider+".focus()")
	p.press("ArrowRight")
	p.waitText(".edit-code", fmt.Sprintf("head:%d.0=0.1", middle))
	// Controls drawn anew keep the focus.
	eval[any](p, `document.querySelector(".edit select").focus()`)
	pick(p, ".edit select", "1")
	p.waitText(".edit-code", "head:1.0=0.1")
	p.wait(`document.activeElement === document.querySelector(".edit select")`)
}

func testOwnDirection(t *testing.T, p *tab) {
	p.wait(`!document.querySelector("#panel-tabs").hidden`)
	p.click("#tab-steer")
	p.waitText("#steer", "No interventions yet")
	p.click(`[data-add="direction"]`)
	pick(p, `.edit select`, "own")
	p.waitText("#steer", "Sentences it leads to")
	eval[any](p, `document.querySelector("#steer-text").value = "hi"; document.querySelector("#steer-text").dispatchEvent(new Event("input"))`)
	p.click("#steer-run")
	p.waitText("#steer-trouble", "needs 1 to 60 sentences")
	eval[any](p, `[...document.querySelectorAll(".own textarea")].forEach((e, i) => { e.value = i ? "It is a quiet place." : "One two three four five.\nSix and seven are thirteen."; e.dispatchEvent(new Event("input")); })`)
	got := answered(p)
	if got[0] == "" || got[1] == "" {
		t.Errorf("replies %q", got)
	}
	p.shot("own")
}

// tourSteps are a mark of each step's instrument, and how it is used.
var tourSteps = []struct{ mark, use string }{
	{`document.querySelectorAll("#tour-box .token").length > 5`, ``},
	{`document.querySelectorAll("#tour-box .bar-row").length === 10`, ``},
	{`document.querySelectorAll("#tour-box .bar-row").length === 10`, `document.querySelectorAll("#tour-box .token")[2].click()`},
	{`document.querySelectorAll("#tour-box .token.is-lit").length > 2`, `document.querySelectorAll("#tour-box select")[1].value = "3"; document.querySelectorAll("#tour-box select")[1].dispatchEvent(new Event("change"))`},
	{`document.querySelectorAll("#tour-box .firings li").length === 8`, ``},
	{fmt.Sprintf(`document.querySelectorAll("#tour-box .bar-row").length === %d`, layers+1), ``},
	{fmt.Sprintf(`document.querySelectorAll("#tour-box .gate-row").length === %d`, layers), ``},
	{`document.querySelectorAll("#tour-box .factor").length === 2`, `(() => { const e = document.querySelector("#tour-box .factor input"); e.value = "0"; e.dispatchEvent(new Event("input", { bubbles: true })); })()`},
}

func testTour(t *testing.T, p *tab) {
	p.wait(`!document.querySelector("#panel-tabs").hidden`)
	p.click("#tab-tour")
	for i, s := range tourSteps {
		p.waitText("#tour .step-title", fmt.Sprintf("%d. ", i+1))
		p.wait(s.mark)
		if s.use != "" {
			eval[any](p, s.use)
			p.wait(s.mark)
		}
		if i == len(tourSteps)-1 {
			p.waitText("#tour-box", "ten random edits of the same kind")
			p.waitText("#tour-box .goes-on", "With the interventions")
		}
		for _, theme := range []string{"light", "dark"} {
			eval[any](p, fmt.Sprintf(`document.documentElement.dataset.theme = %q`, theme))
			for _, weak := range eval[[]string](p, contrast) {
				t.Errorf("step %d, %s: %s", i+1, theme, weak)
			}
		}
		p.shot(fmt.Sprint("step ", i+1))
		if i < len(tourSteps)-1 {
			p.click("#tour-next")
		}
	}
	p.wait(`document.querySelector("#tour-next").disabled`)
	// Another sentence, in the same step; an empty one is told so.
	eval[any](p, `(() => { const e = document.querySelector("#tour-text"); e.value = ""; e.dispatchEvent(new Event("input")); })()`)
	p.waitText("#tour-box", "There is no text.")
	eval[any](p, `document.querySelector(".step-dot").focus()`)
	p.press("Enter")
	p.waitText("#tour .step-title", "A chain of tokens")
	eval[any](p, `(() => { const e = document.querySelector("#tour-text"); e.value = "Cats sleep"; e.dispatchEvent(new Event("input")); })()`)
	p.wait(`document.querySelector("#tour-box").textContent.includes("sleep") && !document.querySelector("#tour-box").textContent.includes("king")`)
	eval[any](p, `document.querySelector(".step-dot").focus()`)
	p.press("ArrowRight")
	p.waitText("#tour .step-title", "The next token")
	p.wait(`document.activeElement.classList.contains("step-dot")`)
}

func testTourInChinese(t *testing.T, p *tab) {
	p.wait(`!document.querySelector("#panel-tabs").hidden`)
	p.click("#tab-tour")
	p.waitText("#tour .step-title", "A chain of tokens")
	p.click("#language")
	p.waitText("#tour .step-title", "一串 token")
	p.wait(`document.querySelector("#tour").lang === "zh"`)
	p.waitText("#panel-tabs", "干预")
	for i, s := range tourSteps {
		p.waitText("#tour .step-title", fmt.Sprintf("%d. ", i+1))
		p.wait(s.mark)
		// No sentence of the tour is left in English.
		if got := eval[[]string](p, `[...document.querySelectorAll("#tour .step-title, #tour .step-body, #tour-box .small, #tour .button")].map((e) => e.textContent).filter((s) => s && !/[\u4e00-\u9fff]/.test(s))`); len(got) > 0 {
			t.Errorf("step %d: not in Chinese: %q", i+1, got)
		}
		if i < len(tourSteps)-1 {
			p.click("#tour-next")
		}
	}
	p.shot("last step")
	p.click("#tab-steer")
	p.waitText("#steer", "还没有干预")
	p.do(chromedp.Focus(chromedp.CSS("#steer-text")))
	p.write("hello")
	p.press("Enter")
	answered(p)
	p.click(`#side-1 .token[data-i="0"]`)
	p.waitText("#steer-detail", "工作中的专家")
	if got := eval[string](p, `[...document.querySelectorAll("#steer-detail h3, #steer-detail .gate-layer, #steer-detail .detail-chance > span, #steer-detail > .small")].map((e) => e.textContent).join("\n")`); strings.ContainsAny(got, "abcdefghijklmnopqrstuvwxyz") {
		t.Errorf("not in Chinese: %q", got)
	}
}

func testLabOnPhone(t *testing.T, p *tab) {
	p.tap("#toggle-panel")
	p.wait(`document.body.dataset.drawer === "panel" && Math.abs(document.querySelector("#panel").getBoundingClientRect().right - innerWidth) < 1`)
	p.tap("#tab-steer")
	p.waitText("#steer", "No interventions yet")
	eval[any](p, `document.querySelector("#steer-text").value = "hello"; document.querySelector("#steer-text").dispatchEvent(new Event("input"))`)
	p.tap(`[data-add="expert"]`)
	p.tap("#steer-run")
	answered(p)
	narrow := func(where string) {
		t.Helper()
		if wide := eval[[]string](p, `[...document.querySelectorAll("#panel *")].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".load-wrap")).map((e) => e.id || e.className || e.tagName)`); len(wide) > 0 {
			t.Errorf("%s: wider than the phone: %q", where, wide)
		}
	}
	narrow("interventions")
	p.shot("interventions")
	p.tap("#tab-tour")
	for i, s := range tourSteps {
		p.waitText("#tour .step-title", fmt.Sprintf("%d. ", i+1))
		p.wait(s.mark)
		narrow(fmt.Sprint("step ", i+1))
		if i == 3 || i == len(tourSteps)-1 {
			p.shot(fmt.Sprint("step ", i+1))
		}
		if i < len(tourSteps)-1 {
			eval[any](p, `document.querySelector("#tour-next").click()`)
		}
	}
}
