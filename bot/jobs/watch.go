package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// watch keeps up what the client knows of the workers, and looks after jobs of which
// nothing is heard.
func (c *Client) watch() {
	tick := time.NewTicker(c.opt.Lease / 5)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
		}
		c.look()
		for _, a := range c.quiet() {
			if c.lost(a) && c.wants(a) {
				c.silent.Add(1)
				c.opt.Log.Warn("a job was lost in Redis; putting it again", "job", a.job.id, "channel", a.job.prompt.Key.Channel)
				ctx, cancel := context.WithTimeout(c.ctx, c.opt.Lease)
				if text, err := a.job.encode(c.opt.Keys); err == nil {
					if err := c.put(ctx, a, text); err != nil && c.ctx.Err() == nil {
						c.opt.Log.Warn("a lost job could not be put again yet", "job", a.job.id, "err", err)
					}
				}
				cancel()
			}
		}
	}
}

// look reads which workers live.
func (c *Client) look() {
	ctx, cancel := context.WithTimeout(c.ctx, max(c.opt.Lease/5, time.Second))
	defer cancel()
	cards, length, err := survey(ctx, c.rdb)
	if err != nil {
		return // what was known last holds; submit and listen speak of an absent Redis
	}
	slots := 0
	for _, w := range cards {
		slots += w.Slots
	}
	c.fair.resize(max(least, 2*slots))
	c.mu.Lock()
	c.workers, c.lengths = cards, length
	c.mu.Unlock()
}

// survey lists the workers that live, and counts the entries of all streams of jobs.
func survey(ctx context.Context, rdb redis.UniversalClient) (cards []card, length int64, err error) {
	ids, err := rdb.SMembers(ctx, keys.workers()).Result()
	if err != nil {
		return nil, 0, err
	}
	leases := make([]*redis.StringCmd, len(ids))
	lengths := make([]*redis.IntCmd, len(ids)+1)
	_, err = rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			leases[i] = p.Get(ctx, keys.worker(id))
			lengths[i] = p.XLen(ctx, keys.to(id))
		}
		lengths[len(ids)] = p.XLen(ctx, keys.any())
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, 0, err
	}
	for i := range lengths {
		length += lengths[i].Val()
	}
	for i := range ids {
		var w card
		if leases[i].Err() == nil && json.Unmarshal([]byte(leases[i].Val()), &w) == nil && w.ID == ids[i] {
			cards = append(cards, w)
		}
	}
	return cards, length, nil
}

// quiet lists the jobs of which nothing was heard for the time of a lease.
func (c *Client) quiet() (out []*asked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.asked {
		a.mu.Lock()
		if a.entry != "" && time.Since(a.heard) > c.opt.Lease {
			out = append(out, a)
		}
		a.mu.Unlock()
	}
	return out
}

// reread reports whether the events should be read from the beginning: a Redis that
// lost some may give lower ids to the next.
func (c *Client) reread() bool { return len(c.quiet()) > 0 }

// wants reports whether a job is still under way: its key is gone when it was dropped, too.
func (c *Client) wants(a *asked) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[a.job.id] == a
}

// lost reports whether nothing more will be heard of a job: its key is gone, its end was
// said, or its entry is gone, which is noted for put. Being wrong costs only a worker's time.
func (c *Client) lost(a *asked) bool {
	a.mu.Lock()
	stream, entry, gone, silence := a.stream, a.entry, a.gone, time.Since(a.heard)
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(c.ctx, time.Second)
	defer cancel()
	h, err := c.rdb.HMGet(ctx, keys.job(c.id, a.job.id), "live", "entry", "done").Result()
	if err != nil {
		return false
	}
	switch {
	case h[0] == nil:
		return true
	case h[2] != nil: // it is done, and that is on its way or was lost
		return silence > 3*c.opt.Lease
	case h[1] == nil:
		return c.missing(ctx, entry, stream)
	case silence <= 3*c.opt.Lease:
		return false // a worker is at it, or it waits to be gone on with
	}
	// A failover may have lost the end, after which the worker gave the entry back.
	begun, _ := h[1].(string)
	ids, err := c.rdb.SMembers(ctx, keys.workers()).Result()
	if err != nil {
		return false
	}
	streams := []string{stream, keys.any()}
	for _, id := range ids {
		streams = append(streams, keys.to(id))
	}
	if begun == "" { // handed over, under an id that nobody here knows, unless it was put again
		return gone != "" && c.missing(ctx, entry, streams...)
	}
	if !c.missing(ctx, begun, streams...) {
		return false
	}
	a.mu.Lock()
	a.gone = begun
	a.mu.Unlock()
	return true
}

// missing reports whether an entry is in none of the streams.
func (c *Client) missing(ctx context.Context, entry string, streams ...string) bool {
	left := make([]*redis.XMessageSliceCmd, len(streams))
	_, err := c.rdb.Pipelined(ctx, func(p redis.Pipeliner) error { // one round trip: Redis may be slow
		for i, s := range streams {
			left[i] = p.XRange(ctx, s, entry, entry)
		}
		return nil
	})
	return err == nil && !slices.ContainsFunc(left, func(c *redis.XMessageSliceCmd) bool { return len(c.Val()) > 0 })
}

// ClientStats are figures of a client, now and since it was made.
type ClientStats struct {
	Workers, Slots int   // that live, and the answers they make at a time
	Waiting        int   // jobs that wait here for their server's turn
	Queued         int   // jobs that wait with the workers
	Running        int   // jobs begun
	Length         int64 // entries of all streams of jobs, of all clients
	Again          int64 // attempts after a first, sum
	Lost           int64 // jobs put again since Redis had lost them
}

// Stats returns the figures.
func (c *Client) Stats() ClientStats {
	waiting, queued := c.fair.depth()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := ClientStats{Workers: len(c.workers), Waiting: waiting, Queued: queued, Running: max(0, len(c.asked)-queued), Length: c.lengths,
		Again: c.again.Load(), Lost: c.silent.Load()}
	for _, w := range c.workers {
		s.Slots += w.Slots
	}
	return s
}
