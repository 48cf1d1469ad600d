package jobs

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/session/redisstore"
)

// submit puts the job into a stream, trying again while Redis is away.
func (c *Client) submit(ctx context.Context, a *asked) error {
	text, err := a.job.encode(c.opt.Keys)
	if err != nil {
		return err
	}
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := c.put(ctx, a, text)
		if err == nil || errors.Is(err, ErrBusy) {
			return err
		}
		var refused redis.Error
		if errors.As(err, &refused) && !redisstore.Passing(refused) {
			return fmt.Errorf("put a job: %v", err)
		}
		c.opt.Log.Warn("a job could not be handed to the workers; trying again", "job", a.job.id, "err", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// againTime is how long after an older worker refused a job it is put again.
const againTime = 50 * time.Millisecond

// insistOn puts a job that an older worker refused to read into the stream of one that
// reads it, where it may be too slow again if that one is busy. ErrVersion is that none
// such lives, for the time of a lease.
func (c *Client) insistOn(ctx context.Context, a *asked) error {
	for end := time.Now().Add(c.opt.Lease); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(againTime):
		}
		if c.capable(a.job) {
			a.mu.Lock()
			a.picky = true
			a.mu.Unlock()
			return c.submit(ctx, a)
		}
		if time.Now().After(end) {
			return ErrVersion
		}
	}
}

// capable reports whether a worker lives that reads a job.
func (c *Client) capable(j job) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.workers, func(w card) bool { return w.Version >= j.version() })
}

// put does it once. The job's own key comes first: a worker that finds none takes the
// job for one that nobody wants. If the job was put before, after all, only one of its
// entries is begun.
func (c *Client) put(ctx context.Context, a *asked, text string) error {
	a.mu.Lock()
	attempt, said, tokens, picky, gone := a.attempt, a.text, a.tokens, a.picky, a.gone
	a.mu.Unlock()
	if a.job.sealed && said != "" {
		said = sealPiece(c.opt.Keys, a.job.id, said)
	}
	err := putScript.Run(ctx, c.rdb, []string{keys.job(c.id, a.job.id)}, attempt, said, tokens, (a.job.timeout + spare).Milliseconds(), gone).Err()
	if err != nil {
		return err
	}
	worker := c.choose(a, picky)
	for {
		stream, lease := keys.any(), keys.any()
		if worker != "" {
			stream, lease = keys.to(worker), keys.worker(worker)
		}
		answer, err := submitScript.Run(ctx, c.rdb, []string{stream, lease}, text, c.opt.MaxQueue).Text()
		switch {
		case err != nil:
			return err
		case answer == "gone", answer == "full" && worker != "":
			worker = ""
			continue
		case answer == "full":
			return ErrBusy
		}
		a.mu.Lock()
		a.stream, a.entry, a.worker = stream, answer, worker
		a.mu.Unlock()
		return nil
	}
}

// spare is how much longer than its answer may take a job's key is kept.
const spare = 30 * time.Second

// choose is the worker whose stream a job goes into, "" for any: the first in the
// order that the channel prefers, if it has a slot free or (picky) others cannot read the job.
func (c *Client) choose(a *asked, picky bool) string {
	if a.job.prompt.Key == chat.OnceKey && !picky {
		return "" // no conversation, no cache
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var best card
	var most uint64
	for _, w := range c.workers {
		if w.Version < a.job.version() {
			continue
		}
		if s := affinity(w.ID, a.job.prompt.Key.Channel); best.ID == "" || s > most {
			best, most = w, s
		}
	}
	if best.ID == "" {
		return ""
	}
	mine := 0
	for _, b := range c.asked {
		b.mu.Lock()
		if b != a && b.worker == best.ID {
			mine++
		}
		b.mu.Unlock()
	}
	if max(best.Busy, mine) >= best.Slots && !picky {
		return ""
	}
	return best.ID
}

// affinity orders workers for a channel: rendezvous hashing, so that a worker that
// comes or goes changes the order of few channels (Thaler and Ravishankar, 1998).
func affinity(worker, channel string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(worker + " " + channel))
	x := h.Sum64() // FNV's high bits hardly depend on the last bytes: mix (splitmix64)
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
