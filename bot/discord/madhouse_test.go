package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gorilla/websocket"
	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/session/redisstore"
)

// madhouse is a Discord that sends whatever it is told to, and takes down what of the
// bot's breaks Discord's rules.
type madhouse struct {
	bot  *Bot
	chat *chat.Service

	mu    sync.Mutex
	conn  *websocket.Conn
	seq   int
	wrong []string
	log   strings.Builder
	beats chan bool // heartbeats of the bot, which answer ours
	sent  map[string]int
}

func newMadhouse(tb testing.TB) *madhouse {
	tb.Helper()
	h := &madhouse{beats: make(chan bool, 16), sent: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(h.gateway))
	store, err := redisstore.New(redis.NewClient(&redis.Options{Addr: miniredis.RunT(tb).Addr(), ContextTimeoutEnabled: true}), redisstore.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(h, &slog.HandlerOptions{Level: slog.LevelError}))
	h.chat = chat.New(store, newParrot(), chat.Options{QueueLen: 8, Timeout: time.Second, Log: log})
	if h.bot, err = New(h.chat, store, Options{Token: "x", Transport: madREST{h, "ws" + strings.TrimPrefix(server.URL, "http")}, MessageContent: true, Log: log, EditInterval: time.Millisecond,
		Report: func(context.Context, In) Report {
			return Report{Fields: []Field{{"Messages", strings.Repeat("many ", 500)}}}
		}}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		h.bot.Hush()
		h.chat.Close(tb.Context())
		h.bot.Close()
		store.Close()
		h.mu.Lock()
		if h.conn != nil {
			h.conn.Close()
		}
		h.mu.Unlock()
		server.Close()
	})
	if err := h.bot.Open(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return h
}

// Write takes the log of errors.
func (h *madhouse) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(b)
}

func (h *madhouse) gateway(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	h.mu.Lock()
	h.conn = c
	h.mu.Unlock()
	h.write(c, `{"op":10,"d":{"heartbeat_interval":45000}}`)
	for {
		_, frame, err := c.ReadMessage()
		if err != nil {
			return
		}
		var f struct{ Op int }
		if json.Unmarshal(frame, &f) != nil {
			continue
		}
		switch f.Op {
		case 1:
			select {
			case h.beats <- true:
			default:
			}
		case 2, 6:
			h.write(c, `{"op":0,"s":1,"t":"READY","d":{"v":9,"user":{"id":"1","username":"moebot"},"guilds":[{"id":"9","unavailable":true}],"session_id":"s","application":{"id":"1"}}}`)
			h.write(c, `{"op":0,"s":2,"t":"GUILD_CREATE","d":{"id":"9","channels":[{"id":"2","type":0}],"members":[],"roles":[]}}`)
		}
	}
}

func (h *madhouse) write(c *websocket.Conn, frame string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = c.WriteMessage(websocket.TextMessage, []byte(frame)) // the bot may be gone
}

// dispatch sends an event, as it is, and returns when it has been handled.
func (h *madhouse) dispatch(tb testing.TB, name, data string) {
	tb.Helper()
	h.mu.Lock()
	c := h.conn
	h.seq++
	seq := h.seq + 2
	h.mu.Unlock()
	h.write(c, fmt.Sprintf(`{"op":0,"s":%d,"t":%q,"d":%s}`, seq, name, data))
	for len(h.beats) > 0 {
		<-h.beats
	}
	h.write(c, `{"op":1,"d":null}`)
	select {
	case <-h.beats:
	case <-time.After(20 * time.Second):
		tb.Fatalf("the bot does not answer any more after %s %q; %s", name, data, h.complaints())
	}
}

// complaints are what was wrong so far: panics of ours, though contained, and what breaks rules.
func (h *madhouse) complaints() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for line := range strings.Lines(h.log.String()) { // discordgo's own keeping of state may panic, contained
		if strings.Contains(line, "panic") && !strings.Contains(line, "event=state") {
			return line
		}
	}
	return strings.Join(h.wrong, "\n")
}

// madREST answers requests with something plausible and looks at what is in them.
type madREST struct {
	h       *madhouse
	gateway string
}

