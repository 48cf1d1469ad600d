package embedded

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"moebot/session"
)

// upkeep, until Close, brings records onto the disk, lets times to live run
// down, shortens the journal, and starts a new one if the old takes no more.
func (s *Server) upkeep() {
	defer close(s.done)
	period := s.o.SyncEvery
	if period < 0 || period > tick {
		period = tick
	}
	t := time.NewTicker(period)
	defer t.Stop()
	last, notBefore, broken := time.Now(), time.Time{}, false
	for {
		var erased chan<- error // told whether the journal is written anew, if that was asked for
		select {
		case <-s.stop:
			return
		case <-t.C:
		case erased = <-s.erase:
		}
		err := s.journal.sync()
		now := time.Now()
		if err == nil && erased == nil && now.Sub(last) < tick {
			continue
		}
		last = now
		if err != nil && !broken {
			broken = true
			s.o.Log.Error("the journal takes no more; conversations are not accepted until a new one can be written",
				"file", s.path, "err", err)
		}
		<-s.turn
		s.advance(now.UnixMilli())
		if erased != nil || (err != nil || s.journal.grown(compactMin) || now.After(s.stale)) && now.After(notBefore) {
			cerr := s.compact()
			switch {
			case cerr != nil:
				notBefore = now.Add(retryAfter)
				s.o.Log.Warn("cannot write the journal anew", "file", s.path, "err", cerr)
			case broken:
				broken = false
				s.o.Log.Info("a new journal is written; conversations are accepted again", "file", s.path)
			}
			if erased != nil {
				erased <- cerr
			}
		}
		s.turn <- struct{}{}
	}
}

// compact writes the journal anew, with what the Redis holds and nothing
// else. Nobody else may write meanwhile.
func (s *Server) compact() error {
	start := time.Now()
	j, err := create(s.path, s.clock, s.dump, s.journal)
	if err != nil {
		return err
	}
	s.journal, s.took = j, time.Since(start)
	s.stale = start.Add(rewriteEvery)
	if s.erasures.After(start) {
		s.stale = s.erasures
	} else {
		s.erasures = time.Time{}
	}
	return nil
}

// Erase has what was removed, or will have expired after a time, leave the journal, too: at
// once with 0, else soon after it, and before that if the server is closed. An error is
// that of writing the journal anew, or ctx's.
func (s *Server) Erase(ctx context.Context, after time.Duration) error {
	if after > 0 {
		select {
		case <-s.turn:
		case <-ctx.Done():
			return ctx.Err()
		}
		at := time.Now().Add(max(after, eraseShare*s.took))
		if at.Before(s.stale) {
			s.stale = at
		}
		if at.After(s.erasures) {
			s.erasures = at
		}
		s.turn <- struct{}{}
		return nil
	}
	erased := make(chan error, 1)
	select {
	case s.erase <- erased:
	case <-s.done:
		return fmt.Errorf("%w: closed", session.ErrUnavailable)
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := <-erased; err != nil {
		return s.unavailable(err)
	}
	return nil
}

// dump puts commands, in batches of about a megabyte, that make an empty
// Redis hold what this one holds: scripts first, then keys in order.
func (s *Server) dump(put func(batch []byte) error) error {
	const batchLen = 1 << 20
	var batch []byte
	var failed error
	add := func(words ...string) {
		batch = appendCommand(batch, words...)
		if len(batch) >= batchLen && failed == nil {
			failed, batch = put(batch), batch[:0]
		}
	}
	for _, digest := range slices.Sorted(maps.Keys(s.scripts)) {
		add("SCRIPT", "LOAD", s.scripts[digest])
	}
	for _, key := range s.redis.Keys() {
		if err := s.dumpKey(key, add); err != nil {
			return fmt.Errorf("key %s: %w", key, err)
		}
		if failed != nil {
			return failed
		}
		if ttl := s.redis.TTL(key); ttl > 0 {
			add("PEXPIRE", key, strconv.FormatInt(max(1, ttl.Milliseconds()), 10))
		}
	}
	if len(batch) > 0 {
		failed = put(batch)
	}
	return failed
}

// dumpKey adds the commands that make one key, its expiry aside.
func (s *Server) dumpKey(key string, add func(...string)) error {
	var words []string
	var verb string
	switch kind := s.redis.Type(key); kind {
	case "string":
		v, err := s.redis.Get(key)
		if err != nil {
			return err
		}
		add("SET", key, v)
		return nil
	case "list":
		l, err := s.redis.List(key)
		if err != nil {
			return err
		}
		verb, words = "RPUSH", l
	case "set":
		l, err := s.redis.Members(key)
		if err != nil {
			return err
		}
		verb, words = "SADD", l
	case "hash":
		fields, err := s.redis.HKeys(key)
		if err != nil {
			return err
		}
		verb = "HSET"
		for _, f := range fields {
			words = append(words, f, s.redis.HGet(key, f))
		}
	case "zset":
		z, err := s.redis.SortedSet(key)
		if err != nil {
			return err
		}
		verb = "ZADD"
		for _, m := range slices.Sorted(maps.Keys(z)) {
			words = append(words, strconv.FormatFloat(z[m], 'g', -1, 64), m)
		}
	default:
		return fmt.Errorf("cannot be journaled: it is a %s", kind)
	}
	for part := range slices.Chunk(words, 128) { // even: pairs stay together
		add(append([]string{verb, key}, part...)...)
	}
	return nil
}
