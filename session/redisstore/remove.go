package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// Remove deletes one turn from a session, and from what Undo would bring back, as when
// its message was deleted in Discord. With a question goes the answer to it, all its
// alternatives included, for it may say again what the question said; answer is its id,
// or "". Answers to later questions stay, whatever they repeat. An open question is
// closed, and an answer on its way is refused by Finish. With an answer the question
// stays. The message ids stay known. A turn that is not there is no error. If the answer
// may be one that cannot be read, the rest goes and the error is a *session.KeyError.
func (s *Store) Remove(ctx context.Context, k session.Key, turnID string) (answer string, err error) {
	fail := func(err error) (string, error) {
		return answer, fmt.Errorf("remove message %s from channel %s: %w", turnID, k, err)
	}
	if err := errors.Join(k.Validate(), session.ValidateID("message", turnID)); err != nil {
		return fail(err)
	}
	found := false
	for range settingsTries {
		// The encoding is not the scripts' business: find the entries here, and let
		// the script delete exactly them.
		r, err := s.findRemoved(ctx, k, turnID)
		if err != nil {
			return fail(err)
		}
		found = found || len(r.entries) > 0
		if r.answer != "" {
			answer = r.answer
		}
		args := []any{turnID, member(k, turnID), 0}
		if r.open {
			args[2] = 1
		}
		for _, e := range r.entries {
			args = append(args, e)
		}
		n, err := removeScript.Run(ctx, s.client,
			[]string{s.channelKey(k, "log"), s.channelKey(k, "wait"), s.key(partition(k.Channel), "waiting"), s.channelKey(k, "undo")}, args...).Int64()
		if err != nil {
			return fail(wrap(ctx, err))
		}
		if n == 0 {
			continue
		}
		if found {
			r.unread = errors.Join(r.unread, s.o.Erase(context.WithoutCancel(ctx), eraseAfter))
		}
		if r.unread != nil {
			return fail(r.unread)
		}
		return answer, nil
	}
	return fail(session.ErrConflict)
}

// removed is what goes with a turn.
type removed struct {
	entries []string // encoded turns: the answer, if there is one, and then the turn itself
	answer  string   // the answer's id
	open    bool     // the turn is a question without an answer
	unread  error    // of a turn that may be one of those that are missing here
}

// findRemoved reads what Remove deletes, as it was at one moment.
func (s *Store) findRemoved(ctx context.Context, k session.Key, turnID string) (r removed, err error) {
	var lists [2]*redis.StringSliceCmd
	var open *redis.BoolCmd
	_, err = s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for i, list := range []string{"log", "undo"} {
			lists[i] = p.LRange(ctx, s.channelKey(k, list), 0, -1)
		}
		open = p.HExists(ctx, s.channelKey(k, "wait"), turnID)
		return nil
	})
	if err != nil {
		return r, wrap(ctx, err)
	}
	r.open = open.Val()
	var itself, answers []string
	whole := false // there is no more to it
	for _, list := range lists {
		sess := session.Session{Turns: make([]session.Turn, len(list.Val()))}
		for i, e := range list.Val() {
			var err error
			if sess.Turns[i], err = s.decodeTurn(k, e); session.IsKeyError(err) {
				r.unread = err
			}
		}
		answer, ok := sess.AnswerTo(turnID)
		for i, t := range sess.Turns {
			switch {
			case t.ID == turnID:
				itself = append(itself, list.Val()[i])
				whole = r.open || ok || t.Role == session.RoleAssistant
			case ok && t.ID == answer.ID:
				r.answer, answers = t.ID, append(answers, list.Val()[i])
			}
		}
	}
	if whole {
		r.unread = nil
	}
	r.entries = append(answers, itself...)
	return r, nil
}
