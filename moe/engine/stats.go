package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"moebot/moe/model"
)

// Stats are figures since the engine started. Of the replies that Best makes for one
// request the first counts, but for the slots and experts they take.
type Stats struct {
	Requests      int64 // started
	CacheHits     int64 // of them, those that found part of their prompt in a cache
	PromptTokens  int64 // asked for
	ReusedTokens  int64 // of them, found in a cache
	DecodedTokens int64
	DecodeTime    time.Duration // summed over requests
	Busy          int           // requests in a slot now
	Queued        int           // requests waiting now
	Conversations int           // whose keys and values are in memory now
	CacheBytes    int           // that memory
	ExpertLoad    [][]int64     // [layer][expert] tokens routed; a dense model has one expert
}

type counters struct {
	busy, queued atomic.Int64

	mu sync.Mutex
	s  Stats
}

func (c *counters) init(cfg model.Config) {
	for range cfg.Layers {
		c.s.ExpertLoad = append(c.s.ExpertLoad, make([]int64, max(cfg.Experts, 1)))
	}
}

func (c *counters) start(prompt, reused int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Requests++
	c.s.PromptTokens += int64(prompt)
	c.s.ReusedTokens += int64(reused)
	if reused > 0 {
		c.s.CacheHits++
	}
}

// more notes that further tokens of a prompt were found; first says that these are the
// first.
func (c *counters) more(n int, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.ReusedTokens += int64(n)
	if first {
		c.s.CacheHits++
	}
}

func (c *counters) end(u Usage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.DecodedTokens += int64(u.DecodedTokens)
	c.s.DecodeTime += u.DecodeTime
}

// kept notes what is in memory.
func (c *counters) kept(conversations, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Conversations, c.s.CacheBytes = conversations, bytes
}

// experts counts the choices for n tokens of the batch just computed.
func (c *counters) experts(s *model.Scratch, first, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for l, load := range c.s.ExpertLoad {
		for i := first; i < first+n; i++ {
			for _, e := range s.Experts(l, i) {
				load[e]++
			}
		}
	}
}

// Stats returns a copy of the figures.
func (e *Engine) Stats() Stats {
	c := &e.counters
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.s
	s.Busy, s.Queued = int(c.busy.Load()), int(c.queued.Load())
	s.ExpertLoad = nil
	for _, l := range c.s.ExpertLoad {
		s.ExpertLoad = append(s.ExpertLoad, append([]int64(nil), l...))
	}
	return s
}
