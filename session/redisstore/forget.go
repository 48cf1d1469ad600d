package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// Forget removes everything that a person said, in all channels, and the answers to
// it; questions of theirs are closed unanswered. It returns how many turns that
// were. It reads every session, some hundred at a time, so that no index of who
// spoke where need be kept; what is said meanwhile may stay. After an error some of
// it is done; calling it again goes on.
func (s *Store) Forget(ctx context.Context, userID string) (turns int, err error) {
	fail := func(err error) (int, error) {
		return turns, fmt.Errorf("forget a person: %w", err)
	}
	if err := session.ValidateID("user", userID); err != nil {
		return fail(err)
	}
	channels, err := s.channels(ctx, "log", "undo", "wait")
	if err != nil {
		return fail(err)
	}
	for _, k := range channels {
		n, err := s.forgetIn(ctx, k, userID)
		if err != nil {
			return fail(err)
		}
		turns += n
	}
	return turns, nil
}

// channels are those with a key of one of the kinds.
func (s *Store) channels(ctx context.Context, kinds ...string) ([]session.Key, error) {
	seen := map[string]bool{}
	var out []session.Key
	scan := func(ctx context.Context, node redis.Cmdable) error {
		for _, kind := range kinds {
			it := node.Scan(ctx, 0, s.o.Prefix+":{p??}:"+kind+":*", 500).Iterator()
			for it.Next(ctx) {
				if _, channel, ok := strings.Cut(it.Val(), ":"+kind+":"); ok && !seen[channel] {
					seen[channel] = true
					out = append(out, session.Key{Channel: channel})
				}
			}
			if err := it.Err(); err != nil {
				return err
			}
		}
		return nil
	}
	var err error
	if c, ok := s.client.(*redis.ClusterClient); ok {
		var masters []*redis.Client // one after another: seen is not guarded
		collect := make(chan *redis.Client, 1024)
		err = c.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
			collect <- node
			return nil
		})
		close(collect)
		for node := range collect {
			masters = append(masters, node)
		}
		for _, node := range masters {
			err = errors.Join(err, scan(ctx, node))
		}
	} else {
		err = scan(ctx, s.client)
	}
	return out, wrap(ctx, err)
}

// forgetIn removes a person's turns from one channel.
func (s *Store) forgetIn(ctx context.Context, k session.Key, userID string) (int, error) {
	var log, undo *redis.StringSliceCmd
	var wait *redis.MapStringStringCmd
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		log, undo = p.LRange(ctx, s.channelKey(k, "log"), 0, -1), p.LRange(ctx, s.channelKey(k, "undo"), 0, -1)
		wait = p.HGetAll(ctx, s.channelKey(k, "wait"))
		return nil
	})
	if err != nil {
		return 0, wrap(ctx, err)
	}
	entries, err := s.theirs(k, log.Val(), userID)
	if err != nil {
		return 0, fmt.Errorf("channel %s: %w", k, err)
	}
	undone, err := s.theirs(k, undo.Val(), userID)
	if err != nil {
		return 0, fmt.Errorf("channel %s: %w", k, err)
	}
	entries = append(entries, undone...)
	args := []any{member(k, ""), len(entries)}
	for _, e := range entries {
		args = append(args, e)
	}
	open := 0
	for id, v := range wait.Val() {
		t, err := s.decodeTurn(k, v[min(tokenLen, len(v)):])
		if session.IsKeyError(err) {
			return 0, fmt.Errorf("channel %s: %w", k, err)
		}
		if err == nil && t.AuthorID == userID {
			args = append(args, id)
			open++
		}
	}
	if len(entries)+open == 0 {
		return 0, nil
	}
	n, err := forgetScript.Run(ctx, s.client, []string{s.channelKey(k, "log"), s.channelKey(k, "undo"), s.channelKey(k, "wait"), s.key(partition(k.Channel), "waiting")}, args...).Int()
	return n, wrap(ctx, err)
}

// theirs are the entries of a log that a person said or that answer them. The error is
// a *session.KeyError: nobody knows whose an entry is that cannot be read.
func (s *Store) theirs(k session.Key, log []string, userID string) (out []string, err error) {
	last := "" // the author of the question before
	for _, e := range log {
		t, err := s.decodeTurn(k, e)
		if session.IsKeyError(err) {
			return nil, err
		}
		if err != nil {
			continue
		}
		whose := t.AuthorID
		if t.Role == session.RoleAssistant {
			if whose = last; t.Answer != nil && t.Answer.For != "" {
				whose = t.Answer.For
			}
		} else {
			last = t.AuthorID
		}
		if whose == userID {
			out = append(out, e)
		}
	}
	return out, nil
}

// Take takes one token out of the bucket called name, which holds size tokens and
// gets a new one each time every has passed; a bucket never used is full. It returns
// 0, or, if there was none, how long until there is one. All processes that share
// the Redis share the buckets, whatever their clocks.
func (s *Store) Take(ctx context.Context, name string, size int, every time.Duration) (time.Duration, error) {
	err := session.ValidateID("bucket", name)
	n := int64(0)
	if err == nil {
		n, err = takeScript.Run(ctx, s.client, []string{s.key(partition(name), "rate", name)}, s.bucketTime(), size, duration(every)).Int64()
		err = wrap(ctx, err)
	}
	if err != nil {
		return 0, fmt.Errorf("take from bucket %s: %w", name, err)
	}
	return time.Duration(n) * time.Millisecond, nil
}

// bucketTime is the time that buckets go by: ours, if we are alone, else Redis's.
func (s *Store) bucketTime() string {
	if s.alone {
		return ms(s.now())
	}
	return ""
}
