package redisstore

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Ping asks Redis for a sign of life and returns how long that took; in a
// Cluster, all masters at once and the slowest. An error means that not
// everything stored can be reached now; it is session.ErrUnavailable if the
// Redis is away, and another one if it refuses us, as for a wrong password.
func (s *Store) Ping(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	err := s.eachMaster(ctx, func(ctx context.Context, c redis.Cmdable) error { return c.Ping(ctx).Err() })
	if err != nil {
		return 0, fmt.Errorf("ping %s: %w", s.kind, wrap(ctx, err))
	}
	return time.Since(start), nil
}

// eachMaster calls f for the node, or at once for all masters of a Cluster.
func (s *Store) eachMaster(ctx context.Context, f func(context.Context, redis.Cmdable) error) error {
	if c, ok := s.client.(*redis.ClusterClient); ok {
		return c.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return f(ctx, c) })
	}
	return f(ctx, s.client)
}

// Durability is what a Redis says about surviving its own crash; of the
// masters of a Cluster, the worst.
type Durability struct {
	// Known is whether it said anything: a hosted Redis may not.
	Known bool
	// AOF is whether it writes an append-only file. Without one, a crash
	// loses what came after its last snapshot.
	AOF bool
	// Fsync is its appendfsync: "always" loses nothing at a power failure,
	// "everysec" about a second; empty if it does not say.
	Fsync string
	// Eviction is its maxmemory-policy. Any but "noeviction" may throw
	// sessions away when memory is short. Empty if it does not say.
	Eviction string
}

// Risky reports whether stored sessions may be lost in ways worth a warning.
func (d Durability) Risky() bool {
	return d.Known && (!d.AOF || d.Eviction != "" && d.Eviction != "noeviction")
}

// String says in one line for the log what can be lost and what to do.
func (d Durability) String() string {
	if !d.Known {
		return "redis does not say whether it keeps an append-only file"
	}
	var parts []string
	switch {
	case !d.AOF:
		parts = append(parts, "no append-only file: a crash of redis loses conversations since its last snapshot; set appendonly yes")
	case d.Fsync == "":
		parts = append(parts, "append-only file on")
	default:
		parts = append(parts, "append-only file on, appendfsync "+d.Fsync)
	}
	if d.Eviction != "" && d.Eviction != "noeviction" {
		parts = append(parts, "maxmemory-policy "+d.Eviction+" may throw conversations away when memory is short; set noeviction")
	}
	return strings.Join(parts, "; ")
}

// Durability asks Redis how durable it is. A Redis that knows no such question
// or forbids it gives a Durability with Known false and no error; an error
// means it could not be asked.
func (s *Store) Durability(ctx context.Context) (Durability, error) {
	var mu sync.Mutex
	worst, first := Durability{}, true
	err := s.eachMaster(ctx, func(ctx context.Context, c redis.Cmdable) error {
		d, err := durability(ctx, c)
		mu.Lock()
		defer mu.Unlock()
		if first || worse(d, worst) {
			worst, first = d, false
		}
		return err
	})
	if err != nil {
		return Durability{}, fmt.Errorf("ask %s for its durability: %w", s.kind, wrap(ctx, err))
	}
	return worst, nil
}

// worse orders what the nodes of a Cluster say.
func worse(a, b Durability) bool {
	rank := func(d Durability) int {
		switch {
		case d.Known && !d.AOF:
			return 0
		case d.Risky():
			return 1
		case !d.Known:
			return 2
		case d.Fsync != "always":
			return 3
		}
		return 4
	}
	return rank(a) < rank(b)
}

// durability asks one node. Only a node that is away is an error.
func durability(ctx context.Context, c redis.Cmdable) (Durability, error) {
	var d Durability
	info := map[string]string{}
	for _, section := range []string{"persistence", "memory"} {
		text, err := c.Info(ctx, section).Result()
		if err != nil && (unavailable(err) || ctx.Err() != nil) {
			return d, err
		}
		for line := range strings.Lines(text) {
			if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				info[k] = v
			}
		}
	}
	aof, ok := info["aof_enabled"]
	if !ok {
		return d, nil
	}
	d.Known, d.AOF, d.Eviction = true, aof == "1", info["maxmemory_policy"]
	conf, err := c.ConfigGet(ctx, "appendfsync").Result()
	if err != nil && (unavailable(err) || ctx.Err() != nil) {
		return d, err
	}
	d.Fsync = conf["appendfsync"]
	return d, nil
}
