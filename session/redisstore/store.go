package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"moebot/session"
)

// partitions is the number of hash tags; changing it loses all stored data.
const partitions = 64

// dayTTL is how long the counters of one day are kept, and minSeen the least
// time for which message ids are.
const (
	dayTTL  = 40 * 24 * time.Hour
	minSeen = 24 * time.Hour
)

// undoTTL is how long a Reset can be undone, and eraseAfter how soon a message that is
// removed leaves the files: a few may do so together.
const (
	undoTTL    = 10 * time.Minute
	eraseAfter = 30 * time.Second
)

// Options says where the Redis is and how much is kept there. The zero value
// of a field means its default.
type Options struct {
	// URL is where the Redis is; see Open. It is a secret if it holds a
	// password.
	URL string
	// MaxTurns is how many turns a session keeps; 60 by default.
	MaxTurns int
	// TTL is how long a session is kept after its last turn; 30 days by
	// default, at least a millisecond.
	TTL time.Duration
	// PendingTTL is how long a question without an answer is listed by
	// Pending; 24 hours by default, TTL if that is less.
	PendingTTL time.Duration
	// SeenIDs is how many message ids a channel remembers, to recognise
	// repeated deliveries; 512 by default.
	SeenIDs int
	// HoldTTL is how long an open question stays in the charge of the process that
	// accepted it without a Renew; 15 seconds by default.
	HoldTTL time.Duration
	// Owner names this process among those that share the Redis; empty draws a
	// name. A fixed one is for a Redis that no two processes use: questions of
	// before a crash are then its own at once.
	Owner string
	// Prefix begins every key; "mb" by default. Bots with different prefixes
	// share a Redis without seeing each other. Printable ASCII without
	// blanks, braces and colons.
	Prefix string
	// Keys seal turns, settings and facts; nil leaves them readable for whoever reads
	// the Redis. What is not sealed stays readable with Keys.
	Keys *session.Keys
	// Kind is what Store.Kind reports, if not empty, instead of what the
	// client is.
	Kind string
	// Erase is called when something that people said was removed, to have it leave the
	// files behind the Redis, too: at once with 0, else soon after that time. Nil leaves
	// them to the Redis.
	Erase func(ctx context.Context, after time.Duration) error
	// Now is the clock that what is kept is stamped with; nil means time.Now.
	Now func() time.Time
	// Log gets a warning if Redis cannot be reached in Open; nil means
	// slog.Default().
	Log *slog.Logger
}

