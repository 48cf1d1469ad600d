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
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/bwmarrin/discordgo"
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
		Report: func(context.Context) Report {
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

// handled are the events that have handlers, but for READY and GUILD_CREATE: discordgo
// goes through their lists before it hands anything on, and does not survive a null there.
var handled = []string{"MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK", "INTERACTION_CREATE",
	"THREAD_CREATE", "THREAD_DELETE", "THREAD_LIST_SYNC", "THREAD_MEMBER_UPDATE", "THREAD_MEMBERS_UPDATE"}

// nasty are values where others are expected.
var nasty = []string{`null`, `""`, `"x"`, `0`, `-1`, `1e400`, `9007199254740993`, `true`, `[]`, `[null]`, `{}`, `{"id":null}`, `"\u0000"`, `"@everyone <@1> <@&3>"`}

// payloads are well formed, each with something of all that handlers read.
func (h *madhouse) payloads() map[string][]string {
	out := map[string][]string{
		"MESSAGE_CREATE": {`{"id":"100","channel_id":"2","guild_id":"9","type":19,"content":"<@1> hi","timestamp":"2026-01-01T00:00:00Z","author":{"id":"7","username":"mia","bot":false},"member":{"nick":"M","roles":["3"]},"mentions":[{"id":"1","username":"moebot"}],"mention_roles":[],"mention_everyone":false,"attachments":[],"sticker_items":[],"referenced_message":{"id":"99","author":{"id":"1"},"content":"x"},"webhook_id":""}`},
		"MESSAGE_UPDATE": {`{"id":"100","channel_id":"2","guild_id":"9","content":"<@1> ho","edited_timestamp":"2026-01-01T00:00:01Z","author":{"id":"7"},"mentions":[]}`},
		"MESSAGE_DELETE": {`{"id":"100","channel_id":"2","guild_id":"9"}`}, "MESSAGE_DELETE_BULK": {`{"ids":["100","101"],"channel_id":"2","guild_id":"9"}`},
		"THREAD_CREATE": {`{"id":"4","guild_id":"9","parent_id":"2","type":11,"member":{"id":"4","user_id":"1"}}`}, "THREAD_DELETE": {`{"id":"4","guild_id":"9","parent_id":"2","type":11}`},
		"THREAD_LIST_SYNC": {`{"guild_id":"9","threads":[{"id":"4","guild_id":"9","parent_id":"2","type":11}],"members":[{"id":"4","user_id":"1"}]}`}, "THREAD_MEMBER_UPDATE": {`{"id":"4","guild_id":"9","user_id":"1"}`},
		"THREAD_MEMBERS_UPDATE": {`{"id":"4","guild_id":"9","member_count":2,"added_members":[{"id":"4","user_id":"1"}],"removed_member_ids":["7"]}`},
	}
	const who = `"id":"200","application_id":"1","token":"t","channel_id":"2","guild_id":"9","locale":"zh-CN","channel":{"id":"2","type":0},"member":{"permissions":"2147483647","roles":[],"user":{"id":"7","username":"mia"}}`
	message := `{"id":"55","channel_id":"2","content":"x","author":{"id":"7","username":"mia"},"timestamp":"2026-01-01T00:00:00Z"}`
	for _, c := range h.bot.commands() {
		data := fmt.Sprintf(`"id":"3","name":%q,"type":%d`, c.Name, max(1, int(c.Type)))
		if c.Type == discordgo.MessageApplicationCommand {
			data += `,"target_id":"55","resolved":{"messages":{"55":` + message + `}}`
		} else {
			data += `,"resolved":{},"options":` + options(c.Options)
		}
		out["INTERACTION_CREATE"] = append(out["INTERACTION_CREATE"], fmt.Sprintf(`{"type":2,%s,"data":{%s}}`, who, data), fmt.Sprintf(`{"type":4,%s,"data":{%s}}`, who, data))
		for _, o := range c.Options {
			if o.Type == discordgo.ApplicationCommandOptionSubCommand || o.Type == discordgo.ApplicationCommandOptionSubCommandGroup {
				data := fmt.Sprintf(`"id":"3","name":%q,"type":1,"options":[{"name":%q,"type":%d,"options":%s}]`, c.Name, o.Name, o.Type, options(o.Options))
				out["INTERACTION_CREATE"] = append(out["INTERACTION_CREATE"], fmt.Sprintf(`{"type":2,%s,"data":{%s}}`, who, data))
			}
		}
	}
	for _, id := range []string{"stop:100:7:0", "again:100:7:0", "more:100:7:0", "pick:100:7:1", "edited:100:7:0", "undo:7", "about:55", "persona", "", "::::", strings.Repeat("x", 100)} {
		out["INTERACTION_CREATE"] = append(out["INTERACTION_CREATE"],
			fmt.Sprintf(`{"type":3,%s,"message":%s,"data":{"custom_id":%q,"component_type":2,"values":["1"]}}`, who, message, id),
			fmt.Sprintf(`{"type":5,%s,"message":%s,"data":{"custom_id":%q,"components":[{"type":1,"components":[{"type":4,"custom_id":"text","value":"@everyone"}]}]}}`, who, message, id))
	}
	return out
}

// options fills in options of a command.
func options(list []*discordgo.ApplicationCommandOption) string {
	var out []string
	for _, o := range list {
		value := `"7"`
		switch o.Type {
		case discordgo.ApplicationCommandOptionInteger, discordgo.ApplicationCommandOptionNumber:
			value = "1"
		case discordgo.ApplicationCommandOptionBoolean:
			value = "true"
		case discordgo.ApplicationCommandOptionSubCommand, discordgo.ApplicationCommandOptionSubCommandGroup:
			out = append(out, fmt.Sprintf(`{"name":%q,"type":%d,"options":%s}`, o.Name, o.Type, options(o.Options)))
			continue
		}
		out = append(out, fmt.Sprintf(`{"name":%q,"type":%d,"value":%s,"focused":true}`, o.Name, o.Type, value))
	}
	return "[" + strings.Join(out, ",") + "]"
}

// mutants are a payload with each of its values, one at a time, left out or replaced by
// nasty ones.
func mutants(payload string) (out []string) {
	var v any
	if err := json.Unmarshal([]byte(payload), &v); err != nil {
		panic(err)
	}
	const hole = "\"\u2603\""
	write := func() string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	fill := func(text string) {
		for _, n := range nasty {
			out = append(out, strings.Replace(text, hole, n, 1))
		}
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, old := range v {
				v[k] = "\u2603"
				fill(write())
				delete(v, k)
				out = append(out, write())
				v[k] = old
				walk(old)
			}
		case []any:
			for i, old := range v {
				v[i] = "\u2603"
				fill(write())
				v[i] = old
				walk(old)
			}
		}
	}
	walk(v)
	return out
}

