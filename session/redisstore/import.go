package redisstore

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"moebot/session"
)

// maxLine bounds a line of an archive, in bytes: of a channel with 10,000 turns of
// 6 kB, say.
const maxLine = 64 << 20

// Import reads an archive that Export wrote. What the store has stays as it is: turns
// whose message ids it does not know come before those it has, and the oldest above
// Options.MaxTurns are dropped; settings are taken over where there are none; counters
// are raised to those of the archive. So importing a file again, or the rest after an
// error, changes nothing twice. A message that was deleted or forgotten here does not
// come back while its id is known. A channel is imported whole or not at all, and its
// turns expire when they would have; those that have already are left out.
//
// Errors name the line. All lines before it have been imported.
func (s *Store) Import(ctx context.Context, r io.Reader) (n session.Moved, err error) {
	at := 0
	fail := func(err error) (session.Moved, error) {
		return n, fmt.Errorf("import sessions: line %d: %w", at, err)
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	ended := false
	for lines.Scan() {
		at++
		text := lines.Bytes()
		switch {
		case at == 1:
			if err := session.CheckArchiveHeader(text); err != nil {
				return fail(err)
			}
			continue
		case len(text) == 0:
			continue
		case ended:
			return fail(errors.New("more lines behind the end"))
		}
		rec, err := session.DecodeRecord(text)
		if err != nil {
			return fail(err)
		}
		switch {
		case rec.End != nil && *rec.End != n.Channels:
			return fail(fmt.Errorf("the end counts %d channels; before it there are %d", *rec.End, n.Channels))
		case rec.End != nil:
			ended = true
		case rec.Counters != nil:
			err = s.raise(ctx, rec.Counters)
		default:
			n.Channels++
			n.Turns += len(rec.Channel.Turns)
			var added int
			added, err = s.restore(ctx, rec.Channel)
			n.Added += added
		}
		if err != nil {
			return fail(err)
		}
	}
	at++
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fail(fmt.Errorf("it is longer than %d MiB", maxLine>>20))
	case err != nil:
		return fail(err)
	case !ended:
		return fail(errors.New("the file ends before its end: it is not whole"))
	}
	return n, nil
}

// restore puts what was kept of a channel into the store, and returns how many turns
// were missing.
func (s *Store) restore(ctx context.Context, kept *session.Kept) (added int, err error) {
	k, now := kept.Key, s.now()
	fail := func(err error) (int, error) { return 0, fmt.Errorf("channel %s: %w", k, err) }
	ttl := s.o.TTL
	if !kept.Expires.IsZero() {
		ttl = min(ttl, kept.Expires.Sub(now))
	}
	turns, open := kept.Turns, kept.Open
	if ttl < time.Millisecond {
		turns, open, ttl = nil, nil, time.Millisecond
	}
	cfg, err := s.encodeSettings(k, kept.Settings)
	if err != nil {
		return fail(err)
	}
	for range settingsTries {
		log, err := s.client.LRange(ctx, s.channelKey(k, "log"), 0, -1).Result()
		if err != nil {
			return fail(wrap(ctx, err))
		}
		have := map[string]bool{}
		for _, e := range log {
			t, err := s.decodeTurn(k, e)
			if err != nil {
				return fail(err)
			}
			have[t.ID] = true
		}
		var missing, waiting, seen []any // arguments of import.lua
		entries := map[string]string{}
		for _, t := range turns {
			if have[t.ID] {
				continue
			}
			entry, err := s.encodeTurn(k, t)
			if err != nil {
				return fail(err)
			}
			entries[t.ID] = entry
			since, ok := kept.Seen[t.ID]
			if !ok {
				since = t.Time
			}
			missing = append(missing, t.ID, entry, ms(since))
		}
		for _, q := range open {
			entry, ok := entries[q.Turn.ID]
			if s.givenUp(q.Since) || have[q.Turn.ID] {
				continue
			}
			if !ok { // it was pushed out of the session
				if entry, err = s.encodeTurn(k, q.Turn); err != nil {
					return fail(err)
				}
			}
			waiting = append(waiting, q.Turn.ID, newToken()+entry, member(k, q.Turn.ID), ms(q.Since))
		}
		for id, t := range kept.Seen {
			seen = append(seen, id, ms(t))
		}
		args := []any{digest(log), s.o.MaxTurns, s.o.SeenIDs, duration(ttl), s.seenTTL(), cfg, len(missing) / 3, len(waiting) / 4}
		added, err := importScript.Run(ctx, s.client, []string{s.channelKey(k, "log"), s.channelKey(k, "seen"), s.channelKey(k, "wait"),
			s.key(partition(k.Channel), "waiting"), s.channelKey(k, "cfg")}, slices.Concat(args, missing, waiting, seen)...).Int()
		if err != nil {
			return fail(wrap(ctx, err))
		}
		if added >= 0 {
			return added, nil
		}
	}
	return fail(session.ErrConflict)
}

// digest tells one log from another; import.lua makes the same.
func digest(log []string) string {
	sum := sha1.Sum([]byte(strings.Join(log, "\n")))
	return hex.EncodeToString(sum[:])
}

// raise makes each counter at least what it was in an archive.
func (s *Store) raise(ctx context.Context, counters map[string]int64) error {
	now, err := s.Counters(ctx)
	if err != nil {
		return err
	}
	total, _ := s.statKeys(0, s.now())
	for name, n := range counters {
		if d := n - now.Total[name]; d > 0 {
			if err := wrap(ctx, s.client.HIncrBy(ctx, total, name, d).Err()); err != nil {
				return fmt.Errorf("counter %s: %w", name, err)
			}
		}
	}
	return nil
}
