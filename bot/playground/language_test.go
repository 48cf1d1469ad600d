package playground_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// fixedWords are the texts and names of the page's frame: not what people, the bot or the
// channels are called, nor the notices, which say what the program says.
const fixedWords = `[...document.querySelectorAll("#sidebar *, .bar *, #intro *, #composer *, #panel-tabs *, .actions *, #inside *, #log .head time, #log .edited")].filter((e) => e.checkVisibility() && !e.closest(".channel, #channel-name, #channel-topic, kbd, .mention, .mention-switch, #guild-name, #language, .avatar, .command-title, .command-detail, .token, .inside-quote, .detail-context, .bars, .drafts li") && !e.matches(".person-text strong, #channel-topic, #intro p:not(.hint)"))
	.flatMap((e) => [...[...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent), e.getAttribute("aria-label"), e.title, e.placeholder]).filter((s) => s && /[a-z]{3}/i.test(s) && !/[\u4e00-\u9fff]/.test(s))`

// testLanguage: one switch turns the page and what its interactions are answered in, and
// holds when the page is opened again.
func testLanguage(t *testing.T, w *world, p *tab) {
	run := func() {
		p.do(chromedp.Focus(chromedp.CSS("#entry")))
		p.write("/temp")
	}
	run()
	p.waitText(".listbox .list-detail", "Show or set how daring")
	p.press("Enter")
	p.click(".command-form [type=submit]")
	p.waitText(".message .text", "The temperature here is 0.8")
	p.say("hi")
	p.waitText("#inside .figures", "typical chance")
	if got := eval[[]string](p, fixedWords); len(got) < 40 {
		t.Errorf("too few words are looked at: %q", got)
	}
	p.click("#language")
	p.waitText("#sidebar h2", "私信")
	p.waitText("#inside .figures", "典型概率")
	p.wait(`document.querySelector("#entry").placeholder === "发消息到 #general" && document.documentElement.lang === "zh-CN"`)
	if got := eval[[]string](p, fixedWords); len(got) > 0 {
		t.Errorf("left in English: %q", got)
	}
	p.shot("chinese")
	p.do(chromedp.Reload())
	p.wait(`document.body.classList.contains("is-ready")`)
	p.waitText("#sidebar h2", "私信")
	run()
	p.waitText(".listbox .list-detail", "查看或设置此处回答的随机程度")
	p.press("Enter")
	p.click(".command-form [type=submit]")
	p.waitText(".message .text", "此处的温度为")
	p.click("#language")
	p.waitText("#sidebar h2", "Direct messages")

	// Who has chosen nothing reads what the browser speaks.
	if _, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `localStorage.clear(); Object.defineProperty(navigator, "language", { value: "zh-TW" })`}); err != nil {
		t.Fatal(err)
	}
	p.do(chromedp.Reload())
	p.waitText("#sidebar h2", "私信")
}

func TestLocaleOfAnInteraction(t *testing.T) {
	w := newWorld(t)
	w.bot(t)
	general, robin := w.channel(t, "general"), w.person(t, "Robin")
	ask := map[string]any{"channel": general, "as": robin, "name": "temperature", "options": []any{}, "locale": "zh-CN"}
	status, answer := w.post(t, "/api/command", ask)
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	id, _ := answer["interaction"].(string)
	i, ok := w.discord.Interaction(id)
	if !ok {
		t.Fatalf("no interaction in %v", answer)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if r, err := i.Wait(ctx); err != nil || !strings.HasPrefix(r.Message.Content, "此处的温度为") {
		t.Errorf("%+v, %v", r, err)
	}
	ask["locale"] = "tlh"
	if status, _ := w.post(t, "/api/command", ask); status != http.StatusBadRequest {
		t.Errorf("in no language of the page: %d", status)
	}
}
