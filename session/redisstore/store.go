// Package redisstore keeps sessions in Redis.
package redisstore

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/session"
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
	// default.
	TTL time.Duration
	// PendingTTL is how long a question without an answer is listed by
	// Pending; 24 hours by default, TTL at most.
	PendingTTL time.Duration
	// SeenIDs is how many message ids a channel remembers to recognise
	// repeated deliveries; 512 by default.
	SeenIDs int
	// Prefix begins every key; "mb" by default. Bots with different prefixes
	// share a Redis without seeing each other.
	Prefix string
	// Kind is what Store.Kind reports, if not empty, instead of what the
	// client is.
	Kind string
	// Log gets what Open has to say about an unreachable Redis; nil means
	// slog.Default().
	Log *slog.Logger
}

// Store keeps sessions in a Redis.
type Store struct {
	client redis.UniversalClient
	o      Options
	now    func() time.Time
}

var _ = session.Key{}
var _ context.Context
