package jobs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// asked is a job under way.
type asked struct {
	job job

	mu         sync.Mutex
	stream     string // it was put into
	entry      string // there
	worker     string // whose stream that is; "" for any
	picky      bool   // it was refused by an older worker
	gone       string // entry that was begun and is in no stream any more
	events     []event
	news       chan struct{} // holds one
	attempt, n int           // of the newest event taken
	token      string        // of that attempt
	heard      time.Time     // when that was
	text       string        // of all pieces taken
	tokens     int           // of them
}

// next waits for events.
func (a *asked) next(ctx context.Context) ([]event, error) {
	for {
		a.mu.Lock()
		events := a.events
		a.events = nil
		a.mu.Unlock()
		if len(events) > 0 {
			return events, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-a.news:
		}
	}
}

// hear takes an event, unless it is old: one that was read before. Of a piece it takes what
// is new: an attempt that goes on after a failover may begin before what was heard. If there
// is something missing between, the end of the answer brings it.
func (a *asked) hear(e event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.kind == began && e.attempt == a.attempt && e.token != a.token {
		a.n = -1 // a failover lost the beginning that had this number
	}
	if e.attempt < a.attempt || e.attempt == a.attempt && e.n <= a.n {
		return
	}
	a.attempt, a.n, a.heard = e.attempt, e.n, time.Now()
	if e.kind == began {
		a.token = e.token
	}
	if e.kind == piece {
		if e.at >= 0 {
			known := len(a.text) - e.at
			if known < 0 || known >= len(e.data) {
				return
			}
			e.data = e.data[known:]
		}
		a.text += e.data
		a.tokens += e.tokens
	}
	a.events = append(a.events, e)
	select {
	case a.news <- struct{}{}:
	default:
	}
}

// said is the text of all pieces taken.
func (a *asked) said() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.text
}

// listen reads the events of this client's jobs.
func (c *Client) listen() {
	last, lost := "0-0", false
	stream := keys.out(c.id)
	for c.ctx.Err() == nil {
		if c.reread() {
			last = "0-0" // what was read is deleted, so nothing comes twice for long
		}
		res, err := c.rdb.XRead(c.ctx, &redis.XReadArgs{Streams: []string{stream, last}, Count: 512, Block: blockTime}).Result()
		switch {
		case errors.Is(err, redis.Nil) || c.ctx.Err() != nil:
			continue
		case err != nil:
			if !lost {
				c.opt.Log.Warn("the workers' answers cannot be read; trying again", "err", err)
			}
			lost = true
			pause(c.ctx.Done(), 100*time.Millisecond)
			continue
		}
		if lost {
			lost = false
			c.opt.Log.Info("the workers' answers can be read again")
		}
		var ids []string
		for _, s := range res {
			for _, m := range s.Messages {
				e := readEvent(m)
				c.mu.Lock()
				a := c.asked[e.job]
				c.mu.Unlock()
				if a != nil {
					e, err := a.job.open(c.opt.Keys, e)
					if err != nil {
						c.opt.Log.Error("what a worker says cannot be read", "job", e.job, "err", err)
					}
					a.hear(e)
				}
				last = m.ID
				ids = append(ids, m.ID)
			}
		}
		if err := c.rdb.XDel(c.ctx, stream, ids...).Err(); err != nil && c.ctx.Err() == nil {
			c.opt.Log.Debug("events that were read could not be deleted", "err", err)
		}
	}
}

// blockTime is how long a reader waits for news before it looks around.
const blockTime = 500 * time.Millisecond

// pause waits for d, or until over is closed.
func pause(over <-chan struct{}, d time.Duration) {
	select {
	case <-over:
	case <-time.After(d):
	}
}
