package playground_test

import "testing"

// testForm: a command in the menu of a message opens a form, whose answer is private.
func testForm(t *testing.T, w *world, p *tab) {
	p.click(".mention-switch")
	p.say("carpe diem")
	p.wait(`document.body.classList.contains("has-menu") && document.querySelector(".message .apps")`)
	eval[any](p, `document.querySelector(".message").focus()`)
	p.click(".message .apps > button")
	p.waitText(".apps-row", "Ask about this")
	p.shot("menu")
	p.press("Enter") // the focus is in the list
	p.wait(`document.querySelector(".form-dialog[open] input")?.value === "What does this mean?"`)
	p.shot("form")
	p.press("Escape")
	p.wait(`!document.querySelector(".form-dialog")`)
	eval[any](p, `document.querySelector(".message").focus()`)
	p.click(".message .apps > button")
	p.click(".apps-row")
	p.wait(`document.querySelector(".form-dialog[open] input")`)
	eval[any](p, `document.querySelector(".form-dialog input").value = ""`)
	p.press("Enter")
	p.waitText(".form-dialog .form-problem", "this one is needed")
	p.write("who said that?")
	p.press("Enter")
	p.wait(`!document.querySelector(".form-dialog")`)
	p.waitText(".message.is-private .text", "You ask: who said that?")
}
