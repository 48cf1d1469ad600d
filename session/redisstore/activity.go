package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// activityTTL is how long what happened in an hour is known: seven days, and one for
// whoever looks at them.
const activityTTL = 8 * 24 * time.Hour

// activityKeys are the keys of what happened in a place in the hour of a time.
func (s *Store) activityKeys(place string, at time.Time) (counts, marks string) {
	p, hour := partition(place), at.UTC().Format("2006010215")
	return s.key(p, "act", place, hour), s.key(p, "who", place, hour)
}

// writerField is the field of an hour's counts that holds the number of a writer's last
// batch. No counter's name has a blank.
func writerField(writer string) string { return " " + writer }

// AddActivity adds what happened in the hour of a time, by place: a server, say. It
// takes one round trip. After an error some places may have been added to, and not others:
// they are returned, for the caller to try again with the same batch, which is added to
// none twice.
func (s *Store) AddActivity(ctx context.Context, at time.Time, b session.Batch, places map[string]session.Activity) (left map[string]session.Activity, err error) {
	if err := b.Validate(); err != nil {
		return places, fmt.Errorf("add to activities: %w", err)
	}
	names := slices.Sorted(maps.Keys(places))
	var calls []call
	for _, place := range names {
		a := places[place]
		if err := errors.Join(session.ValidateID("place", place), a.Validate()); err != nil {
			return places, fmt.Errorf("add to the activity of %s: %w", place, err)
		}
		counts, marks := s.activityKeys(place, at)
		args := []any{duration(activityTTL), writerField(b.Writer), b.N, len(a.Counts)}
		for name, n := range a.Counts {
			args = append(args, name, n)
		}
		for m := range a.Marks {
			args = append(args, m)
		}
		calls = append(calls, call{script: activityScript, keys: []string{counts, marks}, args: args})
	}
	if len(calls) == 0 {
		return nil, nil
	}
	for i, r := range s.runAll(ctx, calls, nil) {
		if e := r.Err(); e != nil {
			if left == nil {
				left, err = map[string]session.Activity{}, fmt.Errorf("add to the activity of %s: %w", names[i], wrap(ctx, e))
			}
			left[names[i]] = places[names[i]]
		}
	}
	return left, err
}

// Activity returns what happened in a place in the given number of hours, one each,
// the oldest first; the last is the hour of a time. It takes one round trip.
func (s *Store) Activity(ctx context.Context, place string, last time.Time, hours int) ([]session.Activity, error) {
	if err := session.ValidateID("place", place); err != nil {
		return nil, err
	}
	counts, marks := make([]*redis.MapStringStringCmd, hours), make([]*redis.StringSliceCmd, hours)
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range hours {
			c, m := s.activityKeys(place, last.Add(-time.Duration(hours-1-i)*time.Hour))
			counts[i], marks[i] = p.HGetAll(ctx, c), p.SMembers(ctx, m)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the activity of %s: %w", place, wrap(ctx, err))
	}
	out := make([]session.Activity, hours)
	for i := range out {
		for name, v := range counts[i].Val() {
			if strings.HasPrefix(name, writerField("")) {
				continue
			}
			n, _ := strconv.ParseInt(v, 10, 64) // HINCRBY wrote it: always a number
			out[i].Add(name, n)
		}
		if seen := marks[i].Val(); len(seen) > 0 {
			out[i].Marks = make(map[int]bool, len(seen))
			for _, v := range seen {
				m, _ := strconv.Atoi(v)
				out[i].Marks[m] = true
			}
		}
	}
	return out, nil
}
