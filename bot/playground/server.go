package playground

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
)

//go:embed page
var files embed.FS

// Tracer tells how the tokens of a reply came about. It is asked with the id of the message that shows the reply
// (of any of them, where it was split), and answers false when nothing was recorded. Safe for concurrent use.
type Tracer interface {
	Trace(messageID string) (chat.Trace, bool)
}

// Notice is one fact that the page shows in the line below the channel's name: which store is in use and where it
// keeps its file, the model's name and version.
type Notice struct {
	Label string `json:"label"`
	Text  string `json:"text"`
	// Chinese is Text for a page in Chinese; empty if it is the same.
	Chinese string `json:"zh,omitempty"`
	// Warning marks what a person should do something about.
	Warning bool `json:"warning,omitempty"`
}

// Options are what the page needs beside the local Discord. The zero value is a page without notices and panel.
type Options struct {
	Notices []Notice
	Tracer  Tracer
	// Lab serves what the panel needs to look into the model and to change it, below
	// "/"; see bot/lab. Nil is a page without it.
	Lab http.Handler
	// Hosts are names under which the page may be reached beside localhost and address literals.
	Hosts []string
	Log   *slog.Logger // nil discards
}

// Server is the page of one local Discord. Make it with New; Close it before the http.Server that carries it is
// shut down, since its streams end only then.
type Server struct {
	discord *discordtest.Server
	options Options
	log     *slog.Logger
	hub     *hub
	handler http.Handler
	stop    func()
	done    sync.WaitGroup
}

// New makes the page of a local Discord and begins to follow it. Close ends that.
func New(discord *discordtest.Server, options Options) *Server {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Notices == nil {
		options.Notices = []Notice{}
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{discord: discord, options: options, log: options.Log, hub: newHub(rand.Text()), stop: stop}
	s.handler = s.routes()
	events := discord.Subscribe(ctx)
	s.done.Go(func() { s.follow(ctx, events) })
	return s
}

// ServeHTTP serves the page and its API below "/".
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close ends the streams of all pages and waits for the goroutine that follows the local Discord. The page
// itself is served on, without news.
func (s *Server) Close() {
	s.stop()
	s.hub.close()
	s.done.Wait()
}

// Traced tells the pages that the trace of a message's reply can be read now. Without it a page that shows the
// panel asks a few times after the last edit.
func (s *Server) Traced(messageID string) {
	s.hub.publish("trace", map[string]string{"message": messageID})
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/state", s.getState)
	mux.HandleFunc("GET /api/messages", s.getMessages)
	mux.HandleFunc("GET /api/commands", s.getCommands)
	mux.HandleFunc("GET /api/events", s.getEvents)
	mux.HandleFunc("GET /api/trace", s.getTrace)
	mux.HandleFunc("GET /api/file", s.getFile)
	mux.HandleFunc("POST /api/send", act(s.send))
	mux.HandleFunc("POST /api/edit", act(s.edit))
	mux.HandleFunc("POST /api/delete", act(s.remove))
	mux.HandleFunc("POST /api/typing", act(s.typing))
	mux.HandleFunc("POST /api/command", act(s.command))
	mux.HandleFunc("POST /api/complete", act(s.complete))
	mux.HandleFunc("POST /api/click", act(s.click))
	mux.HandleFunc("POST /api/menu", act(s.menu))
	mux.HandleFunc("POST /api/submit", act(s.submit))
	mux.HandleFunc("POST /api/dm", act(s.dm))
	mux.HandleFunc("POST /api/thread", act(s.thread))
	mux.HandleFunc("POST /api/person", act(s.person))
	if s.options.Lab != nil {
		mux.Handle("/api/lab/", http.StripPrefix("/api/lab", s.options.Lab))
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) { fail(w, http.StatusNotFound, "There is nothing here.") })
	mux.Handle("/", staticFiles())
	return guard(s.options.Hosts, mux)
}

// staticFiles serves the embedded page. Files carry a hash as entity tag, so that a browser asks again each time
// and rarely has to load.
func staticFiles() http.Handler {
	type file struct {
		body      []byte
		kind, tag string
	}
	all := map[string]file{}
	page, err := fs.Sub(files, "page")
	if err != nil {
		panic("playground: " + err.Error())
	}
	err = fs.WalkDir(page, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(page, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		all["/"+name] = file{body, contentType(name), `"` + hex.EncodeToString(sum[:8]) + `"`}
		return nil
	})
	if err != nil {
		panic("playground: " + err.Error())
	}
	all["/"] = all["/index.html"]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		f, ok := all[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", f.kind)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", f.tag)
		if strings.Contains(r.Header.Get("If-None-Match"), f.tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if r.Method == http.MethodHead {
			return
		}
		// The browser went away; there is nobody to tell.
		_, _ = w.Write(f.body)
	})
}

// contentType names the type by the ending; the table of the machine must not decide it.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// reply writes a JSON document.
func reply(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic("playground: answer does not marshal: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The browser went away; there is nobody to tell.
	_, _ = w.Write(append(body, '\n'))
}

// fail answers with one calm sentence.
func fail(w http.ResponseWriter, status int, text string) {
	reply(w, status, map[string]any{"error": text})
}
