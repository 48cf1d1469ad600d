package playground_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

func testPeople(t *testing.T, w *world, p *tab) {
	p.click(".mention-switch")
	p.say("I am Robin")
	p.waitText(".message .badge", "Owner")
	p.speakAs("Jun")
	p.say("and I am @Robin's friend @Jun")
	p.waitText(".message .mention", "@Robin")
	p.wait(`document.querySelectorAll(".message .actions [aria-label=Edit]").length === 1`)
	p.speakAs("Robin")
	p.wait(`document.querySelector(".message.mentions-me")`)
	p.click("#person")
	p.wait(`document.querySelector("dialog.people[open]")`)
	p.shot("dialog")
	p.click("#new-name")
	p.write("  Robin ")
	p.click(".new-person .button")
	p.waitText(".toast", "has that name already")
	p.do(chromedp.SetValue(chromedp.CSS("#new-name"), "Zoë Ångström"))
	p.click("#new-admin")
	p.click(".new-person .button")
	p.waitText("#person", "Zoë Ångström")
	p.waitText("#person", "Admin")
	p.say("hello, I am new")
	p.waitText(".message .author", "Zoë Ångström")
	// The list of people opens after an @.
	p.do(chromedp.Focus(chromedp.CSS("#entry")))
	p.write("ask @mi")
	p.waitText(".listbox [role=option]", "Mira")
	p.press("Tab")
	if got := eval[string](p, `document.querySelector("#entry").value`); got != "ask @Mira " {
		t.Errorf("chosen from the list: %q", got)
	}
}

func testDirect(t *testing.T, w *world, p *tab) {
	eval[any](p, `[...document.querySelectorAll(".channel")].at(-1).click()`)
	p.waitText("#channel-name", "moebot")
	p.wait(`document.querySelector(".mention-switch").hidden`)
	p.say("only between us")
	p.waitText(".message .text", "only between us")
	p.waitText(".message .text", "flour, water")
	// Another person has other direct messages, and is shown a channel of the guild.
	p.speakAs("Ada")
	p.waitText("#channel-name", "general")
	// A message in another channel is counted there.
	if _, err := w.discord.Send(w.channel(t, "small-talk"), w.person(t, "Jun"), "anybody here?"); err != nil {
		t.Fatal(err)
	}
	p.waitText(".channel.is-unread", "small-talk")
	p.waitText(".channel .pip", "1")
	eval[any](p, `document.querySelector(".channel.is-unread").click()`)
	p.waitText(".message .text", "anybody here?")
	p.wait(`!document.querySelector(".channel.is-unread")`)
}

func testThreads(t *testing.T, w *world, p *tab) {
	p.click(".mention-switch")
	p.say("let us talk about bread at length")
	p.wait(`document.querySelectorAll(".message").length === 1`)
	eval[any](p, `document.querySelector(".message [aria-label='Start a thread']").click()`)
	p.waitText("#channel-name", "let us talk about bread at length")
	p.waitText(".is-inner .channel", "let us talk")
	p.say("rye or wheat?")
	p.waitText(".message .text", "rye or wheat?")
	eval[any](p, `document.querySelector(".channel").click()`)
	p.waitText(".message .thread-link", "let us talk")
	p.click(".thread-link")
	p.waitText(".message .text", "rye or wheat?")
}
