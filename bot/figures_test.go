package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"moebot/bot/config"
)

// metrics reads /metrics and checks its form: each name has help and type, and the
// names are as Prometheus wants them.
func (p *program) metrics() map[string]string {
	p.t.Helper()
	status, body := p.get("/metrics")
	if status != 200 {
		p.t.Fatalf("/metrics: %d %s", status, body)
	}
	got := map[string]string{}
	name := regexp.MustCompile(`^(moebot|go|process|promhttp)_[a-z0-9_]+$`)
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		key, value, _ := strings.Cut(line, " ")
		if base, _, _ := strings.Cut(key, "{"); !name.MatchString(base) {
			p.t.Errorf("a figure is named %q", base)
		}
		if i := strings.LastIndex(line, " "); i > 0 {
			key, value = line[:i], line[i+1:]
		}
		got[key] = value
	}
	return got
}

func TestFiguresReloadAndProfiles(t *testing.T) {
	p := startProgram(t, "")
	c := p.channels["general"]
	robin := p.people["Robin"]
	p.post("/api/send", map[string]string{"channel": c, "as": robin, "content": "<@" + p.bot + "> hello"})
	p.until("it is counted", func() bool { return p.metrics()["moebot_questions_total"] == "1" })
	p.until("its end is counted", func() bool { return p.metrics()["moebot_answer_duration_seconds_count"] == "1" })
	m := p.metrics()
	for name, want := range map[string]string{"moebot_store_up": "1", "moebot_discord_connected": "1", "moebot_errors_total{kind=\"panic\"}": "0",
		"moebot_time_to_first_token_seconds_count": "1", "moebot_discord_reconnects_total": "0"} {
		if m[name] != want {
			t.Errorf("%s is %q, want %s", name, m[name], want)
		}
	}
	if m[`moebot_tokens_total{kind="generated"}`] == "0" || m[`moebot_expert_tokens_total{expert="0",layer="0"}`] == "" {
		t.Errorf("tokens are not counted: %v", m)
	}
	// the dashboard asks for nothing that is not there
	dashboard, err := os.ReadFile("deploy/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(dashboard) {
		t.Error("the dashboard is no JSON")
	}
	known := map[string]bool{}
	for key := range m {
		base, _, _ := strings.Cut(key, "{")
		known[base] = true
	}
	for _, name := range regexp.MustCompile(`moebot_[a-z_]+`).FindAllString(string(dashboard), -1) {
		if !known[name] {
			t.Errorf("the dashboard shows %s, which there is not", name)
		}
	}
	// profiles
	p.until("profiles are served", func() bool { return strings.Contains(p.log.String(), "profiles are served") })
	addr := regexp.MustCompile(`profiles are served" addr=(\S+)`).FindStringSubmatch(p.log.String())[1]
	res, err := http.Get("http://" + addr + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); !strings.Contains(string(b), "goroutine profile") {
		t.Errorf("the profile is %.100q", b)
	}
	if status, _ := p.get("/debug/pprof/"); status != 404 {
		t.Errorf("profiles at the public address: %d", status)
	}
	// a bad file changes nothing and is named; a good one counts at once
	hangup := func(next func() (config.Config, error)) {
		p.mu.Lock()
		p.next = next
		p.mu.Unlock()
		p.hangup <- syscall.SIGHUP
	}
	hangup(func() (config.Config, error) { return config.Config{}, errors.New("moebot.toml:3:1: unknown key") })
	p.until("it is said", func() bool { return strings.Contains(p.log.String(), "moebot.toml:3:1: unknown key") })
	hangup(func() (config.Config, error) {
		c, err := config.Load("", func(string) (string, bool) { return "", false })
		c.Safety.WordsIn, c.HTTP.Addr, c.Reply.Temperature = []string{"(?i)forbidden"}, "127.0.0.1:9", 0.1
		return c, err
	})
	p.until("it is taken over", func() bool { return strings.Contains(p.log.String(), "the configuration was read again") })
	log := p.log.String()
	if !strings.Contains(log, "reply.temperature") || !strings.Contains(log, "safety.words_in") || !strings.Contains(log, "takes a restart\" keys=\"http.addr") {
		t.Errorf("what has changed is not said:\n%s", log)
	}
	p.post("/api/send", map[string]string{"channel": c, "as": robin, "content": "<@" + p.bot + "> a Forbidden word"})
	p.until("it is refused", func() bool { return p.metrics()["moebot_refused_total"] == "1" })
}
