package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// tokenLen is the length of the token before a turn in an open question.
const tokenLen = 32

// Pending lists the questions that were accepted, have no answer, and are
// younger than Options.PendingTTL, oldest first: after a crash, those somebody
// still has to answer. While other processes use the same Redis, the list
// includes what they are working on.
func (s *Store) Pending(ctx context.Context) ([]session.Pending, error) {
	var index [partitions]*redis.ZSliceCmd
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range index {
			index[i] = p.ZRangeWithScores(ctx, s.key(i, "waiting"), 0, -1)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list pending questions: %w", wrap(ctx, err))
	}
	var list []session.Pending
	for i := range index {
		for _, z := range index[i].Val() {
			m, _ := z.Member.(string)
			channel, id, ok := strings.Cut(m, " ")
			since := when(z.Score)
			if ok && !s.givenUp(since) {
				list = append(list, session.Pending{Key: session.Key{Channel: channel}, Turn: session.Turn{ID: id}, Since: since})
			}
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	turns := make([]*redis.StringCmd, len(list))
	_, err = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, q := range list {
			turns[i] = p.HGet(ctx, s.channelKey(q.Key, "wait"), q.Turn.ID)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("read pending questions: %w", wrap(ctx, err))
	}
	kept := list[:0]
	for i, q := range list {
		v, err := turns[i].Result()
		if errors.Is(err, redis.Nil) {
			continue // closed meanwhile, or expired with its session
		}
		if err != nil {
			return nil, fmt.Errorf("read pending question %s of channel %s: %w", q.Turn.ID, q.Key, wrap(ctx, err))
		}
		if q.Turn, err = s.decodeOpen(q.Key, v); err != nil {
			// one such must not hold up the others
			s.o.Log.Error("an unanswered question of before cannot be read; it stays until it can", "channel", q.Key.Channel, "message", list[i].Turn.ID, "err", err)
			continue
		}
		kept = append(kept, q)
	}
	slices.SortStableFunc(kept, func(a, b session.Pending) int { return a.Since.Compare(b.Since) })
	return kept, nil
}

// givenUp reports whether a question accepted at t is no longer pending.
func (s *Store) givenUp(t time.Time) bool { return t.Before(s.now().Add(-s.o.PendingTTL)) }
