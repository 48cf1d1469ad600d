package redisstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// Export writes an archive (session.Record) of all channels, or of one if its id is
// given: turns, open questions, settings, known message ids and expiry, and of all
// channels the counters. What is sealed is opened: an archive is for everybody to read.
// It writes channel by channel, each as it is at one moment. What Remember keeps, what
// Undo would bring back and who is at an open question is left out.
//
// It ends with the first channel that cannot be read, so that nobody takes a part for
// the whole; the error names it.
func (s *Store) Export(ctx context.Context, w io.Writer, channel string) (n session.Moved, err error) {
	fail := func(err error) (session.Moved, error) { return n, fmt.Errorf("export sessions: %w", err) }
	channels := []session.Key{{Channel: channel}}
	if channel == "" {
		if channels, err = s.channels(ctx, "log", "wait", "cfg", "seen"); err != nil {
			return fail(err)
		}
	} else if err := channels[0].Validate(); err != nil {
		return fail(err)
	}
	slices.SortFunc(channels, func(a, b session.Key) int { return strings.Compare(a.Channel, b.Channel) })
	b := bufio.NewWriter(w)
	write := func(r session.Record) error {
		text, err := session.EncodeRecord(r)
		if err == nil {
			_, err = b.Write(text)
		}
		return err
	}
	if _, err := b.Write(session.ArchiveHeader()); err != nil {
		return fail(err)
	}
	for _, k := range channels {
		kept, err := s.kept(ctx, k)
		if err != nil {
			return fail(fmt.Errorf("channel %s: %w", k, err))
		}
		if len(kept.Turns)+len(kept.Open)+len(kept.Seen) == 0 && kept.Settings.IsZero() {
			continue // expired meanwhile
		}
		if err := write(session.Record{Channel: kept}); err != nil {
			return fail(err)
		}
		n.Channels++
		n.Turns += len(kept.Turns)
	}
	if channel == "" {
		c, err := s.Counters(ctx)
		if err == nil {
			err = write(session.Record{Counters: c.Total})
		}
		if err != nil {
			return fail(err)
		}
	}
	if err := errors.Join(write(session.Record{End: &n.Channels}), b.Flush()); err != nil {
		return fail(err)
	}
	return n, nil
}

// kept reads all that is kept of a channel.
func (s *Store) kept(ctx context.Context, k session.Key) (*session.Kept, error) {
	var log *redis.StringSliceCmd
	var cfg *redis.StringCmd
	var seen, waiting *redis.ZSliceCmd
	var wait *redis.MapStringStringCmd
	var expires *redis.DurationCmd
	_, err := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		log, cfg = s.askSession(ctx, p, k)
		seen, wait = p.ZRangeWithScores(ctx, s.channelKey(k, "seen"), 0, -1), p.HGetAll(ctx, s.channelKey(k, "wait"))
		waiting = p.ZRangeWithScores(ctx, s.key(partition(k.Channel), "waiting"), 0, -1)
		expires = p.PTTL(ctx, s.channelKey(k, "log"))
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, wrap(ctx, err)
	}
	kept := &session.Kept{Seen: map[string]time.Time{}}
	if kept.Session, err = s.decode(k, log.Val(), cfg.Val()); err != nil {
		return nil, err
	}
	for _, z := range seen.Val() {
		id, _ := z.Member.(string)
		kept.Seen[id] = when(z.Score)
	}
	for _, z := range waiting.Val() { // in the order they were accepted
		m, _ := z.Member.(string)
		id, ok := cutMember(k, m)
		v, open := wait.Val()[id]
		since := when(z.Score)
		if !ok || !open || s.givenUp(since) {
			continue
		}
		t, err := s.decodeOpen(k, v)
		if err != nil {
			return nil, fmt.Errorf("open question %s: %w", id, err)
		}
		kept.Open = append(kept.Open, session.Pending{Key: k, Turn: t, Since: since})
	}
	if d := expires.Val(); d > 0 {
		kept.Expires = s.now().Add(d)
	}
	return kept, nil
}
