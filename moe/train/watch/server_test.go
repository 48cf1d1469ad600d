package watch

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEventsTellTheLogAsItGrows(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log.jsonl")
	s := New(dir)
	s.poll = 5 * time.Millisecond
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type is %q", got)
	}
	lines := bufio.NewScanner(res.Body)
	next := func() string {
		for lines.Scan() {
			if text := lines.Text(); text != "" && text[0] != ':' {
				return text
			}
		}
		t.Fatalf("the stream ends: %v", lines.Err())
		return ""
	}
	// the log appears after the page, and its second line in two parts
	appendTo(t, log, "{\"step\":1}\n{\"st")
	if got := next(); got != `data: {"step":1}` {
		t.Errorf("first event is %q", got)
	}
	appendTo(t, log, "ep\":2}\n")
	if got := next(); got != `data: {"step":2}` {
		t.Errorf("second event is %q", got)
	}
	// another run takes the place of the log
	other := filepath.Join(dir, "other")
	appendTo(t, other, "{\"step\":0}\n")
	if err := os.Rename(other, log); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"event: restart", "data: {}", `data: {"step":0}`} {
		if got := next(); got != want {
			t.Errorf("after the log was replaced: %q, want %q", got, want)
		}
	}
}

func TestOnlyLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "example.com:80", ":7070", "7070", "192.0.2.1:80"} {
		if l, err := Listen(addr); err == nil {
			l.Close()
			t.Errorf("%s is listened on", addr)
		}
	}
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- New(t.TempDir()).Serve(ctx, l) }()
	get := func(path, host string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			req.Host = host
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	if status, body := get("/", ""); status != 200 || !strings.Contains(body, "watch.js") {
		t.Errorf("the page: %d %.80q", status, body)
	}
	for _, host := range []string{"evil.example", "evil.example:80"} {
		if status, _ := get("/events", host); status != http.StatusForbidden {
			t.Errorf("host %s: status %d", host, status)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("an ended server: %v", err)
	}
}

// Nothing of the page comes from elsewhere.
func TestPageIsWhole(t *testing.T) {
	for _, name := range []string{"index.html", "watch.css", "watch.js"} {
		b, err := files.ReadFile("page/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "://") || strings.Contains(string(b), "innerHTML") {
			t.Errorf("%s names another place, or writes HTML", name)
		}
	}
}
