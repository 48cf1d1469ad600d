package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"moebot/bot/chat"
	"moebot/bot/config"
	"moebot/bot/lab"
	"moebot/moe/model/steer"
	"moebot/session"
)

// What a channel's settings change inside the model is in its answers, and in no other
// channel's.
func TestSteeringIsOfTheChannel(t *testing.T) {
	m := testMind(t)
	seed, zero := uint64(3), 0.0
	plain := session.Settings{Seed: &seed, Temperature: &zero}
	steered := plain
	steered.Steering = &[]string{"forbid:0.2", "forbid:1.2", "head:1.0=0", "direction:2.question=2"}
	q := turn(session.RoleUser, "Mia", "what do you like?")
	before := answer(t, m, "a", plain, q)
	with := answer(t, m, "a", steered, q)
	after, other := answer(t, m, "a", plain, q), answer(t, m, "b", plain, q)
	if before.Text != after.Text || before.Text != other.Text {
		t.Errorf("untouched %q, and then %q and %q", before.Text, after.Text, other.Text)
	}
	used := false
	for _, tok := range with.Trace.Tokens {
		for layer, chosen := range tok.Experts {
			if layer < 2 && slices.ContainsFunc(chosen, func(c chat.Choice) bool { return c.Expert == 2 }) {
				used = true
			}
		}
	}
	if used || len(with.Trace.Tokens) == 0 {
		t.Errorf("a forbidden expert is used: %+v", with.Trace)
	}
	// Edits of another model's shape change nothing, and nobody is left without an answer.
	steered.Steering = &[]string{"forbid:77.2"}
	if got := answer(t, m, "a", steered, q); got.Text != before.Text {
		t.Errorf("with edits that do not fit %q, without %q", got.Text, before.Text)
	}
	var r *steer.RangeError
	if err := m.CheckSteering(context.Background(), []string{"forbid:77.2"}); !errors.As(err, &r) || r.What != "layer" {
		t.Errorf("checked: %v", err)
	}
	if err := m.CheckSteering(context.Background(), []string{"component:1.smell=0"}); err == nil || !strings.Contains(err.Error(), "want one of question") {
		t.Errorf("checked: %v", err)
	}
	if err := m.CheckSteering(context.Background(), []string{"expert:1.2=0", "component:1.probe-question=0"}); err != nil {
		t.Error(err)
	}
}

// A model that knows more tokens than its vocabulary has cannot be looked into, but it
// answers: the bot starts, without /steer.
func TestAModelThatCannotBeSteered(t *testing.T) {
	c := config.Default()
	c.Token, c.Roles.Role = "token", "gateway" // which makes its connections later
	m, err := openMind(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	m.lab.Close()
	larger := *m.model
	larger.Config.Vocab++
	m.model, m.lab = &larger, lab.New(&larger, m.tok, nil)
	defer m.close()
	var said strings.Builder
	s := &service{cfg: c, mind: m, log: slog.New(slog.NewTextHandler(&said, nil))}
	if err := s.openDiscord(); err != nil {
		t.Fatal(err)
	}
	if s.discord.Steering != nil || !strings.Contains(said.String(), "/steer") {
		t.Errorf("steering %+v, log %q", s.discord.Steering, said.String())
	}
}
