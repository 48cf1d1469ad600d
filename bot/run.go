package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"moebot/bot/chat"
	"moebot/bot/config"
	"moebot/bot/discord"
	"moebot/bot/jobs"
	"moebot/session"
	"moebot/session/embedded"
	"moebot/session/redisstore"
)

// Bounds of a stop: answers under way get the first, everything the second.
const (
	finishTime = 7 * time.Second
	stopTime   = 10 * time.Second
)

// service is the parts of a running bot.
type service struct {
	cfg   config.Config
	log   *slog.Logger
	since time.Time
	clock func() time.Time // stamps what is kept; nil is time.Now

	mind  *mind
	local *embedded.Server // nil with a Redis
	store *redisstore.Store
	keys  *session.Keys // seal what is in Redis; may be nil
	chat  *chat.Service
	bots  bots
	play  *playgroundParts // nil with a token

	workers *jobs.Client // in a gateway: who makes the answers
	worker  *jobs.Worker // in a worker

	discord discord.Options    // of every connection
	letGo   context.CancelFunc // in a gateway: lets its gateway shards go

	rules rules

	figures  figures
	activity *activity

	connecting sync.WaitGroup

	mistake atomic.Pointer[string] // why the configuration file does not count; nil if it does
}

// run is the program: what service.run does with a configuration.
func run(ctx context.Context, c config.Config, log *slog.Logger, out io.Writer, again reloads) error {
	return (&service{cfg: c, log: log, since: time.Now()}).run(ctx, out, again)
}

// run builds the parts of the process's role, starts them, and stops them in order when
// ctx ends. Each word of again has the configuration read again; see reload.
func (s *service) run(ctx context.Context, out io.Writer, again reloads) error {
	c := s.cfg
	listener, err := net.Listen("tcp", c.HTTP.Addr)
	if err != nil {
		return fmt.Errorf("http.addr: %w", err)
	}
	defer listener.Close()
	if err := s.openModel(); err != nil {
		return err
	}
	defer s.mind.close()
	collectLess(c.Model.CacheMiB)
	if err := s.openStore(ctx); err != nil {
		return err
	}
	defer s.closeStore()
	s.figures.open(s)
	if c.Roles.Role == "worker" {
		return s.work(ctx, listener, out, again)
	}
	return s.talk(ctx, listener, out, again)
}

// talk is what follows in a process that shows answers.
func (s *service) talk(ctx context.Context, listener net.Listener, out io.Writer, again reloads) error {
	c := s.cfg
	s.rules.set(c.Safety)
	s.activity = newActivity(&s.figures, s.bots.server)
	s.chat = chat.New(forgetful{s.store, s.mind}, s.generator(), chat.Options{QueueLen: c.Reply.QueueLen, Timeout: time.Duration(c.Reply.Timeout), Renew: s.holdTTL() / 3,
		HandOver: c.Roles.Role == "gateway", Busy: tooMany, Rules: &s.rules, Observer: s.activity, Log: s.log})
	if err := s.openDiscord(); err != nil {
		return err
	}
	if s.play != nil {
		defer s.play.close()
	}
	server, served := s.serve(listener)
	if c.Roles.Role == "gateway" {
		var holding context.Context
		holding, s.letGo = context.WithCancel(context.Background())
		defer s.letGo()
		s.connecting.Go(func() { s.holdShards(holding) })
	} else {
		s.connecting.Go(func() { s.connect(ctx) })
	}
	if s.local == nil && s.play == nil { // others may share the Redis
		s.connecting.Go(func() { s.takeOver(ctx, time.Duration(c.Roles.ShardLease)) })
	}
	s.announce(out, listener.Addr())
	keeping, enough := context.WithCancel(context.Background())
	var kept sync.WaitGroup
	kept.Go(func() { s.activity.keep(keeping, s.store, s.log) })

	err := s.stay(ctx, server, served, again)
	enough()
	kept.Wait()
	s.connecting.Wait()
	return err
}

// serve answers at the listener until the server is shut down.
func (s *service) serve(listener net.Listener) (*http.Server, <-chan error) {
	server := &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return server, served
}

