package main

import (
	"errors"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"moebot/bot/config"
)

// A configuration that is read again is not written under the parts, which read s.cfg
// meanwhile: a gateway that lets a shard go, for one.
func TestReloadLeavesWhatThePartsRead(t *testing.T) {
	s := &service{cfg: config.Default(), log: slog.New(slog.DiscardHandler), mind: &mind{}}
	was := s.cfg
	file := s.cfg
	file.Reply.Temperature, file.Reply.Timeout, file.Safety.MaxLength, file.HTTP.Metrics = 1.5, config.Duration(9*time.Second), 77, false
	want := was
	want.Reply.Temperature, want.Safety.MaxLength = 1.5, 77
	now := s.reload(reloads{read: func() (config.Config, error) { return file, nil }}, was)
	if !reflect.DeepEqual(now, want) {
		t.Errorf("what holds is %+v, want %+v", now, want)
	}
	if *s.mind.settings().Temperature != 1.5 {
		t.Errorf("the temperature is %v", *s.mind.settings().Temperature)
	}
	if after := s.reload(reloads{read: func() (config.Config, error) { return was, errors.New("a mistake") }}, now); !reflect.DeepEqual(after, want) || s.mistake.Load() == nil {
		t.Errorf("behind a mistake %+v holds", after)
	}
	if !reflect.DeepEqual(s.cfg, was) {
		t.Errorf("the parts read %+v, want %+v", s.cfg, was)
	}
}
