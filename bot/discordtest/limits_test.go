package discordtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/discordtest"
)

func TestRateLimitHeaders(t *testing.T) {
	t.Parallel()
	clock := discordtest.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	w := newWorld(t, discordtest.Options{Clock: clock})
	other := w.AddChannel(w.guild.ID, "other")
	send := func(channel string) (int, http.Header, []byte) {
		return w.request(t, "POST", "/channels/"+channel+"/messages", "application/json", []byte(`{"content":"x"}`))
	}
	for i := range 5 {
		clock.Advance(100 * time.Millisecond)
		status, h, _ := send(w.channel.ID)
		if status != 200 || h.Get("X-RateLimit-Limit") != "5" || h.Get("X-RateLimit-Remaining") != strconv.Itoa(4-i) {
			t.Fatalf("request %d: %d %v", i, status, h)
		}
		if got, want := h.Get("X-RateLimit-Reset-After"), strconv.FormatFloat(5-0.1*float64(i), 'f', 3, 64); got != want {
			t.Errorf("request %d: reset after %s, want %s", i, got, want)
		}
	}
	status, h, body := send(w.channel.ID)
	var limited struct {
		Message    string
		RetryAfter float64 `json:"retry_after"`
		Global     bool
	}
	if err := json.Unmarshal(body, &limited); err != nil {
		t.Fatal(err)
	}
	if status != 429 || h.Get("Retry-After") != "5" || h.Get("X-RateLimit-Scope") != "user" || h.Get("X-RateLimit-Global") != "" ||
		limited.RetryAfter != 4.6 || limited.Global || limited.Message != "You are being rate limited." {
		t.Errorf("%d %v %s", status, h, body)
	}
	if status, _, _ := send(other.ID); status != 200 {
		t.Errorf("other channel: %d, want a bucket of its own", status)
	}
	clock.Advance(4600 * time.Millisecond)
	if status, _, _ := send(w.channel.ID); status != 200 {
		t.Errorf("after the reset: %d", status)
	}
	if n := w.InvalidRequests(); n != 1 {
		t.Errorf("%d invalid requests", n)
	}
}

func TestGlobalLimit(t *testing.T) {
	t.Parallel()
	clock := discordtest.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	w := newWorld(t, discordtest.Options{Clock: clock, Limits: discordtest.Limits{Global: 3}})
	for range 3 {
		if status, _, _ := w.request(t, "GET", "/users/@me", "", nil); status != 200 {
			t.Fatal(status)
		}
	}
	status, h, body := w.request(t, "GET", "/users/@me", "", nil)
	if status != 429 || h.Get("X-RateLimit-Global") != "true" || h.Get("X-RateLimit-Scope") != "global" {
		t.Errorf("%d %v %s", status, h, body)
	}
	// Interaction endpoints do not count.
	if status, _, _ = w.request(t, "POST", "/interactions/1/x/callback", "application/json", []byte(`{"type":4}`)); status != 404 {
		t.Errorf("interaction endpoint: %d", status)
	}
}

// TestDiscordgoObeys sends more than the limit: discordgo reads the headers and waits instead of running into 429.
func TestDiscordgoObeys(t *testing.T) {
	t.Parallel()
	const route = "POST /channels/{channel}/messages"
	w := newWorld(t, discordtest.Options{Limits: discordtest.Limits{Routes: map[string]discordtest.Limit{route: {Requests: 3, Per: 300 * time.Millisecond}}}})
	dg := w.client(t)
	for range 7 {
		if _, err := dg.ChannelMessageSend(w.channel.ID, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if r := w.Requests()[route]; r.Status[200] != 7 || r.Status[429] != 0 {
		t.Errorf("requests %+v, want 7 and no 429", r)
	}
}

func TestRESTFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{Limits: unlimited})
	dg := w.client(t)
	const route = "/channels/{channel}/messages"
	send := func(options ...discordgo.RequestOption) error {
		_, err := dg.ChannelMessageSend(w.channel.ID, "x", options...)
		return err
	}
	w.Faults().REST(discordtest.RESTFault{Method: "POST", Route: route, Count: 1, Status: 429, RetryAfter: 70 * time.Millisecond})
	var limited *discordgo.RateLimitError
	if err := send(discordgo.WithRetryOnRatelimit(false)); !errors.As(err, &limited) || limited.RetryAfter != 70*time.Millisecond {
		t.Errorf("429: %v", err)
	}
	w.Faults().REST(discordtest.RESTFault{Count: 1, Status: 503})
	var rest *discordgo.RESTError
	if err := send(); !errors.As(err, &rest) || rest.Response.StatusCode != 503 {
		t.Errorf("503: %v", err)
	}
	w.Faults().REST(discordtest.RESTFault{Route: route, Count: 1, HangUp: true})
	if err := send(); err == nil {
		t.Error("no error from a closed connection")
	}
	if n := len(w.Messages(w.channel.ID)); n != 0 {
		t.Errorf("%d messages after three failures", n)
	}
	w.Faults().REST(discordtest.RESTFault{Route: route, Count: 1, LoseAnswer: true})
	if err := send(); err == nil {
		t.Error("no error from a lost answer")
	}
	if n := len(w.Messages(w.channel.ID)); n != 1 {
		t.Errorf("%d messages after a lost answer, want 1", n)
	}
	lift := w.Faults().REST(discordtest.RESTFault{Route: route, Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := send(discordgo.WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("slow request: %v", err)
	}
	lift()
	if err := send(); err != nil {
		t.Errorf("after the fault was lifted: %v", err)
	}
	w.Faults().REST(discordtest.RESTFault{Status: 500})
	w.Faults().Clear()
	if err := send(); err != nil {
		t.Errorf("after clear: %v", err)
	}
}

func TestTransportStaysHome(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	client := http.Client{Transport: w.Transport()}
	if resp, err := client.Get("https://example.com/"); err == nil {
		resp.Body.Close()
		t.Error("a request left the machine")
	}
	if err := discordtest.New(discordtest.Options{}).Start("0.0.0.0:0"); err == nil {
		t.Error("it listens on all interfaces")
	}
}
