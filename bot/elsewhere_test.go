package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"moebot/bot/chat"
	"moebot/bot/config"
	"moebot/session"
)

func TestTheSettingEngineChooses(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer k3y" {
			t.Errorf("authorization %q", r.Header.Get("Authorization"))
		}
		io.WriteString(w, `data: {"choices":[{"delta":{"content":"From far away."},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
	}))
	defer server.Close()
	own, there := session.EngineOwn, session.EngineServer
	for _, tc := range []struct {
		name       string
		url        string
		everywhere bool
		engine     *string
		far        bool
	}{
		{"not said", server.URL, false, nil, false},
		{"not said, everywhere", server.URL, true, nil, true},
		{"server", server.URL, false, &there, true},
		{"own, everywhere", server.URL, true, &own, false},
		{"server, where there is none", "", false, &there, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := config.Default()
			c.Reply.MaxTokens, c.EngineKey = 8, "k3y"
			c.Engine.URL, c.Engine.Model, c.Engine.Everywhere = tc.url, "big", tc.everywhere
			m, err := openMind(c, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer m.close()
			p := chat.Prompt{Key: session.Key{Channel: "1"}, Turns: []session.Turn{turn(session.RoleUser, "Ann", "hello")}, Settings: session.Settings{Engine: tc.engine}}
			a, err := m.Generate(context.Background(), p, func(string) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			if far := a.Text == "From far away."; far != tc.far {
				t.Errorf("answer %q", a.Text)
			}
			if b := m.Measure(p); (b.Window == c.Engine.ContextTokens) != tc.far {
				t.Errorf("measured %+v", b)
			}
			if by := m.elsewhere.by(p.Settings); strings.HasPrefix(by, "big at ") != tc.far {
				t.Errorf("the answers are made by %q", by)
			}
			if says := strings.Contains(m.describe(english), "big at "); says != (tc.url != "") {
				t.Errorf("described as %q", m.describe(english))
			}
		})
	}
}

func TestABadEngineIsRefused(t *testing.T) {
	c := config.Default()
	c.Engine.URL, c.Engine.Model = "localhost:8081", "big"
	if _, err := openMind(c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "engine.url") {
		t.Errorf("%v", err)
	}
}
