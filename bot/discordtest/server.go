package discordtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Options says what Discord knows of the application, and how this Discord behaves. The zero value works.
type Options struct {
	Token         string // of the bot, without "Bot "; empty: DefaultToken
	ApplicationID string // of the application and of its bot user; empty: made up
	Name          string // of the bot user; empty: "moebot"

	// Denied are the privileged intents not switched on for the application. To ask for one closes the
	// gateway with 4014.
	Denied Intents

	// Shards and MaxConcurrency are what GET /gateway/bot recommends; 0: 1. With
	// MaxConcurrency set, more IDENTIFYs than it allows get op 9.
	Shards, MaxConcurrency int

	// Locale is the language of people's clients for whom Speak sets none, told with each
	// interaction; empty: en-US.
	Locale string

	Clock     Clock         // nil: the computer's
	Heartbeat time.Duration // between heartbeats; 0: 41.25 s as Discord's
	Limits    Limits        // zero: as Discord's
	Replay    int           // events kept per gateway session for RESUME; 0: 10,000
	History   int           // messages kept per channel, and, times 128, pings; 0: all
	Seed      uint64        // of the faults' chances
	Log       *slog.Logger  // nil: silent
}

// DefaultToken is the bot token where Options name none.
const DefaultToken = "discordtest.bot.token"

// Server is one Discord with one application.
type Server struct {
	opts   Options
	clock  Clock
	log    *slog.Logger
	faults *Faults
	limits *limiter
	stats  *statistics

	mu           sync.Mutex // guards all that follows; held for microseconds only
	lastID       uint64
	bot          *User
	users        map[string]*User  // replaced, not changed
	locales      map[string]string // by user, of those for whom Speak was called
	guilds       map[string]*guild
	channels     map[string]*channel
	dms          map[string]*channel // by the user's id
	commands     map[string]*Command // global ones
	forAll       map[string]bool     // commands that everybody is offered; see LetEverybody
	creates      dailyCount
	interactions map[string]*Interaction
	tokens       map[string]*Interaction // by token
	files        map[string]*Attachment  // by id
	pings        []Ping
	sessions     map[string]*session // of the gateway, by id
	conns        map[*conn]bool
	identifies   int               // IDENTIFYs so far
	identified   map[int]time.Time // when the last of each rate limit key was, real time
	tooSoon      int               // IDENTIFYs refused for that
	subscribers  map[*subscriber]bool
	position     uint64
	timers       map[*timer]bool
	closed       bool

	done     chan struct{}  // closed by Close
	running  sync.WaitGroup // goroutines of ours
	listener net.Listener
	http     *http.Server
	client   *http.Transport // shared by all Transports
}

// New returns an empty Discord that does not listen yet; everything of the Go API works before Start.
func New(o Options) *Server {
	o.Token = cmp.Or(o.Token, DefaultToken)
	o.Name = cmp.Or(o.Name, "moebot")
	o.Heartbeat = cmp.Or(o.Heartbeat, 41250*time.Millisecond)
	o.Replay = cmp.Or(o.Replay, 10000)
	s := &Server{
		opts: o, clock: o.Clock, log: o.Log,
		users: make(map[string]*User), locales: make(map[string]string), guilds: make(map[string]*guild), channels: make(map[string]*channel),
		dms: make(map[string]*channel), commands: make(map[string]*Command),
		interactions: make(map[string]*Interaction), tokens: make(map[string]*Interaction),
		files: make(map[string]*Attachment), sessions: make(map[string]*session), conns: make(map[*conn]bool),
		subscribers: make(map[*subscriber]bool), timers: make(map[*timer]bool), identified: make(map[int]time.Time),
		done:   make(chan struct{}),
		client: &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute},
	}
	if s.clock == nil {
		s.clock = systemClock{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.faults = newFaults(s, o.Seed)
	s.limits = newLimiter(o.Limits, s.clock)
	s.stats = &statistics{routes: make(map[string]RouteStats)}
	if o.ApplicationID == "" {
		o.ApplicationID = s.newID()
	}
	s.bot = &User{ID: o.ApplicationID, Name: o.Name, Bot: true, Tag: "0001"}
	s.users[s.bot.ID] = s.bot
	return s
}

// Start listens on a loopback address such as "127.0.0.1:0", which is also what an empty one means.
func (s *Server) Start(addr string) error {
	addr = cmp.Or(addr, "127.0.0.1:0")
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("discordtest: address %q: %w", addr, err)
	}
	// It checks no more than a bot token and lets a person be anybody: not for other machines.
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("discordtest: address %q is not on the loopback interface", addr)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.listener != nil {
		return errors.New("discordtest: started twice, or closed")
	}
	s.listener, err = net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("discordtest: listen: %w", err)
	}
	s.http = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("discordtest stopped serving", "err", err)
		}
	}()
	return nil
}

