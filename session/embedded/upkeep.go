package embedded

import (
	"fmt"
	"slices"
	"strconv"
	"time"
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
		select {
		case <-s.stop:
			return
		case <-t.C:
		}
		err := s.journal.sync()
		now := time.Now()
		if err == nil && now.Sub(last) < tick {
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
		if (err != nil || s.journal.grown(compactMin)) && now.After(notBefore) {
			cerr := s.compact()
			switch {
			case cerr != nil:
				notBefore = now.Add(retryAfter)
				s.o.Log.Warn("cannot write the journal anew", "file", s.path, "err", cerr)
			case broken:
				broken = false
				s.o.Log.Info("a new journal is written; conversations are accepted again", "file", s.path)
			}
		}
		s.turn <- struct{}{}
	}
}

// compact writes the journal anew, with what the Redis holds and nothing
// else. Nobody else may write meanwhile.
func (s *Server) compact() error {
	batches, err := s.dump()
	if err != nil {
		return err
	}
	j, err := create(s.path, s.clock, batches, s.journal)
	if err != nil {
		return err
	}
	s.journal = j
	return nil
}

// dump returns commands, in batches of about a megabyte, that make an empty
// Redis hold what this one holds: scripts first, then keys in order.
func (s *Server) dump() ([][]byte, error) {
	const batchLen = 1 << 20
	var batches [][]byte
	var batch []byte
	add := func(words ...string) {
		batch = appendCommand(batch, words...)
		if len(batch) >= batchLen {
			batches, batch = append(batches, batch), nil
		}
	}
	for _, digest := range sortedKeys(s.scripts) {
		add("SCRIPT", "LOAD", s.scripts[digest])
	}
	for _, key := range s.redis.Keys() {
		if err := s.dumpKey(key, add); err != nil {
			return nil, fmt.Errorf("key %s: %w", key, err)
		}
		if ttl := s.redis.TTL(key); ttl > 0 {
			add("PEXPIRE", key, strconv.FormatInt(max(1, ttl.Milliseconds()), 10))
		}
	}
	if batch != nil {
		batches = append(batches, batch)
	}
	return batches, nil
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
		for _, m := range sortedKeys(z) {
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

// sortedKeys returns a map's keys in order, so that equal data gives equal
// journals.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
