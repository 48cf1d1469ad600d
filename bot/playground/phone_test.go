package playground_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func testPhone(t *testing.T, w *world, p *tab) {
	narrow := func(where string) {
		t.Helper()
		if got := eval[int](p, `Math.max(document.documentElement.scrollWidth, document.querySelector("#scroller").scrollWidth)`); got > 390 {
			t.Errorf("%s: %d pixels wide", where, got)
		}
		for _, small := range eval[[]string](p, `[...document.querySelectorAll(".bar button, .composer button, .sidebar button, .panel-head button")].filter((e) => e.checkVisibility({ visibilityProperty: true })).filter((e) => { const r = e.getBoundingClientRect(); return r.width < 28 || r.height < 28; }).map((e) => (e.id || e.className) + " " + e.getBoundingClientRect().width + "×" + e.getBoundingClientRect().height)`) {
			t.Errorf("%s: too small for a finger: %s", where, small)
		}
	}
	p.shot("welcome")
	p.say("hi from the road with a_very_long_word_" + strings.Repeat("x", 150))
	p.waitText(".message .text", "flour")
	narrow("conversation")
	p.shot("conversation")
	p.tap("#open-sidebar")
	p.wait(`document.body.dataset.drawer === "sidebar" && document.querySelector("#sidebar").getBoundingClientRect().left === 0`)
	narrow("sidebar")
	p.shot("sidebar")
	p.tap(`.channel:not(.is-now)`)
	p.waitText("#channel-name", "small-talk")
	p.wait(`!document.body.dataset.drawer`)
	p.tap("#open-sidebar")
	p.wait(`document.querySelector("#sidebar").getBoundingClientRect().left === 0`)
	p.tap(".channel")
	p.waitText("#channel-name", "general")
	p.waitText(".message .text", "flour")
	// A finger on a message shows what can be done with it.
	p.tap(".message:last-child .body")
	p.wait(`document.querySelector(".message.shows-actions")`)
	p.shot("actions")
	p.tap(".message.shows-actions [aria-label^='Look inside']")
	p.wait(`document.body.dataset.drawer === "panel" && document.querySelectorAll(".token").length > 5`)
	p.wait(`Math.abs(document.querySelector("#panel").getBoundingClientRect().right - innerWidth) < 1`)
	p.tap(`.token[data-i="1"]`)
	p.waitText(".detail-chance", "61 %")
	narrow("panel")
	p.shot("panel")
	p.tap("#close-panel")
	p.wait(`!document.body.dataset.drawer`)
	p.do(chromedp.Focus(chromedp.CSS("#entry")))
	p.write("/st")
	p.waitText(".listbox [role=option]", "/stats")
	p.shot("commands")
	p.press("Enter")
	p.wait(`document.querySelector(".command-form")`)
	narrow("form")
	p.click(".command-form [type=submit]")
	p.waitText(".embed", "Tokens per second")
	p.wait(`document.querySelector(".embed img")?.naturalWidth === 480`)
	narrow("picture")
	p.shot("stats")
}
