package playground_test

import (
	"fmt"
	"testing"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
)

// hostile are texts that try to become markup, script or an address.
var hostile = []string{
	`<script>window.broken = 1</script>`,
	`<img src=x onerror="window.broken = 1">`,
	`<svg/onload=window.broken=1>`,
	`"><iframe srcdoc="<script>parent.broken=1</script>"></iframe>`,
	`[press me](javascript:window.broken=1)`,
	`[press me](https://example.org/"onmouseover="window.broken=1)`,
	`https://example.org/"onmouseover="window.broken=1"`,
	"```html\n</code></pre><script>window.broken=1</script>\n```",
	"`</code><img src=x onerror=window.broken=1>`",
	"**<b onclick=window.broken=1>bold</b>**",
	"||<a href=javascript:window.broken=1>spoiler</a>||",
	"<@1><script>window.broken=1</script>",
	"<:<img src=x>:1>",
	"<t:99999999999999:R><t:1:R>",
	"> <style>body{display:none}</style>",
	"# <form action=/api/send><button>go</button></form>",
	"&lt;script&gt;window.broken=1&lt;/script&gt;",
	"\u202e<script>window.broken=1</script>\u0000\ufeff",
	"{{constructor.constructor('window.broken=1')()}} ${window.broken=1}",
}

// elements is what may never appear in a message: the page makes none of these from text.
const elements = `script, iframe, style, form, object, embed, svg:not(.icon), img:not([src="icon.svg"]), a[href^="javascript"], [onerror], [onload], [onclick], [onmouseover], b`

// testHostile puts such texts wherever text can come from: messages, names, replies, topics, files and traces.
func testHostile(t *testing.T, w *world, p *tab) {
	general := w.channel(t, "general")
	villain := w.discord.AddUser(`<img src=x onerror=broken=1>`)
	for _, g := range w.discord.Guilds() {
		w.discord.AddMember(g.ID, villain.ID)
	}
	before := ""
	for _, text := range hostile {
		options := []discordtest.SendOption{}
		if before != "" {
			options = append(options, discordtest.ReplyTo(before))
		}
		m, err := w.discord.Send(general, villain.ID, text, options...)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		before = m.ID
	}
	if _, err := w.discord.Send(general, villain.ID, "a file", discordtest.Attach(`"><img src=x onerror=broken=1>.html`, []byte("<script>broken=1</script>"))); err != nil {
		t.Fatal(err)
	}
	bot := w.discord.AddBot("<script>other bot</script>")
	for _, g := range w.discord.Guilds() {
		w.discord.AddMember(g.ID, bot.ID)
	}
	if _, err := w.discord.Send(general, bot.ID, "", discordtest.WithEmbeds(discordtest.Embed{
		Title: hostile[0], Description: hostile[1], Footer: &discordtest.EmbedFooter{Text: hostile[2]},
		Fields: []discordtest.EmbedField{{Name: hostile[3], Value: hostile[1]}}, Image: &discordtest.EmbedMedia{URL: "https://example.org/x.png"},
	})); err != nil {
		t.Fatal(err)
	}
	if _, err := w.discord.ChangeChannel(general, func(c *discordtest.Channel) { c.Topic = hostile[1] }); err != nil {
		t.Fatal(err)
	}
	p.wait(fmt.Sprintf(`document.querySelectorAll(".message").length === %d`, len(hostile)+2))
	check := func(where string) {
		t.Helper()
		for _, found := range eval[[]string](p, fmt.Sprintf(`[...document.querySelectorAll("#log, #panel, #sidebar, .composer, dialog")].flatMap((box) => [...box.querySelectorAll(%s)]).filter((e) => !e.matches(".brand-mark, .picture img, .new-person")).map((e) => e.outerHTML.slice(0, 200))`, quoted(elements))) {
			t.Errorf("%s: %s", where, found)
		}
		if eval[bool](p, `"broken" in window`) {
			t.Fatalf("%s: a script ran", where)
		}
	}
	check("messages")
	p.shot("messages")
	eval[any](p, `document.querySelectorAll(".spoiler").forEach((s) => s.click())`)
	check("spoilers opened")
	p.waitText(".message .text", `<script>window.broken = 1</script>`)
	p.waitText(".message code", `<img src=x onerror=window.broken=1>`)

	// Tokens of a reply that speaks markup.
	p.say("hi")
	p.wait(fmt.Sprintf(`(%s)?.textContent.includes("flour")`, lastReply))
	trace := chat.Trace{Layers: 1, Experts: 2}
	for _, text := range hostile {
		trace.Tokens = append(trace.Tokens, chat.TraceToken{Text: text, Prob: 0.5, Alternatives: []chat.Alternative{{Text: text + "!", Prob: 0.5}}, Experts: [][]chat.Choice{{{Expert: 0, Weight: 1}}}})
	}
	w.keep(eval[string](p, "("+lastReply+").dataset.id"), trace)
	p.wait(fmt.Sprintf(`document.querySelectorAll(".token").length === %d`, len(hostile)))
	p.click(`.token[data-i="1"]`)
	check("panel")
	p.click("#person")
	p.waitText(".person-list", villain.DisplayName())
	check("people")
}
