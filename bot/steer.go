package main

import (
	"context"
	"errors"
	"fmt"

	"moebot/bot/chat"
	"moebot/bot/discord"
	"moebot/moe/engine"
	"moebot/moe/model/steer"
	"moebot/session"
)

// plan is what a channel's settings change inside the model, nil for nothing. Edits that
// do not fit this model, which may be another than when they were set, change nothing.
func (m *mind) plan(ctx context.Context, s session.Settings) (*steer.Plan, error) {
	if s.Steering == nil {
		return nil, nil
	}
	p, err := m.lab.Plan(ctx, *s.Steering)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, nil // CheckSteering says why
	}
	return p, nil
}

// CheckSteering says what is wrong with edits for this model.
func (m *mind) CheckSteering(ctx context.Context, edits []string) error {
	_, err := m.lab.Plan(ctx, edits)
	return err
}

// conversation is lab.Conversation over the session store.
func (s *service) conversation(ctx context.Context, channel, author, text string) (engine.Request, error) {
	k := session.Key{Channel: channel}
	sess, err := s.store.Load(ctx, k)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		s.log.Warn("a conversation could not be read", "channel", channel, "err", err)
		return engine.Request{}, errors.New("the session store is away")
	}
	turns := sess.Turns
	if text == "" {
		for len(turns) > 0 && turns[len(turns)-1].Role == session.RoleAssistant {
			turns = turns[:len(turns)-1]
		}
		if len(turns) == 0 {
			return engine.Request{}, errors.New("nothing was said here yet: write something")
		}
	} else {
		turns = append(turns[:len(turns):len(turns)], session.Turn{Role: session.RoleUser, Author: author, Text: text})
	}
	if n := len([]rune(text)); n > 2000 {
		return engine.Request{}, fmt.Errorf("a message has at most 2000 characters, not %d", n)
	}
	r, _ := s.mind.request(chat.Prompt{Key: k, Turns: turns, Settings: sess.Settings})
	return r, nil
}

// steerable is what Discord's /steer needs of the model, nil with an error.
func (m *mind) steerable(ctx context.Context) (*discord.Steering, error) {
	names, err := m.lab.Names(ctx)
	if err != nil {
		return nil, err
	}
	c := m.model.Config
	return &discord.Steering{Layers: c.Layers, Experts: max(c.Experts, 1), Directions: names, Check: m.CheckSteering}, nil
}
