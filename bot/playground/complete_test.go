package playground_test

import (
	"bufio"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// testSuggestions: the bot suggests while one types; a role and a file are chosen.
func testSuggestions(t *testing.T, w *world, p *tab) {
	p.do(chromedp.Focus(chromedp.CSS("#entry")))
	p.write("/pick")
	p.press("Enter")
	p.wait(`document.activeElement.matches(".option input")`)
	p.waitText(".with-list .list-label", "The pear") // all of them, before anything is typed
	p.write("ap")
	p.wait(`[...document.querySelectorAll(".with-list .list-label")].map((e) => e.textContent).join() === "The apple,The apricot"`)
	p.shot("suggestions")
	p.press("ArrowDown")
	p.press("Enter")
	p.wait(`document.activeElement.value === "apricot" && document.querySelector(".with-list .listbox").hidden`)
	p.wait(`[...document.querySelectorAll(".option select option")].some((o) => o.textContent === "@everyone")`)
	file := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(file, []byte(`{"a":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p.do(chromedp.SetUploadFiles(chromedp.CSS(".option input[type=file]"), []string{file}))
	p.click(".command-form [type=submit]")
	p.waitText(".message .text", "Picked apricot")
	p.waitText(".message .text", "of 7 bytes")
}

func TestComplete(t *testing.T) {
	w := newWorld(t)
	w.bot(t)
	general, robin := w.channel(t, "general"), w.person(t, "Robin")
	_, state := w.call(t, "GET", "/api/state", "", "")
	status, answer := w.post(t, "/api/complete", map[string]any{"channel": general, "as": robin, "name": "pick", "focused": "fruit", "options": []any{map[string]any{"name": "fruit", "value": "p"}}})
	choices, _ := answer["choices"].([]any)
	if status != http.StatusOK || len(choices) != 1 || choices[0].(map[string]any)["value"] != "pear" || choices[0].(map[string]any)["name"] != "The pear" {
		t.Errorf("%d %v", status, answer)
	}
	if status, answer := w.post(t, "/api/complete", map[string]any{"channel": general, "as": robin, "name": "pick", "focused": "role"}); status == http.StatusOK {
		t.Errorf("an option without suggestions: %v", answer)
	}
	if status, _ := w.post(t, "/api/complete", map[string]any{"channel": general, "as": w.discord.Bot().ID, "name": "pick", "focused": "fruit"}); status != http.StatusForbidden {
		t.Errorf("as the bot: %d", status)
	}
	// No page hears of it: what is not answered in time would be told as a failure.
	if _, err := w.discord.Send(general, robin, "that is all"); err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(w.url + "/api/events?after=" + state["position"].(string))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan() && lines.Text() != "event: message"; {
		if lines.Text() == "event: interaction" {
			t.Error("suggestions are told to all pages")
		}
	}
}
