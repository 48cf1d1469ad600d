package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// page is the playground's page in Chromium, with the real bot behind it. Its methods
// fail the test.
type page struct {
	t   *testing.T
	ctx context.Context
}

// browser starts Chromium for a test, or skips by name where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("MOEBOT_REQUIRE_SERVICES") == "1" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed")
	}
	options := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	options = append(options, chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.NoSandbox, chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en"))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	return ctx
}

// open shows an address in a new tab of its own profile.
func open(t *testing.T, browser context.Context, url string, width, height int64, opts ...chromedp.EmulateViewportOption) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	p := &page{t, ctx}
	p.do(chromedp.EmulateViewport(width, height, opts...), chromedp.Navigate(url))
	p.wait(`document.body.classList.contains("is-ready")`)
	return p
}

func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// eval runs an expression and decodes its JSON into the result's type.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// wait waits until an expression is true.
func (p *page) wait(expression string) {
	p.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(30 * time.Millisecond) {
		ok, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if ok {
			return
		}
		if time.Now().After(end) || p.ctx.Err() != nil {
			p.shot("failed")
			p.t.Fatalf("never true: %s (%v)\nthe log ends with:\n%s", expression, err, eval[string](p, `document.querySelector("#log").innerText.slice(-1500)`))
		}
	}
}

// shot keeps a picture of the page in the folder MOEBOT_SHOTS names, if it does.
func (p *page) shot(name string) {
	dir := os.Getenv("MOEBOT_SHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Error(err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, "real-"+name+".png"), picture, 0o600); err != nil {
		p.t.Error(err)
	}
}

// literal makes one of JavaScript.
func literal(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// write puts a text into the message box, as typing does.
func (p *page) write(text string) {
	p.t.Helper()
	p.do(chromedp.Focus(chromedp.CSS("#entry")))
	eval[any](p, fmt.Sprintf(`document.querySelector("#entry").value = %s; document.querySelector("#entry").dispatchEvent(new Event("input"))`, literal(text)))
}

// say types a message and sends it.
func (p *page) say(text string) {
	p.t.Helper()
	p.write(text)
	eval[any](p, `document.querySelector("#composer").requestSubmit()`)
}

// count is how many messages there are.
func (p *page) count() int {
	p.t.Helper()
	return eval[int](p, `document.querySelectorAll(".message").length`)
}

// ask says something to the bot, and waits for the answer and its buttons.
func (p *page) ask(text string) {
	p.t.Helper()
	n := p.count()
	p.say(text)
	p.wait(fmt.Sprintf(`document.querySelectorAll(".message").length >= %d`, n+2))
	p.button("Regenerate")
}

// button waits until the last message with buttons has one of that name.
func (p *page) button(name string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`[...[...document.querySelectorAll(".message")].filter((m) => m.querySelector(".component-row")).at(-1)?.querySelectorAll(".component-row .button") ?? []].some((b) => b.textContent.includes(%s) && !b.disabled)`, literal(name)))
}

// run opens a command's form through the message box, fills its options in, and runs it.
func (p *page) run(path string, options map[string]string) {
	p.t.Helper()
	p.write("/" + path)
	p.wait(fmt.Sprintf(`[...document.querySelectorAll(".listbox [role=option]")].some((e) => e.textContent.startsWith(%s))`, literal("/"+path)))
	eval[any](p, `document.querySelector("#entry").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }))`)
	p.wait(fmt.Sprintf(`document.querySelector(".command-title")?.textContent === %s`, literal(path)))
	for name, value := range options {
		found := eval[bool](p, fmt.Sprintf(`(() => {
			const row = [...document.querySelectorAll(".command-form .option")].find((o) => o.querySelector("label").firstChild.textContent === %s);
			const field = row?.querySelector("input, select");
			if (!field) return false;
			const value = %s;
			if (field.type === "file") {
				const chosen = new DataTransfer();
				chosen.items.add(new File([value], "file.json"));
				field.files = chosen.files;
			} else {
				field.value = value;
				if (field.tagName === "SELECT" && !field.value) field.selectedIndex = 1;
			}
			field.dispatchEvent(new Event("input", { bubbles: true }));
			field.dispatchEvent(new Event("change", { bubbles: true }));
			return true;
		})()`, literal(name), literal(value)))
		if !found {
			p.t.Errorf("/%s has no option %s", path, name)
		}
	}
	// a file is read first, and the form says so until then
	p.wait(`(document.querySelector(".command-form [type=submit]")?.click(), !document.querySelector(".command-form"))`)
}

