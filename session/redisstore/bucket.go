package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// ratedTTL is how long a message is known to have taken its tokens: deliveries of it
// to other processes, and a second try, come sooner.
const ratedTTL = 30 * time.Second

// Take takes one token out of the bucket called name, which holds size tokens and
// gets a new one each time every has passed; a bucket never used is full. It returns
// 0, or, if there was none, how long until there is one. All processes that share
// the Redis share the buckets, whatever their clocks.
func (s *Store) Take(ctx context.Context, name string, size int, every time.Duration) (time.Duration, error) {
	err := session.ValidateID("bucket", name)
	n := int64(0)
	if err == nil {
		c := s.take(session.Limit{Name: name, Size: size, Every: every})
		n, err = c.script.Run(ctx, s.client, c.keys, c.args...).Int64()
		err = wrap(ctx, err)
	}
	if err != nil {
		return 0, fmt.Errorf("take from bucket %s: %w", name, err)
	}
	return time.Duration(n) * time.Millisecond, nil
}

// TakeAll takes a token out of each bucket of limits for a message, as Admit does and with
// what it says of them. It returns 0, or, if one of them was empty, how long until all of
// them have a token.
func (s *Store) TakeAll(ctx context.Context, messageID string, limits []session.Limit) (time.Duration, error) {
	calls, err := s.takes(messageID, limits)
	if err != nil {
		return 0, fmt.Errorf("take from buckets for message %s: %w", messageID, err)
	}
	return s.taken(ctx, messageID, limits, s.runAll(ctx, calls, nil)), nil
}

// takes are the calls that take a token out of each bucket for a message, once.
func (s *Store) takes(messageID string, limits []session.Limit) ([]call, error) {
	var calls []call
	for _, l := range limits {
		if err := session.ValidateID("bucket", l.Name); err != nil {
			return nil, err
		}
		c := s.take(l)
		c.keys = append(c.keys, s.key(partition(l.Name), "rated", l.Name, messageID))
		calls = append(calls, c)
	}
	return calls, nil
}

// taken is how long it is until all buckets have a token, by what takes were answered; if
// one had none, the others get theirs back.
func (s *Store) taken(ctx context.Context, messageID string, limits []session.Limit, replies []*redis.Cmd) (wait time.Duration) {
	var taken []session.Limit
	for i, r := range replies {
		n, err := r.Int64()
		if err != nil {
			s.o.Log.Warn("a bucket could not be asked", "bucket", limits[i].Name, "err", wrap(ctx, err))
		} else if n == 0 {
			taken = append(taken, limits[i])
		}
		wait = max(wait, time.Duration(n)*time.Millisecond)
	}
	if wait > 0 {
		s.giveBack(ctx, taken, messageID)
	}
	return wait
}

// giveBack puts the tokens back that a message took out of buckets. If that fails, they
// are short of them until they are full.
func (s *Store) giveBack(ctx context.Context, limits []session.Limit, messageID string) {
	var calls []call
	for _, l := range limits {
		calls = append(calls, call{script: giveScript, keys: []string{s.key(partition(l.Name), "rate", l.Name), s.key(partition(l.Name), "rated", l.Name, messageID)},
			args: []any{s.bucketTime(), duration(l.Every), duration(ratedTTL)}})
	}
	for i, r := range s.runAll(ctx, calls, nil) {
		if r.Err() != nil {
			s.o.Log.Warn("a token could not be given back", "bucket", limits[i].Name, "err", wrap(ctx, r.Err()))
		}
	}
}

// bucketTime is what buckets go by: our time, if we are alone, else Redis's, which is "".
func (s *Store) bucketTime() string {
	if s.alone {
		return ms(s.now())
	}
	return ""
}

// take is the call of take.lua for a bucket, not on behalf of a message.
func (s *Store) take(l session.Limit) call {
	return call{script: takeScript, keys: []string{s.key(partition(l.Name), "rate", l.Name)}, args: []any{s.bucketTime(), l.Size, duration(l.Every), duration(ratedTTL)}}
}