// stay runs until ctx ends or something fails, and then stops.
func (s *service) stay(ctx context.Context, server *http.Server, served <-chan error, again reloads) error {
	profiles, err := s.openProfiles()
	watching, enough := context.WithCancel(ctx)
	changed := again.changes(watching)
	now := s.cfg // what the parts read is not changed beside them
	for open := err == nil; open; {
		select {
		case <-ctx.Done():
			open = false
		case err = <-served:
			open = false
		case <-again.signal:
			now = s.reload(again, now)
		case <-changed:
			now = s.reload(again, now)
		}
	}
	enough()
	s.stop(server)
	profiles()
	return err
}

// openModel loads the model.
func (s *service) openModel() (err error) {
	if s.mind, err = openMind(s.cfg, s.log); err != nil {
		return err
	}
	if w := s.mind.template.Warning; w != nil {
		s.log.Warn("ChatML instead of the model's own chat format", "reason", w)
	}
	logWarm(s.cfg, s.log)
	s.log.Info("model ready", "model", s.mind.describe(english), "context_tokens", s.mind.window)
	return nil
}

// holdTTL is how long a question stays in the charge of a process that gives no sign of
// life: not longer than its gateway shards do, so that who gets those gets it, too.
func (s *service) holdTTL() time.Duration { return time.Duration(s.cfg.Roles.ShardLease) * 3 / 4 }

// openStore connects to Redis, or opens the store inside the process.
func (s *service) openStore(ctx context.Context) error {
	o := redisstore.Options{URL: s.cfg.RedisURL.Reveal(), MaxTurns: s.cfg.Session.MaxTurns, TTL: time.Duration(s.cfg.Session.TTL),
		HoldTTL: s.holdTTL(), Now: s.clock, Log: s.log}
	if s.cfg.Token == "" && s.cfg.Roles.Role != "worker" {
		o.Prefix = "mb-playground"
	}
	var err error
	if s.keys, err = session.ParseKeys(s.cfg.SessionKeys.Reveal()); err != nil {
		return fmt.Errorf("MOEBOT_SESSION_KEYS: %w", err)
	}
	o.Keys = s.keys
	if o.URL != "" {
		if s.store, err = redisstore.Open(ctx, o); err != nil {
			return fmt.Errorf("REDIS_URL: %w", err)
		}
		s.logDurability(ctx)
		return nil
	}
	dir := localDir(s.cfg)
	if s.local, err = embedded.Open(ctx, embedded.Options{Dir: dir, Log: s.log}); err != nil {
		return err
	}
	o.Kind, o.Owner, o.Erase = "embedded", "embedded", s.local.Erase // nobody else can use it
	if s.store, err = redisstore.New(s.local.Client(), o); err != nil {
		s.local.Close()
		return err
	}
	s.log.Info("no REDIS_URL: sessions are kept by the embedded store", "file", s.local.Path(), "durability", s.local.Durability())
	return nil
}

func (s *service) logDurability(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	d, err := s.store.Durability(ctx)
	switch {
	case err != nil:
		s.log.Warn("Redis cannot be asked how durable it is; going on, it may come back", "err", err)
	case d.Risky():
		s.log.Warn("sessions are kept by Redis, which may lose them", "kind", s.store.Kind(), "durability", d.String())
	default:
		s.log.Info("sessions are kept by Redis", "kind", s.store.Kind(), "durability", d.String())
	}
}

func (s *service) closeStore() {
	err := s.store.Close()
	if s.local != nil {
		err = errors.Join(err, s.local.Close())
	}
	if err != nil {
		s.log.Error("the store did not close well", "err", err)
	}
}

