// Package watch shows a training on a web page as it goes on: its curves, the load
// of its experts, and what it answers to the same few prompts, step by step. It reads
// the run's log as it grows, so that a page opened late shows the whole story. It is
// for one's own machine: nothing but loopback is served.
package watch

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

//go:embed page
var files embed.FS

// Server serves the page of one run's directory. It is safe for concurrent use.
type Server struct {
	dir  string
	poll time.Duration // between two looks at the log
}

// New returns a server for the run in dir, whose log need not be there yet.
func New(dir string) *Server { return &Server{dir: dir, poll: 300 * time.Millisecond} }

// Listen opens a loopback address, host:port; a name or address that is not loopback
// is an error.
func Listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("%s: want an address such as 127.0.0.1:7070: %w", addr, err)
	}
	if !loopback(host) {
		return nil, fmt.Errorf("%s: the page is for this machine alone, want 127.0.0.1, [::1] or localhost", addr)
	}
	return net.Listen("tcp", addr)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.IsLoopback()
}

// Serve answers on l until ctx ends, which is no error.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		h.Close() // streams end with ctx, the rest is quick
	})
	err := h.Serve(l)
	if !stop() {
		<-closed
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Handler serves the page at / and the log as server-sent events at /events.
func (s *Server) Handler() http.Handler {
	page, err := fs.Sub(files, "page")
	if err != nil {
		panic("watch: " + err.Error())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(page))
	mux.HandleFunc("GET /events", s.events)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !loopback(host) { // a foreign name that was made to point here
			http.Error(w, "this page is for this machine alone", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// events sends every line of the log as one event, the old ones first, then new ones
// as they are written. A log that is cut or replaced is sent from its start again,
// after an event "restart".
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	flusher := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	t := tail{path: filepath.Join(s.dir, "log.jsonl")}
	defer t.close()
	tick := time.NewTicker(s.poll)
	defer tick.Stop()
	for {
		sent, err := t.next(func(line []byte) error {
			_, err := fmt.Fprintf(w, "data: %s\n\n", line)
			return err
		}, func() error {
			_, err := io.WriteString(w, "event: restart\ndata: {}\n\n")
			return err
		})
		if err != nil {
			return // the reader is gone, or the log is
		}
		if !sent {
			if _, err := io.WriteString(w, ": waiting\n\n"); err != nil {
				return
			}
		}
		if err := flusher.Flush(); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// tail reads a growing file by whole lines.
type tail struct {
	path string
	file *os.File
	at   int64  // bytes read
	part []byte // of a line that has no end yet
}

func (t *tail) close() {
	if t.file != nil {
		t.file.Close()
	}
}

// next gives every whole line since the last call to line. It reports whether there
// were any. A file that is not there has none.
func (t *tail) next(line func([]byte) error, restart func() error) (any bool, err error) {
	info, err := os.Stat(t.path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if t.file != nil {
		if old, err := t.file.Stat(); err != nil || !os.SameFile(old, info) || info.Size() < t.at {
			t.close()
			t.file, t.at, t.part = nil, 0, nil
			if err := restart(); err != nil {
				return false, err
			}
		}
	}
	if t.file == nil {
		if t.file, err = os.Open(t.path); err != nil {
			return false, err
		}
	}
	r := bufio.NewReaderSize(t.file, 1<<16)
	for {
		b, err := r.ReadBytes('\n')
		t.at += int64(len(b))
		t.part = append(t.part, b...)
		if err == io.EOF {
			return any, nil
		}
		if err != nil {
			return any, err
		}
		any = true
		if err := line(bytes.TrimSpace(t.part)); err != nil {
			return any, err
		}
		t.part = t.part[:0]
	}
}
