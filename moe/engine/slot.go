package engine

import (
	"time"

	"moebot/moe/kvcache"
)

// conversation is a cache and whom it belongs to. While seq is set it takes one of
// the slots.
type conversation struct {
	key   string // "" is kept only while seq runs
	cache *kvcache.Cache
	plan  string // the key of the plan under which the cache was computed
	used  time.Time
	seq   *sequence
}

// conversations are all those remembered.
type conversations []*conversation

// busy are those with a reply in progress.
func (cs conversations) busy() (n int) {
	for _, c := range cs {
		if c.seq != nil {
			n++
		}
	}
	return n
}

func (cs conversations) bytes() (n int) {
	for _, c := range cs {
		n += c.cache.Bytes()
	}
	return n
}

// find returns the conversation of the key if it is remembered and idle.
func (cs conversations) find(key string) *conversation {
	for _, c := range cs {
		if key != "" && c.key == key && c.seq == nil {
			return c
		}
	}
	return nil
}

// longest is the conversation that holds most of the beginning of ids, computed under
// the same plan, and how much.
func (cs conversations) longest(ids []int32, plan string) (best *conversation, n int) {
	for _, c := range cs {
		if c.plan != plan {
			continue
		}
		if p := c.cache.Prefix(ids); p > n {
			best, n = c, p
		}
	}
	return best, n
}

// evict forgets the idle conversation that is unused for longest, except one; it
// reports whether there was any.
func (cs *conversations) evict(except *conversation) bool {
	oldest := -1
	for i, c := range *cs {
		if c.seq == nil && c != except && (oldest < 0 || c.used.Before((*cs)[oldest].used)) {
			oldest = i
		}
	}
	if oldest >= 0 {
		cs.drop((*cs)[oldest])
	}
	return oldest >= 0
}

func (cs *conversations) drop(c *conversation) {
	kept := (*cs)[:0]
	for _, x := range *cs {
		if x != c {
			kept = append(kept, x)
		}
	}
	clear((*cs)[len(kept):])
	*cs = kept
}

// maxConversations bounds how many are remembered however small they are: each
// request looks through all of them.
const maxConversations = 1024

// admit gives a slot and memory to waiting sequences, oldest first. The first that
// gets none keeps the others waiting, so that a large one has its turn.
func (s *stepper) admit() {
	for len(s.waiting) > 0 {
		q := s.waiting[0]
		if err := q.ctx.Err(); err != nil {
			q.end(StopCancelled, err)
		} else if !s.start(q) {
			return
		}
		s.waiting = s.waiting[1:]
		s.counters.queued.Add(-1)
	}
	s.waiting = nil // let the memory go
}

// start puts a sequence into a slot. It reports false if there is no free one or
// not enough memory beside the replies in progress.
func (s *stepper) start(q *sequence) bool {
	busy := s.all.busy()
	if busy >= s.opt.Slots {
		return false
	}
	c := s.all.find(q.req.Key)
	fresh := c == nil
	if fresh {
		if q.warm == nil {
			q.warm = s.snapshots.take(q.req.Key, s.newCache)
		}
		c = &conversation{key: q.req.Key, cache: q.warm}
	}
	if c.cache == nil {
		c.cache = s.newCache()
	}
	ids, plan := q.req.Tokens, q.req.Plan.Key()
	other, shared := s.all.longest(ids[:len(ids)-1], plan)
	total := len(ids) + q.limit
	need := func() int {
		n := s.all.bytes() + c.cache.BytesFor(total)
		if !fresh {
			n -= c.cache.Bytes()
		}
		return n
	}
	for need() > s.opt.CacheBytes || len(s.all) >= maxConversations && fresh {
		if s.all.evict(c) {
			continue
		}
		if busy > 0 {
			return false
		}
		break // alone, it may take what it needs
	}
	// the last token of the prompt is always computed: its logits are the first wanted
	n := 0
	if c.plan == plan {
		n = min(c.cache.Prefix(ids), len(ids)-1)
	}
	c.plan = plan
	c.cache.Truncate(n)
	c.cache.Reserve(total)
	if shared > n { // another conversation begins alike, more than this one's past
		c.cache.CopyPrefix(other.cache, shared)
		n = shared
	}
	s.follow(q, n)
	c.seq, c.used, q.warm = q, time.Now(), nil
	if fresh {
		s.all = append(s.all, c)
	}
	q.read = n
	q.result.Usage.ReusedTokens = n
	if !q.req.beside {
		s.counters.start(len(ids), n)
	}
	s.counters.busy.Add(1)
	s.counters.kept(len(s.all), s.all.bytes())
	return true
}

// worthWaiting is how many tokens a sequence saves at least by waiting for another.
const worthWaiting = 32

// follow lets a sequence of which n tokens are known wait for one that is just reading
// a prompt with the same beginning, such as a system text, so that this is read once.
func (s *stepper) follow(q *sequence, n int) {
	ids := q.req.Tokens
	q.leader, q.shared = nil, n+worthWaiting-1
	for _, c := range s.all {
		o := c.seq
		if o == nil || o == q || o.leader != nil || !o.prefilling() || c.plan != q.req.Plan.Key() {
			continue
		}
		k := 0
		for k < len(ids)-1 && k < len(o.req.Tokens) && ids[k] == o.req.Tokens[k] {
			k++
		}
		if k > q.shared {
			q.leader, q.leading, q.shared = c, o, k
		}
	}
}

// ready reports whether a sequence has nothing more to wait for, and takes over what
// its leader has read.
func (s *stepper) ready(c *conversation) bool {
	q := c.seq
	for q.leader != nil {
		gone := q.leader.seq != q.leading
		if !gone && len(q.leader.cache.Tokens) < q.shared {
			return false
		}
		if k := min(q.leader.cache.Prefix(q.req.Tokens), len(q.req.Tokens)-1); k > q.read && q.leader.plan == c.plan {
			c.cache.CopyPrefix(q.leader.cache, k)
			if !q.req.beside {
				s.counters.more(k-q.read, q.result.Usage.ReusedTokens == 0)
			}
			q.read, q.result.Usage.ReusedTokens = k, k
		}
		if q.leader = nil; gone { // another may be reading the same
			s.follow(q, q.read)
		}
	}
	return true
}

// finish frees a sequence's slot; what it has read stays.
func (s *stepper) finish(c *conversation, stop StopReason, err error) {
	q := c.seq
	c.seq, c.used = nil, time.Now()
	if c.key == "" {
		s.all.drop(c)
	}
	s.counters.busy.Add(-1)
	s.counters.kept(len(s.all), s.all.bytes())
	q.end(stop, err)
	if !q.req.beside {
		s.counters.end(q.result.Usage)
	}
}
