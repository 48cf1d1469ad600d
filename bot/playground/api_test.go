package playground_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"moebot/bot/discordtest"
)

// call sends a request and decodes the JSON of the answer.
func (w *world) call(t *testing.T, method, path, contentType, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return response.StatusCode, answer
}

func (w *world) post(t *testing.T, path string, body map[string]any) (int, map[string]any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return w.call(t, "POST", path, "application/json", string(b))
}

func TestActsRefused(t *testing.T) {
	w := newWorld(t)
	general, robin, mira := w.channel(t, "general"), w.person(t, "Robin"), w.person(t, "Mira")
	m, err := w.discord.Send(general, robin, "mine")
	if err != nil {
		t.Fatal(err)
	}
	send := func(as, content string) string {
		b, err := json.Marshal(map[string]string{"channel": general, "as": as, "content": content})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, c := range []struct {
		name, path, kind, body string
		status                 int
		says                   string
	}{
		{"a form", "/api/send", "application/x-www-form-urlencoded", "content=hi", 415, "JSON"},
		{"text", "/api/send", "text/plain", send(robin, "hi"), 415, "JSON"},
		{"not JSON", "/api/send", "application/json", "{", 400, "not understood"},
		{"unknown key", "/api/send", "application/json", `{"chanel":"1"}`, 400, "not understood"},
		{"two documents", "/api/send", "application/json", send(robin, "hi") + "{}", 400, "not understood"},
		{"huge", "/api/send", "application/json", send(robin, strings.Repeat("a", 100<<10)), 413, "too long"},
		{"nobody", "/api/send", "application/json", send("1", "hi"), 400, "not here any more"},
		{"the bot", "/api/send", "application/json", send(w.discord.Bot().ID, "hi"), 403, "Bots speak for themselves"},
		{"empty", "/api/send", "application/json", send(robin, "  "), 400, "empty"},
		{"2,001 characters", "/api/send", "application/json", send(robin, strings.Repeat("a", 2001)), 400, "2000"},
		{"no such channel", "/api/send", "application/json", strings.Replace(send(robin, "hi"), general, "12345", 1), 404, "Unknown Channel"},
		{"somebody else's message", "/api/edit", "application/json", fmt.Sprintf(`{"channel":%q,"message":%q,"as":%q,"content":"yours"}`, general, m.ID, mira), 403, "another user"},
		{"delete without rights", "/api/delete", "application/json", fmt.Sprintf(`{"channel":%q,"message":%q,"as":%q}`, general, m.ID, mira), 403, "Permissions"},
		{"command unknown", "/api/command", "application/json", fmt.Sprintf(`{"channel":%q,"as":%q,"name":"nope"}`, general, robin), 404, "Unknown"},
		{"person without a name", "/api/person", "application/json", `{"name":" "}`, 400, "1 to 32"},
		{"person with a long name", "/api/person", "application/json", fmt.Sprintf(`{"name":%q}`, strings.Repeat("n", 33)), 400, "1 to 32"},
		{"person with a mention for a name", "/api/person", "application/json", `{"name":"@everyone"}`, 400, "no @"},
		{"person of whom nothing is seen", "/api/person", "application/json", `{"name":"\u200b"}`, 400, "not seen"},
		{"person whose name runs backwards", "/api/person", "application/json", `{"name":"\u202eniboR"}`, 400, "not seen"},
		{"person who is there", "/api/person", "application/json", `{"name":"robin"}`, 409, "already"},
		{"unknown act", "/api/nothing", "application/json", `{}`, 404, "nothing here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, answer := w.call(t, "POST", c.path, c.kind, c.body)
			if says, _ := answer["error"].(string); status != c.status || !strings.Contains(says, c.says) {
				t.Errorf("got %d %q, want %d and %q", status, says, c.status, c.says)
			}
		})
	}
	if n := len(w.discord.Messages(general)); n != 1 {
		t.Errorf("%d messages after all refusals, want 1", n)
	}
}

func TestActs(t *testing.T) {
	w := newWorld(t)
	general, robin := w.channel(t, "general"), w.person(t, "Robin")
	ok := func(path string, body map[string]any) map[string]any {
		t.Helper()
		status, answer := w.post(t, path, body)
		if status != http.StatusOK {
			t.Fatalf("%s %v: %d %v", path, body, status, answer)
		}
		return answer
	}
	first := ok("/api/send", map[string]any{"channel": general, "as": robin, "content": "one"})["id"].(string)
	second := ok("/api/send", map[string]any{"channel": general, "as": robin, "content": "two", "reply": first})["id"].(string)
	ok("/api/edit", map[string]any{"channel": general, "as": robin, "message": first, "content": "uno"})
	_, answer := w.call(t, "GET", "/api/messages?channel="+general, "", "")
	list := answer["messages"].([]any)
	if len(list) != 2 {
		t.Fatalf("%d messages, want 2", len(list))
	}
	m := list[1].(map[string]any)
	if quote := m["reply"].(map[string]any); m["id"] != second || quote["content"] != "uno" || quote["author"] != robin {
		t.Errorf("the reply is %v", m)
	}
	ok("/api/delete", map[string]any{"channel": general, "as": robin, "message": first})
	_, answer = w.call(t, "GET", "/api/messages?channel="+general, "", "")
	if quote := answer["messages"].([]any)[0].(map[string]any)["reply"].(map[string]any); quote["gone"] != true {
		t.Errorf("the quote of a deleted message is %v", quote)
	}
	made := ok("/api/person", map[string]any{"name": " Zoë  Ångström ", "admin": true})
	if made["name"] != "Zoë Ångström" || made["role"] != "Admin" {
		t.Errorf("made %v", made)
	}
	dm := ok("/api/dm", map[string]any{"as": made["id"]})
	if dm["kind"] != "dm" {
		t.Errorf("opened %v", dm)
	}
	thread := ok("/api/thread", map[string]any{"channel": general, "as": robin, "message": second, "name": "more"})
	if thread["kind"] != "thread" || thread["parent"] != general {
		t.Errorf("started %v", thread)
	}
}

