package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// SettingsOf returns the settings kept under several keys, in their order: those of a
// server (session.ServerKey), a channel and a thread, say. Keys without any are no
// error. It takes one round trip, on a Cluster one to each node at the same time.
func (s *Store) SettingsOf(ctx context.Context, keys ...session.Key) ([]session.Settings, error) {
	fail := func(k session.Key, err error) ([]session.Settings, error) {
		return nil, fmt.Errorf("read settings of %s: %w", k, err)
	}
	out := make([]session.Settings, len(keys))
	if len(keys) == 0 {
		return out, nil
	}
	for _, k := range keys {
		if err := k.Validate(); err != nil {
			return fail(k, err)
		}
	}
	stored := make([]*redis.StringCmd, len(keys))
	_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // each reply has its error
		for i, k := range keys {
			stored[i] = p.Get(ctx, s.channelKey(k, "cfg"))
		}
		return nil
	})
	for i, k := range keys {
		v, err := stored[i].Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return fail(k, wrap(ctx, err))
		}
		if out[i], err = s.decodeSettings(k, v); err != nil {
			return fail(k, err)
		}
	}
	return out, nil
}
