package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// settingsTries is how often UpdateSettings starts over before it gives up.
const settingsTries = 8

// Settings returns a channel's settings; those never set are nil. A channel
// without any is no error.
func (s *Store) Settings(ctx context.Context, k session.Key) (session.Settings, error) {
	_, set, err := s.readSettings(ctx, k)
	if err != nil {
		return session.Settings{}, fmt.Errorf("read settings of channel %s: %w", k, err)
	}
	return set, nil
}

// readSettings returns the settings encoded and decoded; without any "" and
// the zero value.
func (s *Store) readSettings(ctx context.Context, k session.Key) (string, session.Settings, error) {
	if err := k.Validate(); err != nil {
		return "", session.Settings{}, err
	}
	v, err := s.client.Get(ctx, s.channelKey(k, "cfg")).Result()
	if errors.Is(err, redis.Nil) {
		return "", session.Settings{}, nil
	}
	if err != nil {
		return "", session.Settings{}, wrap(ctx, err)
	}
	set, err := s.decodeSettings(k, v)
	return v, set, err
}

// SetSettings replaces a channel's settings; the zero Settings removes them.
// Values out of range are refused with the errors of session.Settings.Validate.
// They never expire.
func (s *Store) SetSettings(ctx context.Context, k session.Key, set session.Settings) error {
	err := k.Validate()
	v := ""
	if err == nil {
		v, err = s.encodeSettings(k, set)
	}
	if err == nil && v == "" {
		err = wrap(ctx, s.client.Del(ctx, s.channelKey(k, "cfg")).Err())
	} else if err == nil {
		err = wrap(ctx, s.client.Set(ctx, s.channelKey(k, "cfg"), v, 0).Err())
	}
	if err != nil {
		return fmt.Errorf("set settings of channel %s: %w", k, err)
	}
	return nil
}

// UpdateSettings changes settings by compare-and-swap, so that two people who
// change different ones at once both succeed. It calls change with the stored
// settings, once or, if others are faster or a reply is lost, several times,
// and returns what is stored in the end. An error of change ends it unchanged
// and is returned wrapped; session.ErrConflict means others were faster eight
// times.
func (s *Store) UpdateSettings(ctx context.Context, k session.Key, change func(*session.Settings) error) (session.Settings, error) {
	fail := func(err error) (session.Settings, error) {
		return session.Settings{}, fmt.Errorf("change settings of channel %s: %w", k, err)
	}
	for range settingsTries {
		old, set, err := s.readSettings(ctx, k)
		if err != nil {
			return fail(err)
		}
		if err := change(&set); err != nil {
			return fail(err)
		}
		v, err := s.encodeSettings(k, set)
		if err != nil {
			return fail(err)
		}
		n, err := settingsScript.Run(ctx, s.client, []string{s.channelKey(k, "cfg")}, old, v).Int64()
		if err != nil {
			return fail(wrap(ctx, err))
		}
		if n == 1 {
			return set, nil
		}
	}
	return fail(session.ErrConflict)
}

// Remember keeps a small fact under a name, for ever, replacing an earlier
// one. Names are as session.ValidateID wants them.
func (s *Store) Remember(ctx context.Context, name, value string) error {
	err := session.ValidateID("fact", name)
	if err == nil {
		err = wrap(ctx, s.client.Set(ctx, s.factKey(name), s.o.Keys.Seal(aFact, name, value), 0).Err())
	}
	if err != nil {
		return fmt.Errorf("remember %s: %w", name, err)
	}
	return nil
}

// Recall returns what Remember kept under a name, or session.ErrNotFound.
func (s *Store) Recall(ctx context.Context, name string) (string, error) {
	if err := session.ValidateID("fact", name); err != nil {
		return "", fmt.Errorf("recall %s: %w", name, err)
	}
	v, err := s.client.Get(ctx, s.factKey(name)).Result()
	if err != nil {
		return "", fmt.Errorf("recall %s: %w", name, wrap(ctx, err))
	}
	if v, err = s.o.Keys.Open(aFact, name, v); err != nil {
		return "", fmt.Errorf("recall %s: %w", name, err)
	}
	return v, nil
}

func (s *Store) factKey(name string) string { return s.key(partition(name), "fact", name) }
