package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// refusals are the first words of Redis's error replies that say "not now".
var refusals = []string{
	"LOADING", "MASTERDOWN", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "MISCONF",
	"NOREPLICAS", "OOM", "BUSY ", "UNKILLABLE", "ERR max number of clients",
}

// Passing reports whether an error reply of Redis says "not now": it is starting, failing
// over, out of disk or memory, has too few replicas, or is a cluster with a hole. That
// ends without our doing.
func Passing(reply redis.Error) bool {
	return slices.ContainsFunc(refusals, func(r string) bool { return strings.HasPrefix(reply.Error(), r) })
}

// wrap turns an error of go-redis into one of ours; nil stays nil. What the
// vendor said is kept as text only.
func wrap(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.Nil):
		return session.ErrNotFound
	case errors.Is(err, session.ErrUnavailable):
		return err // from a hook of ours, already in our words
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case pastDeadline(ctx, err):
		return fmt.Errorf("%w: %w", session.ErrUnavailable, context.DeadlineExceeded)
	case unavailable(err):
		return fmt.Errorf("%w: %v", session.ErrUnavailable, err)
	}
	return fmt.Errorf("redis: %v", err)
}

// pastDeadline reports whether err came from the deadline of ctx. The
// connection carries the same deadline and may notice it a moment before the
// context's timer does.
func pastDeadline(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	d, ok := ctx.Deadline()
	return ok && time.Until(d) < 5*time.Millisecond &&
		(errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded))
}

// unavailable reports whether err means that Redis is away or refuses for now.
func unavailable(err error) bool {
	var netErr net.Error
	var reply redis.Error
	switch {
	case errors.As(err, &reply):
		return Passing(reply)
	case errors.As(err, &netErr),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, redis.ErrClosed), errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return true
	}
	// Sentinel and Cluster report an unreachable set of nodes as plain text.
	text := err.Error()
	return strings.Contains(text, "sentinels specified in configuration are unreachable") ||
		strings.Contains(text, "cluster has no nodes")
}
