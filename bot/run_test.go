package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"moebot/bot/config"
	"moebot/session/sessiontest"
)

// buffer is a writer that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// program is a running bot with its playground, used as the page uses it.
type program struct {
	t        *testing.T
	out, log *buffer
	base     string
	stop     context.CancelFunc
	ended    chan error
	hangup   chan os.Signal
	mu       sync.Mutex
	next     func() (config.Config, error) // what is read at a hangup
	channels map[string]string
	people   map[string]string
	bot      string
}

func startProgram(t *testing.T, redisURL string) *program { return startProgramOf(t, redisURL, "") }

// startProgramOf starts it with a configuration file, read again as p.next says where
// there is none.
func startProgramOf(t *testing.T, redisURL, path string) *program {
	t.Helper()
	return startProgramIn(t, redisURL, path, t.TempDir())
}

// startProgramIn starts it with what is kept in a folder.
func startProgramIn(t *testing.T, redisURL, path, dir string) *program {
	t.Helper()
	load := func() (config.Config, error) {
		c, err := config.Load(path, func(string) (string, bool) { return "", false })
		c.HTTP.Addr, c.Session.Dir, c.RedisURL = "127.0.0.1:0", dir, config.Secret(redisURL)
		c.Reply.MaxTokens, c.HTTP.PprofAddr = 24, "127.0.0.1:0"
		return c, err
	}
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, out: &buffer{}, log: &buffer{}, ended: make(chan error, 1), hangup: make(chan os.Signal, 1), channels: map[string]string{}, people: map[string]string{}}
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	again := reloads{signal: p.hangup, level: &slog.LevelVar{}, path: path, every: 10 * time.Millisecond, read: func() (config.Config, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.next()
	}}
	p.next = load
	go func() { p.ended <- run(ctx, c, slog.New(slog.NewTextHandler(p.log, nil)), p.out, again) }()
	t.Cleanup(p.close)
	address := regexp.MustCompile(`http://[^/\s]+`)
	p.until("the address is printed", func() bool { p.base = address.FindString(p.out.String()); return p.base != "" })
	p.until("it is ready", func() bool { status, _ := p.get("/readyz"); return status == 200 })
	var state struct {
		Bot      string
		Channels []struct{ ID, Name string }
		Users    []struct{ ID, Name string }
	}
	p.read("/api/state", &state)
	for _, ch := range state.Channels {
		p.channels[ch.Name] = ch.ID
	}
	for _, u := range state.Users {
		p.people[u.Name] = u.ID
	}
	p.bot = state.Bot
	return p
}

func (p *program) close() {
	p.stop()
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("the program ends with %v", err)
		}
	case <-time.After(15 * time.Second):
		p.t.Error("the program does not stop")
	}
	p.ended <- nil
	if p.t.Failed() {
		p.t.Logf("log:\n%s", p.log)
	}
}

func (p *program) until(what string, ok func() bool) {
	p.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("never: %s", what)
		}
	}
}

