package playground

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// stream serves a hub and reads lines from it.
func stream(t *testing.T, h *hub) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.serve(r.Context(), w, r.URL.Query().Get("after"))
	}))
	t.Cleanup(server.Close)
	t.Cleanup(h.close)
	return server
}

// read returns the names of n events after a position.
func read(t *testing.T, server *httptest.Server, after string, n int) (names, ids []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", server.URL+"?after="+after, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for len(names) < n && lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			names = append(names, name)
		}
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			ids = append(ids, id)
		}
	}
	return names, ids
}

func TestStreamFollows(t *testing.T) {
	h := newHub("a")
	server := stream(t, h)
	start := h.position()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 5 {
			h.publish(fmt.Sprint("e", i), map[string]int{"i": i})
		}
	}()
	names, ids := read(t, server, start, 5)
	<-done
	if got := strings.Join(names, " "); got != "e0 e1 e2 e3 e4" {
		t.Errorf("got %s", got)
	}
	// A page that lost the connection goes on behind what it saw last.
	names, _ = read(t, server, ids[2], 2)
	if got := strings.Join(names, " "); got != "e3 e4" {
		t.Errorf("after %s: got %s, want e3 e4", ids[2], got)
	}
}

func TestStreamResyncs(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(h *hub) (after string)
	}{
		{"another hub", func(h *hub) string { return "b-3" }},
		{"nonsense", func(h *hub) string { return "a-x" }},
		{"no position", func(h *hub) string { return "" }},
		{"the future", func(h *hub) string { return "a-99" }},
		{"too far behind", func(h *hub) string {
			after := h.position()
			for range ringSize + 1 {
				h.publish("e", 0)
			}
			return after
		}},
		{"changes were missed", func(h *hub) string {
			h.publish("e", 0)
			after := h.position()
			h.skip()
			h.publish("e", 0)
			return after
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHub("a")
			server := stream(t, h)
			after := c.make(h)
			names, _ := read(t, server, after, 1)
			if got := strings.Join(names, " "); got != "resync" {
				t.Errorf("after %q: got %q, want resync", after, got)
			}
		})
	}
}

func TestStreamWholeRing(t *testing.T) {
	h := newHub("a")
	server := stream(t, h)
	for range ringSize + 7 {
		h.publish("early", 0)
	}
	after := h.position()
	for i := range ringSize {
		h.publish(fmt.Sprint("e", i), 0)
	}
	names, _ := read(t, server, after, ringSize)
	if len(names) != ringSize || names[0] != "e0" || names[ringSize-1] != fmt.Sprint("e", ringSize-1) {
		t.Errorf("got %d changes, %s to %s", len(names), names[0], names[len(names)-1])
	}
}

func TestStreamEndsWithHub(t *testing.T) {
	h := newHub("a")
	server := stream(t, h)
	response, err := server.Client().Get(server.URL + "?after=" + h.position())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	h.publish("last", 0)
	h.close()
	h.publish("too late", 0)
	lines := bufio.NewScanner(response.Body)
	var all []string
	for lines.Scan() {
		all = append(all, lines.Text())
	}
	text := strings.Join(all, "\n")
	if strings.Contains(text, "too late") {
		t.Errorf("got %q", text)
	}
}