func (m madREST) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/gateway"):
		return response(200, map[string]any{"url": m.gateway}), nil
	case strings.HasSuffix(r.URL.Path, "/commands"):
		return response(200, []any{}), nil
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/messages"):
		return response(200, []any{}), nil
	}
	wrong := breaks(r, body)
	m.h.mu.Lock()
	m.h.sent[r.Method]++
	for _, w := range wrong {
		m.h.wrong = append(m.h.wrong, fmt.Sprintf("%s %s: %s in %.300q", r.Method, r.URL.Path, w, body))
	}
	m.h.mu.Unlock()
	if r.Method == http.MethodDelete || strings.HasSuffix(r.URL.Path, "/callback") {
		return response(204, nil), nil
	}
	return response(200, map[string]any{"id": "55", "channel_id": "2", "content": "?"}), nil
}

// breaks lists Discord's limits that a request breaks (resources/message,
// interactions/receiving-and-responding, components/reference).
func breaks(r *http.Request, body []byte) (wrong []string) {
	if kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		p := multipart.NewReader(bytes.NewReader(body), params["boundary"])
		for {
			part, err := p.NextPart()
			if err != nil {
				break
			}
			if part.FormName() == "payload_json" {
				body, _ = io.ReadAll(part)
				break
			}
		}
	}
	if len(body) == 0 {
		return nil
	}
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		return []string{"no JSON"}
	}
	data := v
	if d, ok := v["data"].(map[string]any); ok {
		data = d
	}
	atMost := func(what string, v any, n int) {
		if s, ok := v.(string); ok && length(s) > n {
			wrong = append(wrong, fmt.Sprintf("%s has %d characters, more than %d", what, length(s), n))
		}
	}
	atMost("content", data["content"], 2000)
	atMost("title", data["title"], 45)
	atMost("custom_id", data["custom_id"], 100)
	atMost("nonce", data["nonce"], 25)
	list := func(v any) []any { l, _ := v.([]any); return l }
	object := func(v any) map[string]any { o, _ := v.(map[string]any); return o }
	if s, _ := data["content"].(string); s != "" && data["title"] == nil {
		allowed, ok := data["allowed_mentions"].(map[string]any)
		if !ok || len(list(allowed["parse"])) > 0 || len(list(allowed["users"]))+len(list(allowed["roles"])) > 0 {
			wrong = append(wrong, "mentions may ping")
		}
	}
	if n := len(list(data["choices"])); n > 25 {
		wrong = append(wrong, fmt.Sprint(n, " choices"))
	}
	for _, c := range list(data["choices"]) {
		atMost("choice", object(c)["name"], 100)
		atMost("choice's value", object(c)["value"], 100)
	}
	if n := len(list(data["components"])); n > 5 {
		wrong = append(wrong, fmt.Sprint(n, " rows"))
	}
	for _, row := range list(data["components"]) {
		in := list(object(row)["components"])
		if len(in) == 0 || len(in) > 5 {
			wrong = append(wrong, fmt.Sprint(len(in), " parts in a row"))
		}
		for _, c := range in {
			atMost("custom_id of a part", object(c)["custom_id"], 100)
			atMost("label", object(c)["label"], 80)
			atMost("value", object(c)["value"], 4000)
			atMost("placeholder", object(c)["placeholder"], 150)
		}
	}
	total := 0
	for _, e := range list(data["embeds"]) {
		e := object(e)
		atMost("title of an embed", e["title"], 256)
		atMost("description", e["description"], 4096)
		for _, f := range list(e["fields"]) {
			atMost("name of a field", object(f)["name"], 256)
			atMost("value of a field", object(f)["value"], 1024)
			for _, k := range []string{"name", "value"} {
				s, _ := object(f)[k].(string)
				total += length(s)
			}
		}
		if n := len(list(e["fields"])); n > 25 {
			wrong = append(wrong, fmt.Sprint(n, " fields"))
		}
		s, _ := e["description"].(string)
		total += length(s)
	}
	if total > 6000 {
		wrong = append(wrong, fmt.Sprint("embeds of ", total))
	}
	return wrong
}
