package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// Forget removes everything that a person said, in all channels, and the answers to
// it; questions of theirs are closed unanswered. It returns how many turns that
// were. It reads every session, one after another, so that no index of who spoke where
// need be kept; what is said meanwhile may stay. A channel with something that cannot be
// read is left as it is, and named in the error, for nobody knows whose that is; the
// others are done. After another error some of it is done; calling it again goes on.
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
	var unread error
	for _, k := range channels {
		n, err := s.forgetIn(ctx, k, userID)
		if err != nil {
			err = fmt.Errorf("channel %s: %w", k, err)
		}
		if ctx.Err() != nil || errors.Is(err, session.ErrUnavailable) {
			return fail(err)
		}
		unread = errors.Join(unread, err)
		turns += n
	}
	if err := errors.Join(unread, s.o.Erase(ctx, 0)); err != nil {
		return fail(err)
	}
	return turns, nil
}

// channels are those with a key of one of the kinds.
func (s *Store) channels(ctx context.Context, kinds ...string) ([]session.Key, error) {
	var mu sync.Mutex // masters are asked one after another
	seen := map[string]bool{}
	var out []session.Key
	err := s.eachMaster(ctx, func(ctx context.Context, node redis.Cmdable) error {
		mu.Lock()
		defer mu.Unlock()
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
	})
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
		return 0, err
	}
	undone, err := s.theirs(k, undo.Val(), userID)
	if err != nil {
		return 0, err
	}
	entries = append(entries, undone...)
	args := []any{member(k, ""), len(entries)}
	for _, e := range entries {
		args = append(args, e)
	}
	open := 0
	for id, v := range wait.Val() {
		t, err := s.decodeOpen(k, v)
		if err != nil {
			return 0, fmt.Errorf("open question %s: %w", id, err)
		}
		if t.AuthorID == userID {
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
// that of an entry that cannot be read.
func (s *Store) theirs(k session.Key, log []string, userID string) (out []string, err error) {
	last := "" // the author of the question before
	for _, e := range log {
		t, err := s.decodeTurn(k, e)
		if err != nil {
			return nil, err
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