// answered waits until one of the messages after the first n has a text, and none of
// them is "thinking".
func (p *page) answered(n int, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`(() => {
		const fresh = [...document.querySelectorAll(".message")].slice(%d).map((m) => m.innerText);
		return fresh.length > 0 && fresh.every((t) => !t.includes("is thinking")) && fresh.some((t) => t.includes(%s));
	})()`, n, literal(text)))
}

// pictured waits until all pictures of the messages after the first n are loaded.
func (p *page) pictured(n, want int) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`(() => {
		const shown = [...document.querySelectorAll(".message")].slice(%d).flatMap((m) => [...m.querySelectorAll(".embed img")]);
		return shown.length === %d && shown.every((i) => i.complete && i.naturalWidth > 100);
	})()`, n, want))
}

// said are what commands answer in the page, in the order in which they are run: in
// a channel with one question and its answer, by the server's owner.
var said = []struct {
	path     string
	options  map[string]string
	want     string
	pictures int
}{
	{"help", nil, "/temperature", 0},
	{"privacy", nil, "forget", 0},
	{"status", nil, "The model", 0},
	{"temperature", nil, "temperature", 0},
	{"temperature", map[string]string{"value": "0.3"}, "→ 0.3", 0},
	{"sampling", map[string]string{"preset": "precise"}, "→", 0},
	{"sampling", map[string]string{"top-k": "7", "seed": "5"}, "→ 7", 0},
	{"persona show", nil, "", 0},
	{"persona set", map[string]string{"text": "a lighthouse keeper"}, "lighthouse keeper", 0},
	{"persona clear", nil, "", 0},
	{"context", nil, "tokens", 0},
	{"why", nil, "perplexity", 1},
	{"experts", nil, "experts each", 1},
	{"export", nil, "What I remember of this channel", 0},
	{"ask", map[string]string{"question": "are you there?"}, "are you there?", 0},
	{"ask", map[string]string{"question": "only for me", "private": "true"}, "Only you can see this", 0},
	{"regenerate", nil, "answering that again", 0},
	{"stop", nil, "not answering anything", 0},
	{"stats", nil, "Today, in this server", 2},
	{"stats", map[string]string{"period": "week", "of": "all"}, "The last 7 days, everywhere", 2},
	{"forget-me", nil, "Shall I forget", 0},
	{"reset", nil, "I have forgotten", 0},
}

// TestEveryCommandInThePage runs each slash command there is in Chromium, against the
// real bot with its model, and sees the answer. One that is not in the list above is
// run without its optional options, and must be answered somehow.
func TestEveryCommandInThePage(t *testing.T) {
	b := browser(t)
	bot := startProgram(t, "")
	p := open(t, b, bot.base, 1440, 900)
	p.ask("hello there, how are you?")
	p.wait(`document.querySelectorAll(".token").length > 3`) // the answer's trace has come
	p.shot("desktop-answer")

	var offered struct {
		Commands []struct {
			Type    int
			Name    string
			Options []option
		}
	}
	bot.read("/api/commands?channel="+bot.channels["general"]+"&as="+bot.people["Robin"], &offered)
	rest := map[string][]option{}
	for _, c := range offered.Commands {
		if c.Type <= 1 {
			leaves(rest, c.Name, c.Options)
		}
	}
	if len(rest) < 18 {
		t.Fatalf("only %d commands are offered", len(rest))
	}
	p.listed(rest)
	for _, c := range said {
		if c.path == "stop" { // when the answer that /regenerate asked for is there
			p.wait(`[...document.querySelectorAll(".message")].some((m) => m.textContent.includes("2/2"))`)
		}
		n := p.count()
		p.run(c.path, c.options)
		p.answered(n, c.want)
		if c.pictures > 0 {
			p.pictured(n, c.pictures)
			p.shot("desktop-" + c.path)
		}
		delete(rest, c.path)
	}
	var paths []string
	for path := range rest {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		n := p.count()
		p.run(path, required(bot, rest[path]))
		p.wait(fmt.Sprintf(`document.querySelector("dialog.form-dialog[open]") || [...document.querySelectorAll(".message")].slice(%d).some((m) => !m.innerText.includes("is thinking") && (m.querySelector(".text")?.textContent.trim() || m.querySelector(".embed, .file")))`, n))
		eval[any](p, `document.querySelector("dialog.form-dialog[open]")?.close()`)
		t.Logf("/%s: %.120q", path, eval[string](p, `[...document.querySelectorAll(".message")].at(-1).innerText`))
	}
	if wide := eval[int](p, `document.querySelector("#scroller").scrollWidth - document.querySelector("#scroller").clientWidth`); wide > 0 {
		t.Errorf("something is %d pixels wider than the conversation", wide)
	}
}

