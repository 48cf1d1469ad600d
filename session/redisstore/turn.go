package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// findTurn returns a turn of a session, encoded as it is stored and decoded, or
// session.ErrNotFound.
func (s *Store) findTurn(ctx context.Context, k session.Key, turnID string) (string, session.Turn, error) {
	log, err := s.client.LRange(ctx, s.channelKey(k, "log"), 0, -1).Result()
	if err != nil {
		return "", session.Turn{}, wrap(ctx, err)
	}
	missing := error(session.ErrNotFound)
	for _, e := range log {
		t, err := s.decodeTurn(k, e)
		if err == nil && t.ID == turnID {
			return e, t, nil
		}
		if session.IsKeyError(err) {
			missing = err // it may be that one
		}
	}
	return "", session.Turn{}, missing
}

// UpdateTurn changes one turn of a session by compare-and-swap: the text of an
// edited question, or which alternative of an answer holds. It calls change with
// the stored turn, once or, if others are faster, several times, and returns what is
// stored in the end. An error of change ends it unchanged and is returned wrapped.
// It is session.ErrNotFound if there is no such turn (any more), and
// session.ErrConflict if others were faster eight times. Expiry is not restarted.
func (s *Store) UpdateTurn(ctx context.Context, k session.Key, turnID string, change func(*session.Turn) error) (session.Turn, error) {
	fail := func(err error) (session.Turn, error) {
		return session.Turn{}, fmt.Errorf("change message %s of channel %s: %w", turnID, k, err)
	}
	if err := errors.Join(k.Validate(), session.ValidateID("message", turnID)); err != nil {
		return fail(err)
	}
	for range settingsTries {
		old, turn, err := s.findTurn(ctx, k, turnID)
		if err != nil {
			return fail(err)
		}
		if err := change(&turn); err != nil {
			return fail(err)
		}
		entry, err := s.encodeTurn(k, turn)
		if err != nil {
			return fail(err)
		}
		n, err := updateScript.Run(ctx, s.client, []string{s.channelKey(k, "log"), s.channelKey(k, "wait")}, turnID, old, entry).Int64()
		if err != nil {
			return fail(wrap(ctx, err))
		}
		if n == 1 {
			return turn, nil
		}
	}
	return fail(session.ErrConflict)
}

// Claim makes a message id known without accepting it as a question: for messages
// that are refused. It reports true to exactly one caller, and never for one that
// was accepted.
func (s *Store) Claim(ctx context.Context, k session.Key, messageID string) (bool, error) {
	err := errors.Join(k.Validate(), session.ValidateID("message", messageID))
	n := int64(0)
	if err == nil {
		n, err = claimScript.Run(ctx, s.client, []string{s.channelKey(k, "seen")}, messageID, ms(s.now()), s.o.SeenIDs, s.seenTTL()).Int64()
		err = wrap(ctx, err)
	}
	if err != nil {
		return false, fmt.Errorf("claim message %s of channel %s: %w", messageID, k, err)
	}
	return n == 1, nil
}

// Hold takes charge of a question of Pending. It reports false if the question is
// not open any more, or another process is at it: one that accepted it or took
// charge, and has renewed that within Options.HoldTTL.
func (s *Store) Hold(ctx context.Context, k session.Key, questionID string) (bool, error) {
	err := errors.Join(k.Validate(), session.ValidateID("question", questionID))
	n := int64(0)
	if err == nil {
		n, err = holdScript.Run(ctx, s.client, []string{s.channelKey(k, "wait"), s.holdKey(k, questionID)}, questionID, s.o.Owner, duration(s.o.HoldTTL)).Int64()
		err = wrap(ctx, err)
	}
	if err != nil {
		return false, fmt.Errorf("take charge of question %s in channel %s: %w", questionID, k, err)
	}
	return n == 1, nil
}

// Waits reports whether a question was accepted and has no answer yet, whoever is at it.
func (s *Store) Waits(ctx context.Context, k session.Key, questionID string) (bool, error) {
	err := errors.Join(k.Validate(), session.ValidateID("question", questionID))
	open := false
	if err == nil {
		open, err = s.client.HExists(ctx, s.channelKey(k, "wait"), questionID).Result()
		err = wrap(ctx, err)
	}
	if err != nil {
		return false, fmt.Errorf("look for question %s in channel %s: %w", questionID, k, err)
	}
	return open, nil
}

// Renew stays in charge of questions for another Options.HoldTTL. Those that nobody
// is in charge of any more are left so.
func (s *Store) Renew(ctx context.Context, questions []session.Pending) error {
	return s.each(ctx, questions, "stay in charge of", func(p redis.Pipeliner, key string) { p.PExpire(ctx, key, s.o.HoldTTL) })
}

// Release gives up the charge of questions, so that another process, or this one
// after a restart, can take it at once.
func (s *Store) Release(ctx context.Context, questions []session.Pending) error {
	return s.each(ctx, questions, "give up", func(p redis.Pipeliner, key string) { p.Del(ctx, key) })
}

func (s *Store) each(ctx context.Context, questions []session.Pending, what string, do func(redis.Pipeliner, string)) error {
	if len(questions) == 0 {
		return nil
	}
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, q := range questions {
			do(p, s.holdKey(q.Key, q.Turn.ID))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s %d questions: %w", what, len(questions), wrap(ctx, err))
	}
	return nil
}
