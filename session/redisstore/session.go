package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// Finish closes a question with its answer: the answer's turn is put directly
// behind the question (or nowhere, if the question has been dropped as too
// old), and its message id becomes a known one. With an empty answer text the
// question is only closed: it stays in the session without an answer. The
// answer's id may then be empty.
//
// done reports whether this answer finished the question, in this call or in
// an earlier one with the same answer id. It is false, and nothing is stored,
// if the question is not open: another answer finished it, or Reset or Remove
// took it away, or it was never accepted. The amounts are counted once, if it is
// this call that finished it.
func (s *Store) Finish(ctx context.Context, k session.Key, questionID string, answer session.Turn, amounts ...session.Amount) (done bool, err error) {
	fail := func(err error) (bool, error) {
		return false, fmt.Errorf("finish question %s in channel %s: %w", questionID, k, err)
	}
	if err := errors.Join(k.Validate(), session.ValidateID("question", questionID)); err != nil {
		return fail(err)
	}
	entry := ""
	if answer.Text != "" {
		if entry, err = s.encodeTurn(k, answer); err != nil {
			return fail(err)
		}
	}
	now, p := s.now(), partition(k.Channel)
	total, day := s.statKeys(p, now)
	args := []any{questionID, entry, answer.ID, ms(now), s.o.MaxTurns, duration(s.o.TTL), s.o.SeenIDs, member(k, questionID), duration(dayTTL), s.seenTTL()}
	for _, a := range amounts {
		if err := session.ValidateID("counter", a.Name); err != nil {
			return fail(err)
		}
		args = append(args, a.Name, a.N)
	}
	n, err := finishScript.Run(ctx, s.client,
		[]string{s.channelKey(k, "log"), s.channelKey(k, "seen"), s.channelKey(k, "wait"), s.key(p, "waiting"), total, day, s.holdKey(k, questionID)}, args...).Int64()
	if err != nil {
		return fail(wrap(ctx, err))
	}
	return n == 1, nil
}

// Load returns the session of a channel: its turns and settings. It is
// session.ErrNotFound if there are neither.
func (s *Store) Load(ctx context.Context, k session.Key) (session.Session, error) {
	fail := func(err error) (session.Session, error) {
		return session.Session{}, fmt.Errorf("load session of channel %s: %w", k, err)
	}
	if err := k.Validate(); err != nil {
		return fail(err)
	}
	var log *redis.StringSliceCmd
	var cfg *redis.StringCmd
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		log, cfg = s.askSession(ctx, p, k)
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return fail(wrap(ctx, err))
	}
	if len(log.Val()) == 0 && cfg.Val() == "" {
		return fail(session.ErrNotFound)
	}
	sess, err := s.decode(k, log.Val(), cfg.Val())
	if err != nil {
		return fail(err)
	}
	return sess, nil
}

// askSession asks for what decode reads.
func (s *Store) askSession(ctx context.Context, p redis.Pipeliner, k session.Key) (log *redis.StringSliceCmd, cfg *redis.StringCmd) {
	return p.LRange(ctx, s.channelKey(k, "log"), 0, -1), p.Get(ctx, s.channelKey(k, "cfg"))
}

// decode builds a session from what is stored.
func (s *Store) decode(k session.Key, turns []string, cfg string) (session.Session, error) {
	sess := session.Session{Key: k, Turns: make([]session.Turn, len(turns))}
	var err error
	for i, e := range turns {
		if sess.Turns[i], err = s.decodeTurn(k, e); err != nil {
			return session.Session{}, fmt.Errorf("turn %d of %d: %w", i+1, len(turns), err)
		}
	}
	if sess.Settings, err = s.decodeSettings(k, cfg); err != nil {
		return session.Session{}, err
	}
	return sess, nil
}

// Reset forgets what was said in a channel, unless Undo brings it back within ten
// minutes. Its settings stay, and so does the knowledge of its message ids. Open
// questions are closed: an answer to one of them, on its way now, is refused by Finish
// and cannot enter the fresh session. A channel without a session is no error.
func (s *Store) Reset(ctx context.Context, k session.Key) error {
	err := k.Validate()
	if err == nil {
		err = wrap(ctx, resetScript.Run(ctx, s.client,
			[]string{s.channelKey(k, "log"), s.channelKey(k, "wait"), s.key(partition(k.Channel), "waiting"), s.channelKey(k, "undo")},
			member(k, ""), duration(undoTTL)).Err())
	}
	if err == nil {
		err = s.o.Erase(context.WithoutCancel(ctx), undoTTL+eraseAfter)
	}
	if err != nil {
		return fmt.Errorf("reset session of channel %s: %w", k, err)
	}
	return nil
}

// Undo brings back what the last Reset forgot, before what was said since, and
// returns how many turns that are: none if there was no Reset lately, or if it was
// undone. Questions that it closed stay closed.
func (s *Store) Undo(ctx context.Context, k session.Key) (turns int, err error) {
	err = k.Validate()
	if err == nil {
		turns, err = undoScript.Run(ctx, s.client, []string{s.channelKey(k, "log"), s.channelKey(k, "undo")}, s.o.MaxTurns, duration(s.o.TTL)).Int()
		err = wrap(ctx, err)
	}
	if err != nil {
		return 0, fmt.Errorf("undo the reset of channel %s: %w", k, err)
	}
	return turns, nil
}