// TestOlderMessages pages through a long channel.
func TestOlderMessages(t *testing.T) {
	w := newWorld(t)
	general, robin := w.channel(t, "general"), w.person(t, "Robin")
	for i := range 250 {
		if _, err := w.discord.Send(general, robin, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	var all []string
	before := ""
	for pages := 1; ; pages++ {
		_, answer := w.call(t, "GET", "/api/messages?channel="+general+"&before="+before, "", "")
		var page []string
		for _, m := range answer["messages"].([]any) {
			page = append(page, m.(map[string]any)["content"].(string))
		}
		before = answer["messages"].([]any)[0].(map[string]any)["id"].(string)
		all = append(page, all...)
		if answer["more"] != true {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
	}
	for i, content := range all {
		if content != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, content)
		}
	}
	if len(all) != 250 {
		t.Errorf("%d messages, want 250", len(all))
	}
}

// TestEvents reads the stream as the page does: what happens after the snapshot, in order.
func TestEvents(t *testing.T) {
	w := newWorld(t)
	general, robin := w.channel(t, "general"), w.person(t, "Robin")
	_, state := w.call(t, "GET", "/api/state", "", "")
	m, err := w.discord.Send(general, robin, "hello")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.discord.Edit(general, m.ID, robin, "hello there"); err != nil {
		t.Fatal(err)
	}
	if err := w.discord.Typing(general, robin); err != nil {
		t.Fatal(err)
	}
	if err := w.discord.Delete(general, m.ID, robin); err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(w.url + "/api/events?after=" + state["position"].(string))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		t.Errorf("content type %q", kind)
	}
	var got []string
	lines := bufio.NewScanner(response.Body)
	name := ""
	for len(got) < 4 && lines.Scan() {
		if n, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			name = n
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var v map[string]any
			if err := json.Unmarshal([]byte(data), &v); err != nil {
				t.Fatal(err)
			}
			if content, ok := v["content"]; ok {
				name += " " + content.(string)
			}
			got = append(got, name)
		}
	}
	if strings.Join(got, "; ") != "message hello; message hello there; typing; delete" {
		t.Errorf("got %q", got)
	}
}

// TestFiles: pictures are shown, anything else is to be saved, and never becomes a page of this origin.
func TestFiles(t *testing.T) {
	w := newWorld(t)
	general, robin := w.channel(t, "general"), w.person(t, "Robin")
	page := "<script>alert(1)</script>"
	m, err := w.discord.Send(general, robin, "", discordtest.Attach("a.png", picture(t)), discordtest.Attach("evil.html", []byte(page)), discordtest.Attach("evil.svg", []byte("<svg onload=alert(1)>")))
	if err != nil {
		t.Fatal(err)
	}
	_, answer := w.call(t, "GET", "/api/messages?channel="+general, "", "")
	files := answer["messages"].([]any)[0].(map[string]any)["attachments"].([]any)
	if len(files) != 3 || len(m.Attachments) != 3 {
		t.Fatalf("%d files, want 3", len(files))
	}
	for i, want := range []string{"image/png inline", "application/octet-stream attachment", "application/octet-stream attachment"} {
		response, err := http.Get(w.url + "/" + files[i].(map[string]any)["url"].(string))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		disposition, _, _ := strings.Cut(response.Header.Get("Content-Disposition"), ";")
		if got := response.Header.Get("Content-Type") + " " + disposition; got != want {
			t.Errorf("file %d: %q, want %q", i, got, want)
		}
		if response.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("file %d may be sniffed", i)
		}
		if i == 1 && string(body) != page {
			t.Errorf("file %d has %q", i, body)
		}
	}
	if status, _ := w.call(t, "GET", "/api/file?channel="+general+"&message="+m.ID+"&id=1", "", ""); status != 404 {
		t.Errorf("unknown file: %d, want 404", status)
	}
}

// TestStatic: every file of the page with its type, asked for again by its tag.
func TestStatic(t *testing.T) {
	w := newWorld(t)
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/js/main.js": "text/javascript; charset=utf-8", "/css/base.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml",
	} {
		response, err := http.Get(w.url + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != 200 || response.Header.Get("Content-Type") != kind {
			t.Errorf("%s: %d %q", path, response.StatusCode, response.Header.Get("Content-Type"))
		}
		r, err := http.NewRequestWithContext(t.Context(), "GET", w.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("If-None-Match", response.Header.Get("ETag"))
		response, err = http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: %d", path, response.StatusCode)
		}
	}
	for _, path := range []string{"/page/index.html", "/js/", "/../server.go", "/nothing"} {
		response, err := http.Get(w.url + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != 404 {
			t.Errorf("%s: %d, want 404", path, response.StatusCode)
		}
	}
}