// Close ends all connections and subscriptions and waits for every goroutine. What is stored can still be
// read. A second call does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	for t := range maps.Clone(s.timers) {
		t.cancel()
	}
	for c := range s.conns {
		c.tcp.Close()
	}
	server := s.http
	s.mu.Unlock()
	var err error
	if server != nil {
		err = server.Close()
	}
	s.running.Wait()
	s.client.CloseIdleConnections()
	return err
}

// address is where it listens; Start was called.
func (s *Server) address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		panic("discordtest: asked for an address before Start")
	}
	return s.listener.Addr().String()
}

// URL is the base of REST and CDN, such as "http://127.0.0.1:41234". Panics before Start.
func (s *Server) URL() string { return "http://" + s.address() }

// GatewayURL is what GET /gateway answers, such as "ws://127.0.0.1:41234". Panics before Start.
func (s *Server) GatewayURL() string { return "ws://" + s.address() }

// Token is the bot's, as discordgo.New wants it behind "Bot ".
func (s *Server) Token() string { return s.opts.Token }

// Faults are the switches for misbehaviour.
func (s *Server) Faults() *Faults { return s.faults }

// discordHosts are those the transport sends to the fake. Documentation: reference.mdx, "API Reference",
// "Image Formatting".
var discordHosts = []string{"discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com",
	"cdn.discordapp.com", "media.discordapp.net"}

// Transport sends requests for Discord's hosts, and for the server's own address, to the server. For any
// other host it fails: nothing leaves the machine.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	at := t.server.address()
	if r.URL.Host != at && !slices.Contains(discordHosts, r.URL.Hostname()) {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, fmt.Errorf("discordtest: no request may go to %s", r.URL.Host)
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = "http", at, ""
	return t.server.client.RoundTrip(r)
}

// CloseIdleConnections serves http.Client's method of that name.
func (t transport) CloseIdleConnections() { t.server.client.CloseIdleConnections() }

// timer is a call of the clock that Close can take back.
type timer struct {
	server *Server
	stop   func() bool
}

// after calls f with s.mu held once d has passed on the clock, unless the timer is cancelled or the server
// closed before. s.mu is held.
func (s *Server) after(d time.Duration, f func()) *timer { return s.afterOn(s.clock, d, f) }

func (s *Server) afterOn(clock Clock, d time.Duration, f func()) *timer {
	t := &timer{server: s}
	if s.closed {
		return t
	}
	s.timers[t] = true
	s.running.Add(1)
	t.stop = clock.AfterFunc(d, func() {
		defer s.running.Done()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.timers[t] {
			delete(s.timers, t)
			f()
		}
	})
	return t
}

// afterReal is after by the computer's clock, for what depends on sockets.
func (s *Server) afterReal(d time.Duration, f func()) *timer {
	return s.afterOn(systemClock{}, d, f)
}

// cancel keeps the timer's function from being called. s.mu is held. Nil timers are none.
func (t *timer) cancel() {
	if t == nil || !t.server.timers[t] {
		return
	}
	delete(t.server.timers, t)
	if t.stop() {
		t.server.running.Done()
	}
}

// sleep waits for d of real time; false when the context or the server ended first.
func (s *Server) sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-s.done:
	}
	return false
}

func compareIDs(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return cmp.Compare(a, b)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
