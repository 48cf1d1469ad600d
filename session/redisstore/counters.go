package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// Count adds amounts to counters, on behalf of a channel. Accept counts
// "messages" and Finish "answers" by themselves. Names are as
// session.ValidateID wants them. Unlike the other actions it may count twice
// if a reply was lost.
func (s *Store) Count(ctx context.Context, k session.Key, amounts map[string]int64) error {
	if len(amounts) == 0 {
		return nil
	}
	err := k.Validate()
	args := []any{duration(dayTTL)}
	for name, n := range amounts {
		err = errors.Join(err, session.ValidateID("counter", name))
		args = append(args, name, n)
	}
	if err == nil {
		total, day := s.statKeys(partition(k.Channel), s.now())
		err = wrap(ctx, countScript.Run(ctx, s.client, []string{total, day}, args...).Err())
	}
	if err != nil {
		return fmt.Errorf("count for channel %s: %w", k, err)
	}
	return nil
}

// Counters returns all counters. It reads 128 keys in one round trip per
// Redis node; the sums are not a snapshot of one instant.
func (s *Store) Counters(ctx context.Context) (session.Counters, error) {
	var totals, days [partitions]*redis.MapStringStringCmd
	now := s.now()
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range partitions {
			total, day := s.statKeys(i, now)
			totals[i], days[i] = p.HGetAll(ctx, total), p.HGetAll(ctx, day)
		}
		return nil
	})
	if err != nil {
		return session.Counters{}, fmt.Errorf("read counters: %w", wrap(ctx, err))
	}
	c := session.Counters{Total: map[string]int64{}, Today: map[string]int64{}}
	add := func(sum map[string]int64, m map[string]string) {
		for name, v := range m {
			n, _ := strconv.ParseInt(v, 10, 64) // HINCRBY wrote it: always a number
			sum[name] += n
		}
	}
	for i := range partitions {
		add(c.Total, totals[i].Val())
		add(c.Today, days[i].Val())
	}
	return c, nil
}