func (p *program) get(path string) (int, string) {
	p.t.Helper()
	res, err := http.Get(p.base + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func (p *program) read(path string, v any) {
	p.t.Helper()
	status, body := p.get(path)
	if status != 200 {
		p.t.Fatalf("%s: %d %s", path, status, body)
	}
	if err := json.Unmarshal([]byte(body), v); err != nil {
		p.t.Fatalf("%s: %v in %s", path, err, body)
	}
}

func (p *program) post(path string, v any) {
	p.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := http.Post(p.base+path, "application/json", bytes.NewReader(b))
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 {
		body, _ := io.ReadAll(res.Body)
		p.t.Fatalf("%s: %d %s", path, res.StatusCode, body)
	}
}

type shownMessage struct {
	ID, Author, Content string
	Loading             bool
	Embeds              []struct {
		Fields []struct{ Name, Value string }
		Image  struct{ URL string }
	}
}

func (p *program) messages(channel string) (out []shownMessage) {
	p.t.Helper()
	var page struct{ Messages []shownMessage }
	p.read("/api/messages?channel="+p.channels[channel], &page)
	return page.Messages
}

// ask says something to the bot and returns its answer.
func (p *program) ask(channel, person, text string) shownMessage {
	p.t.Helper()
	before := len(p.messages(channel))
	p.post("/api/send", map[string]string{"channel": p.channels[channel], "as": p.people[person], "content": "<@" + p.bot + "> " + text})
	var last shownMessage
	p.until("an answer to "+text, func() bool {
		m := p.messages(channel)
		if len(m) < before+2 {
			return false
		}
		last = m[len(m)-1]
		if last.Author != p.bot || last.Loading {
			return false
		}
		var trace struct{ Tokens []struct{ Text string } }
		p.read("/api/trace?message="+last.ID, &trace) // there once the answer is whole
		return len(trace.Tokens) > 0 || strings.Contains(last.Content, "memory")
	})
	return last
}

func (p *program) command(channel, person, name string, options ...map[string]any) {
	p.t.Helper()
	if options == nil {
		options = []map[string]any{}
	}
	p.until("/"+name+" is registered", func() bool {
		_, body := p.get("/api/commands?channel=" + p.channels[channel] + "&as=" + p.people[person])
		return strings.Contains(body, `"`+name+`"`)
	})
	p.post("/api/command", map[string]any{"channel": p.channels[channel], "as": p.people[person], "name": name, "options": options})
}

func TestPlayground(t *testing.T) {
	p := startProgram(t, "")
	if a := p.ask("general", "Jun", "hello"); a.Content == "" {
		t.Error("an empty answer")
	}
	p.command("general", "Robin", "temperature", map[string]any{"name": "value", "value": 0})
	p.until("the temperature is set", func() bool {
		m := p.messages("general")
		return strings.Contains(m[len(m)-1].Content, "→ **0**")
	})
	p.command("general", "Robin", "reset")
	p.until("the reset is confirmed", func() bool {
		m := p.messages("general")
		return strings.Contains(m[len(m)-1].Content, "forgotten")
	})
	first := p.ask("general", "Jun", "what are you?").Content
	p.command("general", "Robin", "reset")
	p.until("the second reset", func() bool {
		n := 0
		for _, m := range p.messages("general") {
			if strings.Contains(m.Content, "forgotten") {
				n++
			}
		}
		return n == 2
	})
	if again := p.ask("general", "Jun", "what are you?").Content; again != first {
		t.Errorf("at temperature 0 one question has two answers: %q and %q", first, again)
	}
	p.command("general", "Robin", "stats")
	var stats shownMessage
	p.until("the figures", func() bool {
		_, body := p.get("/api/messages?channel=" + p.channels["general"] + "&as=" + p.people["Robin"])
		var page struct{ Messages []shownMessage }
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		stats = page.Messages[len(page.Messages)-1]
		return len(stats.Embeds) == 2
	})
	for _, e := range stats.Embeds { // of activity, and of the experts
		if status, picture := p.get("/" + e.Image.URL); status != 200 || !strings.HasPrefix(picture, "\x89PNG") {
			t.Errorf("the picture: %d, %.8q", status, picture)
		}
	}
	today := map[string]string{}
	for _, f := range stats.Embeds[0].Fields {
		today[f.Name] = f.Value
	}
	for name, want := range map[string]string{"Messages": "3 questions\n3 answers\n0 given again", "People": "1", "Tokens": "tokens/s", "First token": "p99 ", "Whole answer": "p95 "} {
		if !strings.Contains(today[name], want) {
			t.Errorf("today, %s is %q, want %q in it", name, today[name], want)
		}
	}
	figures := map[string]string{}
	for _, f := range stats.Embeds[1].Fields {
		figures[f.Name] = f.Value
	}
	for name, want := range map[string]string{"Everywhere, since I started": "3 questions", "Everywhere, in conversations ever": "3 questions\n3 answered", "Store": "embedded", "Model": "experts", "Prefix cache": "hits of 3 requests"} {
		if !strings.Contains(figures[name], want) {
			t.Errorf("%s is %q, want %q in it", name, figures[name], want)
		}
	}
	for _, name := range []string{"Queue", "Gateway", "Memory", "Up"} {
		if figures[name] == "" {
			t.Errorf("/stats lacks %s", name)
		}
	}
	for name := range today {
		if figures[name] != "" {
			t.Errorf("/stats shows %s twice: %q and %q", name, today[name], figures[name])
		}
	}
	if strings.Contains(p.log.String(), "what are you") {
		t.Error("the log holds a message's text")
	}
	if status, body := p.get("/healthz"); status != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %q", status, body)
	}
}

func TestRedisKilledInMidConversation(t *testing.T) {
	r := sessiontest.StartRedis(t)
	p := startProgram(t, r.URL())
	p.ask("general", "Jun", "remember the number seven")
	r.Kill()
	if a := p.ask("general", "Jun", "are you there?"); !strings.Contains(a.Content, "memory") {
		t.Errorf("without Redis it says %q", a.Content)
	}
	if status, body := p.get("/readyz"); status != 503 || !strings.Contains(body, "REDIS_URL") {
		t.Errorf("/readyz without Redis: %d %s", status, body)
	}
	r.Start()
	p.until("ready again", func() bool { status, _ := p.get("/readyz"); return status == 200 })
	if a := p.ask("general", "Jun", "and now?"); strings.Contains(a.Content, "memory") {
		t.Errorf("with Redis back it says %q", a.Content)
	}
	p.stop()
	p.until("it has stopped", func() bool { return strings.Contains(p.log.String(), "stopping") })
}

func TestStartErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bad := write("bad.toml", "[reply]\ntemprature = 1\n")
	cut := write("cut.gguf", "GGUF\x03\x00\x00\x00\x05")
	model := write("model.toml", fmt.Sprintf("[model]\nfile = %q\n[http]\naddr = \"127.0.0.1:0\"\n[session]\ndir = %q\n", cut, dir))
	none := write("none.toml", "[model]\nfile = \"/no/such/model.gguf\"\n[http]\naddr = \"127.0.0.1:0\"\n")
	taken := write("taken.toml", "[http]\naddr = \"256.0.0.1:1\"\n")
	for _, tc := range []struct {
		status int
		want   string
		args   []string
	}{
		{2, "bad.toml:2:1: unknown key reply.temprature", []string{"-config", bad}},
		{2, "no such file", []string{"-config", filepath.Join(dir, "x.toml")}},
		{2, "unexpected argument", []string{"now"}},
		{2, "not defined", []string{"-fast"}},
		{1, "cut.gguf", []string{"-config", model}},
		{1, "/no/such/model.gguf", []string{"-config", none}},
		{1, "http.addr", []string{"-config", taken}},
		{1, "refused", []string{"-healthcheck", "-config", write("h.toml", "[http]\naddr = \"127.0.0.1:1\"\n")}},
	} {
		var out, errOut bytes.Buffer
		if status := start(tc.args, &out, &errOut); status != tc.status || !strings.Contains(errOut.String(), tc.want) {
			t.Errorf("bot %v: status %d, %q; want %d and %q", tc.args, status, errOut.String(), tc.status, tc.want)
		}
	}
	var out bytes.Buffer
	if status := start([]string{"-version"}, &out, io.Discard); status != 0 || !strings.HasPrefix(out.String(), "moebot ") {
		t.Errorf("-version: %d %q", status, out.String())
	}
}
