package discord

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"moebot/bot/chat"
	"moebot/session"
)

// Store is what commands read and change of a channel, what was left without an answer,
// and small facts that outlive the process.
type Store interface {
	Load(ctx context.Context, k session.Key) (session.Session, error)
	UpdateTurn(ctx context.Context, k session.Key, turnID string, change func(*session.Turn) error) (session.Turn, error)
	Pending(ctx context.Context) ([]session.Pending, error)
	Hold(ctx context.Context, k session.Key, questionID string) (bool, error)
	Waits(ctx context.Context, k session.Key, questionID string) (bool, error)
	Undo(ctx context.Context, k session.Key) (turns int, err error)
	Forget(ctx context.Context, personID string) (turns int, err error)
	Take(ctx context.Context, name string, size int, every time.Duration) (wait time.Duration, err error)
	Reset(ctx context.Context, k session.Key) error
	SettingsOf(ctx context.Context, keys ...session.Key) ([]session.Settings, error)
	UpdateSettings(ctx context.Context, k session.Key, change func(*session.Settings) error) (session.Settings, error)
	Remember(ctx context.Context, name, value string) error
	Recall(ctx context.Context, name string) (string, error)
}

// Options are what a Bot is told once.
type Options struct {
	Token          string
	APIBase        string            // a REST proxy instead of https://discord.com; may be empty
	Transport      http.RoundTripper // for REST; nil is the usual one, which honours HTTPS_PROXY
	MessageContent bool              // ask for the privileged intent
	CommandGuild   string            // register commands there only; empty is everywhere
	EditInterval   time.Duration
	Policy
	Report func(ctx context.Context, in In) Report
	// Activity tells what happened in a server, or, if that is empty, in all of them,
	// for /stats. It may be nil.
	Activity func(ctx context.Context, server string, s Span) (Activity, error)
	// Measure tells what the model sees of a prompt, for /context, and Trace how an
	// answer came about, for /why and /experts. Status has more lines for /status.
	// They may be nil.
	Measure func(chat.Prompt) chat.Budget
	Trace   func(messageID string) (chat.Trace, bool)
	Status  func(ctx context.Context, in In) []string
	// Elsewhere names the model on another server that makes the answers where settings
	// hold, "" where the one inside the program does. It may be nil.
	Elsewhere func(session.Settings) string
	// Small says that the model inside the program is the small one that comes with it, which
	// seldom follows a persona; who sets one is told.
	Small     bool
	Steering  *Steering     // what /steer needs; nil is a bot without it
	Retention time.Duration // how long a conversation is kept, for /privacy
	RescanAge time.Duration // messages older than this are not answered after a gap; 0 is an hour
	Silence   time.Duration // without an acknowledged heartbeat after which a connection is dead; 0 is 65 s
	// Shard is the part of the servers that this bot is for, and Identify waits until a
	// new session of it may begin; nil waits for nothing.
	Shard    Shard
	Identify func(ctx context.Context) error
	// Homes is shared by the bots of a process; nil is one of the bot's own.
	Homes *Homes
	// After is the bot that had this shard before in this process, closed: what it knows
	// of places holds on. May be nil.
	After *Bot
	// Before runs once, when connected, before the first gap is read: the place to ask
	// what was left unanswered (see TakeUp), so that it finds its place among what was
	// missed. May be nil.
	Before func(ctx context.Context)
	Log    *slog.Logger
}

// Policy is what may change while the bot runs; see SetPolicy.
type Policy struct {
	AnyoneMaySet bool             // who may change how the bot is: everyone, or those who manage the channel
	Defaults     session.Settings // what a channel without settings of its own has
	Banned       map[string]bool  // ids of people who are not answered
	Blocked      []*regexp.Regexp // a message in which one is found is not answered
	MaxLength    int              // characters of a message that are read; 0 is all
	// NoDirectMessages has direct messages not answered.
	NoDirectMessages bool
}

// SetPolicy replaces what was given in Options.
func (b *Bot) SetPolicy(p Policy) { b.policy.Store(&p) }

// defaults are the settings of a channel without its own.
func (b *Bot) defaults() session.Settings { return b.policy.Load().Defaults }

// Bot is a connection to Discord. New, Open, Close.
type Bot struct {
	opt   Options
	chat  *chat.Service
	store Store
	dg    *discordgo.Session
	files *http.Client // for what Discord keeps of attachments
	log   *slog.Logger

	pulse  *pulse
	policy atomic.Pointer[Policy]
	limits atomic.Int64 // answers 429 so far

	ctx    context.Context // ends with Hush or Close
	cancel context.CancelFunc
	mu     sync.Mutex // guards closed, so that nothing begins while Close waits
	closed bool
	before sync.Once
	wg     sync.WaitGroup
	lost   chan struct{} // the connection has ended; holds one
	// leftKnown is closed when Options.Before has returned: what was left is known then, if
	// the store could be read.
	leftKnown chan struct{}

	self    atomic.Pointer[discordgo.User]
	app     atomic.Pointer[string] // id of the application, which old bots do not share
	ready   atomic.Bool
	content atomic.Bool // the MESSAGE_CONTENT intent is on
	opened  atomic.Int64
	trouble atomic.Pointer[string]

	identifies *rate.Limiter // of new sessions with Discord
	seen       *places
	targets    recent[string] // texts of messages asked about: Discord shows them to a menu's command, not to the form that follows
	levels     levels
	told       atomic.Pointer[chan struct{}] // closed when the last change of settings was told to the audit channel
	names      recent[string]                // of people whom lists speak of by their ids
	refers     recent[session.Turn]          // what the last questions reply to, for when they are answered again
	talk       talk
	gaps       atomic.Int64 // READYs so far, each of which ends a gap in the events
	scanning   sync.Mutex   // held by the rescan at work
	endScan    atomic.Pointer[context.CancelFunc]
	doubting   chan struct{} // room for readers of channels not known
}

