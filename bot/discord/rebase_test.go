package discord

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bwmarrin/discordgo"
)

// discord.api_base sends REST requests to a proxy, with its path before ours.
func TestAPIBase(t *testing.T) {
	var asked string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.RequestURI + " at " + r.Host
		w.Write([]byte("[]"))
	}))
	defer proxy.Close()
	host := strings.TrimPrefix(proxy.URL, "http://")
	for base, want := range map[string]string{
		"":                "GET /api/v9/channels/7/messages?after=5&limit=9 at " + host,
		"/":               "GET /api/v9/channels/7/messages?after=5&limit=9 at " + host,
		"/to/discord.com": "GET /to/discord.com/api/v9/channels/7/messages?after=5&limit=9 at " + host,
	} {
		b, err := New(nil, nil, Options{Token: "x", APIBase: proxy.URL + base})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.dg.ChannelMessages("7", 9, "", "5", "", discordgo.WithContext(context.Background())); err != nil {
			t.Error(err)
		}
		if asked != want {
			t.Errorf("with %q it asks %q, want %q", base, asked, want)
		}
		b.dg.Client.CloseIdleConnections()
	}
	for _, base := range []string{"discord.example", "://", "/only/a/path", "ftp://host"} {
		if _, err := New(nil, nil, Options{Token: "x", APIBase: base}); err == nil || !strings.Contains(err.Error(), "discord.api_base") {
			t.Errorf("with %q there is the error %v", base, err)
		}
	}
}
