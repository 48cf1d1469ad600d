package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// maxUnsure bounds how many Accepts of unknown fate are remembered; past it
// the oldest are forgotten and left to Pending.
const maxUnsure = 4096

// Accept stores a user's message as a new question, unless its id is known in
// the channel: it claims the id, appends the turn, drops the oldest turns
// above the limit, restarts the session's expiry, counts one message, and
// lists the question as pending. It returns the session as it is right behind
// that, in either case.
//
// accepted is true for exactly one caller per message id, who has to answer it
// and call Finish. False means the message was accepted before, and answering
// it is somebody else's duty or done. See the package comment for trying
// again after an error.
func (s *Store) Accept(ctx context.Context, k session.Key, t session.Turn) (sess session.Session, accepted bool, err error) {
	sess, accepted, _, err = s.Admit(ctx, k, t, nil)
	return sess, accepted, err
}

// Admit is Accept, and in the same round trip takes a token out of each bucket of
// limits, as Take does. wait is 0, or, if one of them was empty, how long until all of
// them have a token; the others get theirs back. A message takes its tokens once, however often and in however
// many processes it is delivered. The question is accepted whatever the buckets say;
// one that shall not be answered is closed by Finish. A bucket that cannot be asked
// is taken to be full.
func (s *Store) Admit(ctx context.Context, k session.Key, t session.Turn, limits []session.Limit) (sess session.Session, accepted bool, wait time.Duration, err error) {
	fail := func(err error) (session.Session, bool, time.Duration, error) {
		return session.Session{}, false, 0, fmt.Errorf("accept message %s in channel %s: %w", t.ID, k, err)
	}
	if err := k.Validate(); err != nil {
		return fail(err)
	}
	entry, err := s.encodeTurn(k, t)
	if err != nil {
		return fail(err)
	}
	token := s.takeToken(member(k, t.ID))
	now, p := s.now(), partition(k.Channel)
	total, day := s.statKeys(p, now)
	calls := make([]call, 0, 1+len(limits))
	calls = append(calls, call{script: acceptScript,
		keys: []string{s.channelKey(k, "log"), s.channelKey(k, "seen"), s.channelKey(k, "wait"), s.key(p, "waiting"), total, day, s.holdKey(k, t.ID)},
		args: []any{t.ID, entry, token, ms(now), s.o.MaxTurns, duration(s.o.TTL), s.o.SeenIDs, member(k, t.ID), ms(now.Add(-s.o.PendingTTL)), duration(dayTTL), s.seenTTL(), s.o.Owner, duration(s.o.HoldTTL), s.openable}})
	takes, err := s.takes(t.ID, limits)
	if err != nil {
		return fail(err)
	}
	calls = append(calls, takes...)
	var log *redis.StringSliceCmd
	var cfg *redis.StringCmd
	replies := s.runAll(ctx, calls, func(p redis.Pipeliner) {
		log, cfg = s.askSession(ctx, p, k)
	})
	sess, accepted, err = s.readAccepted(ctx, k, t.ID, replies[0], log, cfg)
	if err != nil {
		// It may be stored all the same: trying again must find this caller still in
		// charge.
		s.keepToken(member(k, t.ID), token)
		return fail(err)
	}
	return sess, accepted, s.taken(ctx, t.ID, limits, replies[1:]), nil
}

// readAccepted reads what accept.lua returned for a message, and the session as it was
// read behind it.
func (s *Store) readAccepted(ctx context.Context, k session.Key, id string, reply *redis.Cmd, log *redis.StringSliceCmd, cfg *redis.StringCmd) (session.Session, bool, error) {
	fail := func(err error) (session.Session, bool, error) { return session.Session{}, false, err }
	parts, err := reply.Slice()
	if err != nil {
		return fail(wrap(ctx, err))
	}
	if len(parts) != 2 {
		return fail(fmt.Errorf("reply has %d parts instead of 2", len(parts)))
	}
	n, ok1 := parts[0].(int64)
	header, ok2 := parts[1].(string)
	if !ok1 || !ok2 {
		return fail(fmt.Errorf("unexpected reply %T, %T", parts[0], parts[1]))
	}
	if n < 0 {
		return fail(s.unsealable(k, header))
	}
	for _, err := range []error{log.Err(), cfg.Err()} {
		if err != nil && !errors.Is(err, redis.Nil) {
			return fail(wrap(ctx, err))
		}
	}
	sess, err := s.decode(k, log.Val(), cfg.Val())
	if err != nil {
		return fail(err)
	}
	if n == 1 && sess.UpTo(id) == nil {
		// Removed since, or read before it was there: the commands behind the script
		// are no part of it, and a Cluster whose slots move may run them first.
		if sess, err = s.Load(ctx, k); errors.Is(err, session.ErrNotFound) {
			sess, err = session.Session{Key: k, Turns: []session.Turn{}}, nil
		}
	}
	return sess, n == 1, err
}

// call is a script with what it is given.
type call struct {
	script *redis.Script
	keys   []string
	args   []any
}

// runAll runs scripts, and what read (if not nil) asks behind the first of them, in one
// round trip, and once more those that Redis did not know. They are not atomic together,
// and may run in any order.
func (s *Store) runAll(ctx context.Context, calls []call, read func(redis.Pipeliner)) []*redis.Cmd {
	out := make([]*redis.Cmd, len(calls))
	_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // each reply has its error
		for i, c := range calls {
			out[i] = c.script.EvalSha(ctx, p, c.keys, c.args...)
			if i == 0 && read != nil {
				read(p)
			}
		}
		return nil
	})
	for i, c := range calls {
		if !redis.HasErrorPrefix(out[i].Err(), "NOSCRIPT") {
			continue
		}
		out[i] = c.script.Eval(ctx, s.client, c.keys, c.args...)
		if i == 0 && read != nil {
			_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { read(p); return nil })
		}
	}
	return out
}

// takeToken returns the token of an earlier Accept of unknown fate, which it
// forgets, or a fresh random one.
func (s *Store) takeToken(id string) string {
	s.mu.Lock()
	token, ok := s.unsure[id]
	if ok {
		delete(s.unsure, id)
		s.unsures = slices.DeleteFunc(s.unsures, func(u string) bool { return u == id })
	}
	s.mu.Unlock()
	if ok {
		return token
	}
	return newToken()
}

// newToken makes up a token.
func newToken() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// keepToken remembers the token of an Accept whose fate is unknown.
func (s *Store) keepToken(id, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsure[id] = token
	s.unsures = append(s.unsures, id)
	if len(s.unsures) > maxUnsure {
		delete(s.unsure, s.unsures[0])
		s.unsures = s.unsures[1:]
	}
}