// listed sees all commands in the list behind the slash, what is wanted every day first
// and what only keepers of a server want last, and reaches its end by the keyboard.
func (p *page) listed(all map[string][]option) {
	p.t.Helper()
	p.write("/")
	p.wait(`document.querySelector(".listbox [role=option]")`)
	labels := eval[[]string](p, `[...document.querySelectorAll(".listbox [role=option] .list-label")].map((e) => e.textContent)`)
	if len(labels) != len(all) {
		p.t.Errorf("%d of %d commands are listed: %q", len(labels), len(all), labels)
	}
	if got, want := labels[:4], []string{"/ask", "/regenerate", "/stop", "/temperature"}; !slices.Equal(got, want) {
		p.t.Errorf("the list begins with %q, want %q", got, want)
	}
	if first := slices.IndexFunc(labels, func(s string) bool { return strings.HasPrefix(s, "/admin ") }); first < 0 || slices.ContainsFunc(labels[first:], func(s string) bool { return !strings.HasPrefix(s, "/admin ") }) {
		p.t.Errorf("/admin is not last: %q", labels)
	}
	p.shot("commands")
	eval[any](p, `document.querySelector("#entry").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true, cancelable: true }))`)
	p.wait(`(() => {
		const list = document.querySelector(".listbox").getBoundingClientRect(), row = document.querySelector(".listbox [role=option]:last-child");
		const at = row.getBoundingClientRect();
		return row.getAttribute("aria-selected") === "true" && at.top >= list.top && at.bottom <= list.bottom;
	})()`)
	p.write("")
}

// option is one of a command, as the page gets it.
type option struct {
	Type     int
	Name     string
	Required bool
	MinValue *float64 `json:"min_value"`
	Choices  []struct{ Value any }
	Options  []option
}

// leaves collects commands that can be run, sub-commands by their path.
func leaves(into map[string][]option, path string, options []option) {
	inner := false
	for _, o := range options {
		if o.Type == 1 || o.Type == 2 {
			inner = true
			leaves(into, path+" "+o.Name, o.Options)
		}
	}
	if !inner {
		into[path] = options
	}
}

// required fills in what a command cannot do without.
func required(bot *program, options []option) map[string]string {
	out := map[string]string{}
	for _, o := range options {
		switch {
		case !o.Required:
		case len(o.Choices) > 0:
			out[o.Name] = fmt.Sprint(o.Choices[0].Value)
		case o.Type == 3:
			out[o.Name] = "word"
		case o.Type == 5:
			out[o.Name] = "true"
		case o.Type == 11:
			out[o.Name] = "{}"
		case o.Type == 6:
			out[o.Name] = bot.people["Mira"]
		case o.Type == 7:
			out[o.Name] = bot.channels["small-talk"]
		default:
			out[o.Name] = "1"
			if o.MinValue != nil {
				out[o.Name] = fmt.Sprint(*o.MinValue)
			}
		}
	}
	return out
}