// New prepares a bot; Open connects it.
func New(c *chat.Service, store Store, o Options) (*Bot, error) {
	dg, err := client(o)
	if err != nil {
		return nil, err
	}
	if o.EditInterval <= 0 {
		o.EditInterval = 1100 * time.Millisecond
	}
	if o.RescanAge <= 0 {
		o.RescanAge = time.Hour
	}
	if o.Silence <= 0 {
		o.Silence = 65 * time.Second // Discord asks for a heartbeat every 41.25 s
	}
	if o.Homes == nil {
		o.Homes = &Homes{}
	}
	dg.ShardID, dg.ShardCount = o.Shard.ID, max(1, o.Shard.Count)
	files := o.Transport // for what lies beside the API: not behind a REST proxy
	if files == nil {
		files = http.DefaultTransport
	}
	// In order, on the reader's goroutine; handlers only hand on. Otherwise discordgo
	// starts a goroutine for each event and loses their order.
	dg.SyncEvents = true
	// Reconnecting is this package's work: discordgo never gives up, not even on a
	// wrong token, and waits up to ten minutes.
	dg.ShouldReconnectOnError = false
	// What it would write past our log comes to us as an error or an event as well.
	dg.LogLevel = discordgo.LogError - 1
	dg.State.TrackMembers, dg.State.TrackPresences, dg.State.TrackVoice, dg.State.TrackEmojis = false, false, false, false
	pulse := &pulse{silence: 2 * o.Silence}
	dg.Dialer = &websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: 20 * time.Second, NetDialContext: pulse.dial}
	noRedirects := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b := &Bot{files: &http.Client{Transport: files, Timeout: requestTime, CheckRedirect: noRedirects}, opt: o, pulse: pulse, chat: c, store: store, dg: dg, log: o.Log, lost: make(chan struct{}, 1), leftKnown: make(chan struct{}), seen: newPlaces(), doubting: make(chan struct{}, scanners),
		identifies: rate.NewLimiter(rate.Every(identifyEvery), identifyBurst)}
	if o.After != nil {
		b.seen = o.After.seen.heir()
		b.opt.After = nil
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.content.Store(o.MessageContent)
	b.SetPolicy(o.Policy)
	b.handlers()
	return b, nil
}

// requestTime bounds one request.
const requestTime = 30 * time.Second

// baseOf reads the address of a REST proxy.
func baseOf(address string) (*url.URL, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("discord.api_base is %q, want an address such as http://127.0.0.1:8081", address)
	}
	return base, nil
}

// rebase sends requests for Discord to another address.
type rebase struct {
	base url.URL
	next http.RoundTripper
}

func newRebase(base *url.URL, next http.RoundTripper) rebase {
	b := *base
	if b.Path == "" {
		b.Path = "/" // or JoinPath makes relative paths
	}
	return rebase{b, next}
}

func (r rebase) RoundTrip(q *http.Request) (*http.Response, error) {
	q = q.Clone(q.Context())
	u := r.base.JoinPath(q.URL.EscapedPath())
	u.RawQuery = q.URL.RawQuery
	q.URL, q.Host = u, ""
	return r.next.RoundTrip(q)
}

// Open connects to Discord and stays connected until Close. It returns an error
// only where trying again is no use: a wrong token, say. Discord being away is
// logged and tried again.
func (b *Bot) Open(ctx context.Context) error {
	if err := b.recallPlaces(ctx); err != nil {
		return err
	}
	if err := b.connect(ctx); err != nil {
		return err
	}
	b.begin(b.keepConnected)
	b.begin(b.watchdog)
	b.begin(b.rememberPlaces)
	return nil
}

// Hush stops taking messages and commands; what is under way goes on.
func (b *Bot) Hush() { b.cancel() }

// Close disconnects. It takes about a second, which discordgo waits.
func (b *Bot) Close() {
	b.cancel()
	// discordgo holds its lock while it connects, for as long as Discord says nothing
	patience := time.AfterFunc(1500*time.Millisecond, b.pulse.cut)
	defer patience.Stop()
	b.dg.Close()
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.wg.Wait()
	b.dg.Close() // a connection that was being made meanwhile
	b.dg.Client.CloseIdleConnections()
	b.files.CloseIdleConnections()
}

// begin runs f on a goroutine that Close waits for; after Close it does nothing.
func (b *Bot) begin(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.wg.Go(f)
	}
}

// Ready reports whether the bot is connected, and if not, why.
func (b *Bot) Ready() (bool, string) {
	if b.ready.Load() {
		return true, ""
	}
	if s := b.trouble.Load(); s != nil {
		return false, *s
	}
	return false, "not connected to Discord yet"
}

// Latency is the time between the last frame sent to the gateway, mostly a
// heartbeat, and the next one received; 0 if there was none yet.
func (b *Bot) Latency() time.Duration { return time.Duration(b.pulse.latency.Load()) }

// Reconnects is how often the connection has been made again.
func (b *Bot) Reconnects() int64 { return max(0, b.opened.Load()-1) }

// rest sends messages of the bot's.
func (b *Bot) rest() rest { return rest{b.dg, &b.limits} }

// RateLimits is how often a request had to wait for Discord's rate limit.
func (b *Bot) RateLimits() int64 { return b.limits.Load() }

// MessageContent reports whether the bot sees messages that are not addressed to it.
func (b *Bot) MessageContent() bool { return b.content.Load() }

// Server is the server of a channel, "" for direct messages and channels not known.
func (b *Bot) Server(channel string) string {
	c, err := b.dg.State.Channel(channel)
	if err != nil {
		return ""
	}
	return c.GuildID
}
