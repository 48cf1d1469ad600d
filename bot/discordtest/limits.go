package discordtest

import (
	"maps"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Limit allows a number of requests in a window that begins with the first of them.
type Limit struct {
	Requests int
	Per      time.Duration
}

// Limits are REST rate limits. Discord documents how they are told, not what they are
// (topics/rate-limits.mdx); the defaults are observed ones.
type Limits struct {
	// Off lets everything through, without headers.
	Off bool
	// Routes sets the limit of single routes, named as Requests names them
	// ("POST /channels/{channel}/messages"). A limit of 0 requests is none.
	Routes map[string]Limit
	// Global is how many requests per second the bot may make in all; 0: 50. Interaction endpoints do not
	// count.
	Global int
}

// defaultLimits are observed: discord-api-docs issues 20 and 1442 for messages.
var defaultLimits = map[string]Limit{
	"POST /channels/{channel}/messages":                                {5, 5 * time.Second},
	"PATCH /channels/{channel}/messages/{message}":                     {5, 5 * time.Second},
	"DELETE /channels/{channel}/messages/{message}":                    {5, time.Second},
	"POST /channels/{channel}/messages/bulk-delete":                    {1, time.Second},
	"GET /channels/{channel}/messages":                                 {5, 5 * time.Second},
	"POST /channels/{channel}/typing":                                  {5, 5 * time.Second},
	"PUT /channels/{channel}/messages/{message}/reactions/{emoji}/@me": {1, 250 * time.Millisecond},
	"PATCH /channels/{channel}":                                        {2, 10 * time.Minute},
	"POST /webhooks/{application}/{token}":                             {5, 2 * time.Second},
	"PATCH /webhooks/{application}/{token}/messages/{message}":         {5, 2 * time.Second},
	"POST /interactions/{interaction}/{token}/callback":                {},
}

// otherLimit is that of every other route.
var otherLimit = Limit{20, time.Second}

// bucket counts the requests of one route and one channel, guild or webhook.
type bucket struct {
	limit Limit
	used  int
	reset time.Time
}

// limiter holds the buckets. Safe for concurrent use.
type limiter struct {
	set    Limits
	clock  Clock
	mu     sync.Mutex
	global bucket
	known  map[string]*bucket
	room   int // how many there may be until those of past windows are dropped
}

func newLimiter(set Limits, clock Clock) *limiter {
	if set.Global == 0 {
		set.Global = 50
	}
	return &limiter{set: set, clock: clock, known: make(map[string]*bucket),
		global: bucket{limit: Limit{set.Global, time.Second}}}
}

// take counts one request. When there was no room it returns how long to wait.
func (b *bucket) take(now time.Time) (wait time.Duration) {
	if !now.Before(b.reset) {
		b.used, b.reset = 0, now.Add(b.limit.Per)
	}
	if b.used >= b.limit.Requests {
		return b.reset.Sub(now)
	}
	b.used++
	return 0
}

// refusal is a 429.
type refusal struct {
	after  time.Duration
	global bool
	scope  string // user, global or shared
}

// admit decides on one request of a route with its major parameter (the channel, guild or webhook) and writes
// the X-RateLimit headers. Documentation: topics/rate-limits.mdx, "Header Format".
func (l *limiter) admit(h http.Header, route, major string, interaction bool) *refusal {
	if l.set.Off {
		return nil
	}
	limit, ok := l.set.Routes[route]
	if !ok {
		limit, ok = defaultLimits[route]
	}
	if !ok {
		limit = otherLimit
	}
	now := l.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	// "Interaction endpoints are not bound to the bot's Global Rate Limit."
	if !interaction {
		if wait := l.global.take(now); wait > 0 {
			return &refusal{after: wait, global: true, scope: "global"}
		}
	}
	if limit.Requests == 0 {
		return nil
	}
	key := route + " " + major
	b := l.known[key]
	if b == nil {
		if len(l.known) >= l.room { // a token's route has a bucket of its own: most are not used again
			maps.DeleteFunc(l.known, func(_ string, b *bucket) bool { return !now.Before(b.reset) })
			l.room = max(256, 2*len(l.known))
		}
		b = &bucket{limit: limit}
		l.known[key] = b
	}
	wait := b.take(now)
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit.Requests))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(limit.Requests-b.used))
	h.Set("X-RateLimit-Reset", seconds(time.Duration(b.reset.UnixNano())))
	h.Set("X-RateLimit-Reset-After", seconds(b.reset.Sub(now)))
	h.Set("X-RateLimit-Bucket", bucketName(route))
	if wait > 0 {
		return &refusal{after: wait, scope: "user"}
	}
	return nil
}

// seconds writes a duration as Discord does, to the millisecond, rounded up so that who waits that long is
// never early.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(roundedSeconds(d), 'f', 3, 64)
}

func roundedSeconds(d time.Duration) float64 {
	return math.Ceil(float64(d)/float64(time.Millisecond)) / 1000
}

// bucketName stands for Discord's opaque hash of a bucket: FNV-1a of the route.
func bucketName(route string) string {
	h := uint64(14695981039346656037)
	for i := range len(route) {
		h = (h ^ uint64(route[i])) * 1099511628211
	}
	return strconv.FormatUint(h, 16)
}