// openDiscord prepares the bot, for Discord or for the playground's own.
func (s *service) openDiscord() error {
	d := s.cfg.Discord
	o := discord.Options{Token: s.cfg.Token.Reveal(), APIBase: d.APIBase, MessageContent: d.MessageContent, CommandGuild: d.CommandGuild,
		Policy: policy(s.cfg), EditInterval: time.Duration(d.EditInterval), Report: s.report, Activity: s.activityOf, Measure: s.mind.Measure, Trace: s.mind.Trace, Status: s.statusLines, Elsewhere: s.mind.elsewhere.by, Small: s.cfg.Model.File == "",
		Retention: time.Duration(s.cfg.Session.TTL), Before: s.askPending, Homes: &discord.Homes{}, Log: s.log}
	var store discord.Store = forgetful{s.store, s.mind}
	if o.Token == "" {
		var err error
		if s.play, err = openPlayground(s); err != nil {
			return err
		}
		o.Token, o.Transport, o.APIBase, o.CommandGuild = s.play.token, s.play.discord.Transport(), "", ""
		if !s.play.restored {
			o.Before = nil // a new Discord does not know the messages of before
		}
		store = playStore{forgetful{s.store, s.mind}, s.play.keeper}
	}
	var err error
	if o.Steering, err = s.mind.steerable(context.Background()); err != nil { // that is no reason not to answer
		s.log.Warn("there is no /steer: the model cannot be looked into", "err", err)
	}
	s.discord = o
	s.bots.setPolicy(o.Policy)
	if s.cfg.Roles.Role == "gateway" {
		return nil // as many as it gets gateway shards
	}
	bot, err := discord.New(s.chat, store, o)
	if err != nil {
		return err
	}
	s.bots.put(0, bot)
	return nil
}

// connect opens the connection to Discord. If Discord refuses for good, the program
// stays: /readyz says what to do, and a restart in a loop would only use up the day's
// logins.
func (s *service) connect(ctx context.Context) {
	if err := s.bots.all()[0].Open(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("Discord refuses the bot; mend it and start again", "err", err)
	}
}

// announce says where to look.
func (s *service) announce(out io.Writer, addr net.Addr) {
	if s.play == nil {
		fmt.Fprintf(out, "moebot is connecting to Discord; health at http://%s/readyz\n", addr)
		return
	}
	fmt.Fprintf(out, "No DISCORD_TOKEN, so here is a Discord of your own, with moebot in it:\n\n    http://%s/\n\n", addr)
}

// stop ends the parts: intake first, then the answers under way, then the rest.
func (s *service) stop(server *http.Server) {
	s.log.Info("stopping")
	all, cancelAll := context.WithTimeout(context.Background(), stopTime)
	defer cancelAll()
	answers, cancel := context.WithTimeout(all, finishTime)
	if s.worker != nil {
		s.worker.Close(answers)
	} else {
		s.bots.hush()
		s.chat.Close(answers)
	}
	cancel()
	if s.letGo != nil {
		s.letGo()
		s.connecting.Wait()
		s.workers.Close()
	}
	for _, bot := range s.bots.all() {
		bot.Close()
	}
	if s.play != nil {
		s.play.page.Close() // its streams would hold the server open
	}
	if err := server.Shutdown(all); err != nil {
		server.Close()
	}
}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", s.readyz)
	if s.cfg.HTTP.Metrics {
		mux.Handle("GET /metrics", s.figures.handler())
	}
	if s.play != nil {
		mux.Handle("/", s.play.page)
	}
	return mux
}

// readyz answers 200 if the bot can take questions, else 503, and names what is wrong.
func (s *service) readyz(w http.ResponseWriter, r *http.Request) {
	state := map[string]string{"discord": "ok", "store": "ok"}
	status := http.StatusOK
	if s.worker != nil {
		delete(state, "discord")
	} else if ok, why := s.bots.ready(); !ok {
		state["discord"], status = why, http.StatusServiceUnavailable
	}
	if s.workers != nil { // without one questions wait; that is no reason to take the gateway away
		state["workers"] = strconv.Itoa(s.workers.Stats().Workers)
	}
	if s.worker != nil && !s.worker.Ready() {
		state["jobs"], status = "Redis has not heard of this worker lately", http.StatusServiceUnavailable
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	if _, err := s.store.Ping(ctx); err != nil {
		state["store"], status = "the session store does not answer: is Redis running at REDIS_URL?", http.StatusServiceUnavailable
		if !errors.Is(err, session.ErrUnavailable) && r.Context().Err() == nil {
			s.log.Warn("the session store is not well", "err", err)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(state) // the asker may be gone
}