// withDefaults fills in the defaults and checks the rest.
func (o Options) withDefaults() (Options, error) {
	if o.MaxTurns == 0 {
		o.MaxTurns = 60
	}
	if o.TTL == 0 {
		o.TTL = 30 * 24 * time.Hour
	}
	if o.PendingTTL == 0 {
		o.PendingTTL = 24 * time.Hour
	}
	o.PendingTTL = min(o.PendingTTL, o.TTL)
	if o.SeenIDs == 0 {
		o.SeenIDs = 512
	}
	if o.HoldTTL == 0 {
		o.HoldTTL = 15 * time.Second
	}
	if o.Owner == "" {
		o.Owner = rand.Text()
	}
	if o.Prefix == "" {
		o.Prefix = "mb"
	}
	if o.Erase == nil {
		o.Erase = func(context.Context, time.Duration) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	switch {
	case o.MaxTurns < 1 || o.MaxTurns > 10000:
		return o, fmt.Errorf("session store: turns kept per session must be 1 to 10000, not %d", o.MaxTurns)
	case o.HoldTTL < time.Millisecond:
		return o, fmt.Errorf("session store: a question cannot be held for %v", o.HoldTTL)
	case o.TTL < time.Millisecond || o.PendingTTL < time.Millisecond:
		return o, fmt.Errorf("session store: times to live must be a millisecond or more, not %v and %v", o.TTL, o.PendingTTL)
	case o.SeenIDs < 1 || o.SeenIDs > 100000:
		return o, fmt.Errorf("session store: message ids kept per channel must be 1 to 100000, not %d", o.SeenIDs)
	case session.ValidateID("prefix", o.Prefix) != nil || strings.ContainsAny(o.Prefix, "{}:"):
		return o, fmt.Errorf("session store: prefix %q must be printable ASCII without blanks, braces and colons", o.Prefix)
	}
	return o, nil
}

// Store keeps sessions in a Redis. Open or New makes one. Its methods honour
// the deadline of their context at once, and its cancellation after the round
// trip under way, two seconds at most (read_timeout); see the package comment
// for what a failed call means. Their errors wrap session.ErrUnavailable if
// Redis is away or accepts no writes; if it was away until the context's
// deadline, they match that and context.DeadlineExceeded both.
type Store struct {
	client redis.UniversalClient
	kind   string
	o      Options
	now    func() time.Time
	alone  bool // no other process uses the Redis

	openable string // headers of sealed values that can be opened, for accept.lua

	mu      sync.Mutex
	unsure  map[string]string // channel and message id → token of an Accept of unknown fate
	unsures []string          // the keys of unsure, oldest first
}

// New returns a Store on an existing client, which must have
// ContextTimeoutEnabled set. It does not connect. Close closes the client.
// It turns off go-redis's own log, for the whole process, since that writes
// past ours; what it would say comes back as errors.
func New(client redis.UniversalClient, o Options) (*Store, error) {
	logging.Disable()
	alone := o.Owner != ""
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{client: client, kind: o.Kind, o: o, now: o.Now, alone: alone, openable: strings.Join(o.Keys.Headers(), " "), unsure: map[string]string{}}
	if s.kind == "" {
		s.kind = "redis"
		if _, ok := client.(*redis.ClusterClient); ok {
			s.kind = "redis cluster"
		}
	}
	return s, nil
}

// Kind says what the store is, in words: "redis", "redis sentinel", "redis
// cluster", or Options.Kind.
func (s *Store) Kind() string { return s.kind }

// Client is the Store's connection, for who keeps other things in the same Redis,
// under keys of their own. It ends with the Store.
func (s *Store) Client() redis.UniversalClient { return s.client }

// Close frees the connections. Calls after it, and those running, fail.
func (s *Store) Close() error {
	if err := s.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("close session store: %v", err)
	}
	return nil
}

// partition returns the hash tag under which everything named by id lies.
func partition(id string) int {
	h := fnv.New32a()
	h.Write([]byte(id))
	return int(h.Sum32() % partitions)
}

// key returns the key of one kind in a partition: prefix:{pNN}:parts...
func (s *Store) key(p int, parts ...string) string {
	return fmt.Sprintf("%s:{p%02d}:%s", s.o.Prefix, p, strings.Join(parts, ":"))
}

// channelKey returns a channel's key of one kind.
func (s *Store) channelKey(k session.Key, kind string) string {
	return s.key(partition(k.Channel), kind, k.Channel)
}

// holdKey returns the key of who is at an open question.
func (s *Store) holdKey(k session.Key, id string) string {
	return s.key(partition(k.Channel), "hold", k.Channel, id)
}

// statKeys returns the keys of a partition's counters, total and of the day.
func (s *Store) statKeys(p int, now time.Time) (total, day string) {
	return s.key(p, "stat"), s.key(p, "stat", now.UTC().Format("20060102"))
}

// member is how an open question is listed in its partition.
func member(k session.Key, id string) string { return k.Channel + " " + id }

// cutMember returns the id of a channel's open question as listed by member.
func cutMember(k session.Key, m string) (id string, ok bool) {
	return strings.CutPrefix(m, k.Channel+" ")
}

// seenTTL is how long a channel's message ids are known, in milliseconds.
func (s *Store) seenTTL() string { return duration(max(s.o.TTL, minSeen)) }

// ms writes a time as Unix milliseconds, and duration one as milliseconds.
func ms(t time.Time) string           { return strconv.FormatInt(t.UnixMilli(), 10) }
func duration(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// when reads a time that is the score of a member.
func when(score float64) time.Time { return time.UnixMilli(int64(score)).UTC() }
