package jobs

import (
	"context"
	"crypto/rand"
	"log/slog"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/session"
)

// ClientOptions are what a Client is told once; zero values choose.
type ClientOptions struct {
	// Defaults are the settings in force where a prompt has none of its own, so that
	// all workers answer alike. May be nil.
	Defaults func() session.Settings
	// Server tells which server a channel belongs to: servers take turns. Nil is each
	// channel for itself.
	Server   func(channel string) string
	Timeout  time.Duration // of an answer whose context has no deadline; 2 minutes
	MaxQueue int           // jobs in a stream, those being answered too, and waiting here; more are refused; 1000
	Lease    time.Duration // of a worker without a sign of life; the same in all processes; 5 s
	Keys     *session.Keys // seal what is said, in Redis; the workers need them, too. Nil leaves it readable
	Log      *slog.Logger
}

func (o ClientOptions) fill() ClientOptions {
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Minute
	}
	if o.MaxQueue == 0 {
		o.MaxQueue = 1000
	}
	if o.Lease == 0 {
		o.Lease = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// least is the room for jobs that wait with workers while none is known.
const least = 8

// Client is a chat.Generator over the workers. It is safe for concurrent use.
type Client struct {
	rdb  redis.UniversalClient
	opt  ClientOptions
	id   string
	fair *fair

	mu      sync.Mutex
	asked   map[string]*asked // by job
	workers []card            // that live
	lengths int64             // entries of all streams of jobs

	again, silent atomic.Int64 // jobs begun again by another worker; put again by us

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

var _ chat.Generator = (*Client)(nil)

// NewClient returns a client. Close it; rdb stays open.
func NewClient(rdb redis.UniversalClient, o ClientOptions) *Client {
	o = o.fill()
	c := &Client{rdb: rdb, opt: o, id: "gw-" + rand.Text(), fair: newFair(least, o.MaxQueue), asked: map[string]*asked{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.look()
	c.wg.Go(c.listen)
	c.wg.Go(c.watch)
	return c
}

// Close ends the client; no Generate may run any more.
func (c *Client) Close() {
	c.cancel()
	c.wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := c.rdb.Del(ctx, keys.out(c.id)).Err(); err != nil {
		c.opt.Log.Debug("the events of this process stay for Redis to expire", "err", err)
	}
}

// Generate is chat.Generator: a worker's answer. Errors are ErrBusy, ErrPoison,
// ErrVersion, ErrFailed and the context's; with them comes what was said until then.
// While Redis is away it waits for it, as long as ctx allows.
func (c *Client) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	start := time.Now()
	server := p.Key.Channel
	if c.opt.Server != nil {
		if s := c.opt.Server(server); s != "" {
			server = s
		}
	}
	if err := c.fair.acquire(ctx, server); err != nil {
		return chat.Answer{}, err
	}
	release := sync.OnceFunc(c.fair.release)
	defer release()
	a := c.prepare(ctx, p)
	c.mu.Lock()
	c.asked[a.job.id] = a
	c.mu.Unlock()
	answer, err := c.follow(ctx, a, release, emit, start)
	c.drop(a, err == nil)
	if err != nil {
		a.mu.Lock()
		answer = chat.Answer{Text: a.text, Usage: chat.Usage{DecodedTokens: a.tokens}}
		a.mu.Unlock()
	}
	return answer, err
}

// prepare makes a job of a prompt: with all settings that workers read, and a seed, so
// that every attempt is the same.
func (c *Client) prepare(ctx context.Context, p chat.Prompt) *asked {
	if c.opt.Defaults != nil {
		p.Settings = c.opt.Defaults().Merge(p.Settings)
	}
	if p.Settings.Seed == nil {
		seed := mathrand.Uint64N(1 << 63) // an int64, which is what servers of models take
		p.Settings.Seed = &seed
	}
	p.Settings = forWorkers(p.Settings)
	timeout := c.opt.Timeout
	if d, ok := ctx.Deadline(); ok {
		timeout = time.Until(d)
	}
	return &asked{job: job{id: rand.Text(), client: c.id, timeout: timeout, sealed: c.opt.Keys != nil, prompt: p}, news: make(chan struct{}, 1), heard: time.Now()}
}

// forWorkers are the settings that say how an answer is made. The others are the asking
// side's, and those of all levels together may be more than one level may have.
func forWorkers(s session.Settings) (out session.Settings) {
	for _, f := range session.Fields() {
		if f.Group == session.GroupAnswers || f.Name == "engine" || f.Name == "steering" {
			f.Copy(&out, s)
		}
	}
	return out
}

// follow puts the job into a stream and gives its pieces on until its end.
func (c *Client) follow(ctx context.Context, a *asked, release func(), emit func(string) error, start time.Time) (chat.Answer, error) {
	if err := c.submit(ctx, a); err != nil {
		return chat.Answer{}, err
	}
	var first time.Duration
	for {
		events, err := a.next(ctx)
		if err != nil {
			return chat.Answer{}, err
		}
		for _, e := range events {
			switch e.kind {
			case began:
				release()
				if e.attempt > 1 {
					c.again.Add(1)
					c.opt.Log.Info("another worker goes on with an answer", "job", a.job.id, "channel", a.job.prompt.Key.Channel, "attempt", e.attempt, "worker", e.data)
				}
			case piece:
				if first == 0 {
					first = time.Since(start)
				}
				if err := emit(e.data); err != nil {
					return chat.Answer{}, err
				}
			case done:
				answer, err := decodeAnswer(e.data)
				if err != nil {
					return answer, err
				}
				if err := unpack(e.trace, &answer.Trace); err != nil { // the answer is whole without
					answer.Trace = chat.Trace{}
					c.opt.Log.Warn("how an answer came about cannot be read", "job", a.job.id, "err", err)
				}
				if rest, ok := strings.CutPrefix(answer.Text, a.said()); ok && rest != "" { // a failover lost it
					if err := emit(rest); err != nil {
						return chat.Answer{}, err
					}
				}
				if first == 0 {
					first = time.Since(start)
				}
				answer.Usage.TimeToFirstToken = first
				return answer, nil
			case failed:
				if e.data != whyVersion {
					return chat.Answer{}, failure(e.data)
				}
				if err := c.insistOn(ctx, a); err != nil { // an older worker was faster
					return chat.Answer{}, err
				}
			}
		}
	}
}

func failure(why string) error {
	switch why {
	case whyBusy:
		return ErrBusy
	case whyPoison:
		return ErrPoison
	case whyVersion:
		return ErrVersion
	case whyTimeout:
		return context.DeadlineExceeded
	}
	return ErrFailed
}

// drop forgets a job that has ended or is wanted no more, which the worker is told.
func (c *Client) drop(a *asked, ended bool) {
	c.mu.Lock()
	delete(c.asked, a.job.id)
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_, err := c.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, keys.job(c.id, a.job.id)) // what the worker says next finds nobody
		if !ended {
			p.Publish(ctx, keys.stop(), a.job.id)
		}
		return nil
	})
	if err != nil {
		c.opt.Log.Warn("a worker was not told that an answer is over", "job", a.job.id, "err", err)
	}
}

// Forget has all workers drop what they keep of a channel beside the store, or with "" of
// all. Those that do not hear of it drop it when there is no room, or when they end.
func (c *Client) Forget(channel string) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := c.rdb.Publish(ctx, keys.stop(), forgetMark+channel).Err(); err != nil {
		c.opt.Log.Warn("workers were not told to forget a channel", "channel", channel, "err", err)
	}
}