// Every handler gets every value of its payloads wrong in every way: nothing panics, not
// even contained, and what is said stays within Discord's limits and pings nobody. With
// MOEBOT_SOAK set it is all of them, and else one in 17.
func TestHostilePayloads(t *testing.T) {
	h := newMadhouse(t)
	n := 0
	for name, list := range h.payloads() {
		for _, p := range list {
			h.dispatch(t, name, p)
			all := mutants(p)
			for i, m := range all {
				if os.Getenv("MOEBOT_SOAK") == "" && i%17 > 0 {
					continue
				}
				h.dispatch(t, name, m)
				n++
			}
			if c := h.complaints(); c != "" {
				t.Fatalf("%s %s: %s", name, p, c)
			}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t.Logf("%d payloads; requests of the bot: %v", n, h.sent)
	if h.sent[http.MethodPost] < 10 {
		t.Error("hardly anything was answered")
	}
}

// FuzzGateway sends what no Discord should.
func FuzzGateway(f *testing.F) {
	h := newMadhouse(f)
	for name, list := range h.payloads() {
		for _, p := range list {
			f.Add(uint8(slices.Index(handled, name)), p)
		}
	}
	f.Fuzz(func(t *testing.T, event uint8, payload string) {
		if !json.Valid([]byte(payload)) { // discordgo drops it
			payload = `null`
		}
		h.dispatch(t, handled[int(event)%len(handled)], payload)
		if c := h.complaints(); c != "" {
			t.Fatal(c)
		}
	})
}
