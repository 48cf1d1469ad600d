package discordtest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// apiVersions are served alike; what is written here is v9, which discordgo speaks. Documentation:
// reference.mdx, "API Versioning".
var apiVersions = []string{"v9", "v10"}

// access says what a route asks for.
type access int

const (
	botToken         access = iota // Authorization: Bot TOKEN
	anybody                        // nothing
	interactionToken               // the token in the path; the global limit does not count
)

// call is one REST request.
type call struct {
	server      *Server
	r           *http.Request
	contentType string
	body        []byte
}

// path is a part of the path by its name in the route.
func (c *call) path(name string) string { return c.r.PathValue(name) }

// parse reads the body into v and returns the files.
func (c *call) parse(v any) ([]upload, error) { return parseBody(c.contentType, c.body, v) }

// answer is what a handler returns: a status and what becomes the JSON body; nil for none.
type answer struct {
	status int
	body   any
}

func ok(body any) answer { return answer{http.StatusOK, body} }

var noContent = answer{http.StatusNoContent, nil}

type handler func(*call) (answer, error)

// handler is everything behind the address: REST, CDN and gateway.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, a access, h handler) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /api/{version}"+path, func(w http.ResponseWriter, r *http.Request) {
			s.serveREST(w, r, method, path, a, h)
		})
	}
	s.messageRoutes(route)
	s.channelRoutes(route)
	s.guildRoutes(route)
	s.userRoutes(route)
	s.applicationRoutes(route)
	s.interactionRoutes(route)
	mux.HandleFunc("GET /attachments/{channel}/{attachment}/{name}", s.serveFile)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			s.serveGateway(w, r)
			return
		}
		s.log.Warn("discordtest has no such route", "method", r.Method, "path", r.URL.Path)
		s.stats.count(r.Method+" (unknown)", http.StatusNotFound)
		writeError(w, ErrNotFound)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			panic(http.ErrAbortHandler)
		}
		defer s.running.Done()
		mux.ServeHTTP(w, r)
	})
}

// enter counts a request that Close waits for; false when it is too late.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// serveREST answers one request: faults, authorization, rate limit, body, handler.
func (s *Server) serveREST(w http.ResponseWriter, r *http.Request, method, path string, a access, h handler) {
	route := method + " " + path
	fault, struck := s.faults.strike(method, path, r.URL.Path)
	if struck && fault.Delay > 0 && !s.sleep(r.Context(), fault.Delay) {
		s.stats.count(route, 0)
		panic(http.ErrAbortHandler)
	}
	if struck && fault.HangUp {
		s.stats.count(route, 0)
		panic(http.ErrAbortHandler)
	}
	if struck && fault.Status != 0 {
		s.stats.count(route, fault.Status)
		writeFault(w, fault)
		return
	}
	status, body := s.handleREST(w.Header(), r, route, a, h)
	if struck && fault.LoseAnswer {
		s.stats.count(route, 0)
		panic(http.ErrAbortHandler)
	}
	s.stats.count(route, status)
	writeJSON(w, status, body)
}

// handleREST decides what to answer; it writes only headers.
func (s *Server) handleREST(header http.Header, r *http.Request, route string, a access, h handler) (int, any) {
	if !slices.Contains(apiVersions, r.PathValue("version")) {
		return http.StatusBadRequest, &Error{Status: http.StatusBadRequest, Code: 50041, Message: "Invalid API version provided"}
	}
	// Documentation: reference.mdx, "Authentication".
	if a == botToken && r.Header.Get("Authorization") != "Bot "+s.opts.Token {
		return http.StatusUnauthorized, ErrUnauthorized
	}
	if refused := s.limits.admit(header, route, majorParameter(r), a == interactionToken); refused != nil {
		tellRefusal(header, refused)
		return http.StatusTooManyRequests, refused.body()
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxRequest))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return ErrEntityTooLarge.Status, ErrEntityTooLarge
		}
		return http.StatusBadRequest, ErrInvalidForm
	}
	out, err := h(&call{server: s, r: r, contentType: r.Header.Get("Content-Type"), body: body})
	if err != nil {
		var refusal *Error
		if !errors.As(err, &refusal) {
			refusal = &Error{Status: http.StatusInternalServerError, Message: err.Error()}
		}
		if refusal.RetryAfter > 0 {
			header.Set("Retry-After", wholeSeconds(refusal.RetryAfter))
		}
		return refusal.Status, refusal
	}
	return out.status, out.body
}

// majorParameter is the part of the path by which buckets are told apart. Documentation:
// topics/rate-limits.mdx: channels, guilds, webhooks by id and token.
func majorParameter(r *http.Request) string {
	for _, name := range []string{"channel", "guild", "token"} {
		if v := r.PathValue(name); v != "" {
			return v
		}
	}
	return ""
}

// tellRefusal writes the headers of a 429. Documentation: topics/rate-limits.mdx, "Header Format", "Exceeding A
// Rate Limit". Retry-After is whole seconds, rounded up.
func tellRefusal(h http.Header, r *refusal) {
	h.Set("Retry-After", wholeSeconds(r.after))
	h.Set("X-RateLimit-Scope", r.scope)
	if r.global {
		h.Set("X-RateLimit-Global", "true")
		h.Set("X-RateLimit-Reset-After", seconds(r.after))
	}
}

// wholeSeconds rounds up.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

func (r *refusal) body() any {
	return map[string]any{"message": "You are being rate limited.", "retry_after": roundedSeconds(r.after), "global": r.global}
}

// writeFault is an answer on demand.
func writeFault(w http.ResponseWriter, f RESTFault) {
	switch {
	case f.Status == http.StatusTooManyRequests:
		r := &refusal{after: f.RetryAfter, global: f.Global, scope: "shared"}
		if f.Global {
			r.scope = "global"
		}
		tellRefusal(w.Header(), r)
		writeJSON(w, f.Status, r.body())
	case f.Status >= 500:
		// Such answers come from in front of Discord and are no JSON (observed).
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		io.WriteString(w, "<html><body>"+http.StatusText(f.Status)+"</body></html>")
	default:
		writeJSON(w, f.Status, &Error{Message: strconv.Itoa(f.Status) + ": " + http.StatusText(f.Status)})
	}
}

func writeError(w http.ResponseWriter, e *Error) { writeJSON(w, e.Status, e) }

func writeJSON(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	data, err := json.Marshal(body)
	if err != nil {
		panic("discordtest: answer does not marshal: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(data)
}

// router adds a route; paths are as Requests names them.
type router func(pattern string, a access, h handler)

// locked runs a handler with s.mu held.
func (s *Server) locked(h handler) handler {
	return func(c *call) (answer, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return h(c)
	}
}

// query reads a number from the query, bounded; without when it is missing.
func (c *call) query(name string, without, lo, hi int, f *form) int {
	text := c.r.URL.Query().Get(name)
	if text == "" {
		return without
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < lo || n > hi {
		f.add(name, "NUMBER_TYPE_MAX", "int value should be between %d and %d.", lo, hi)
	}
	return n
}
