package main

import (
	"testing"
	"time"

	"moebot/bot/config"
	"moebot/session"
)

func TestLimitsOfAServerWin(t *testing.T) {
	var r rules
	r.set(config.Safety{Messages: 10, Every: config.Duration(3 * time.Second)})
	n, sec := 2, 1.5
	off := 0
	for _, c := range []struct {
		set  session.Settings
		want []session.Limit
	}{
		{session.Settings{}, []session.Limit{{Name: "person/7", Size: 10, Every: 3 * time.Second}}},
		{session.Settings{LimitMessages: &n}, []session.Limit{{Name: "person/7/2/3s", Size: 2, Every: 3 * time.Second}}},
		{session.Settings{LimitMessages: &n, LimitSeconds: &sec}, []session.Limit{{Name: "person/7/2/1.5s", Size: 2, Every: 1500 * time.Millisecond}}},
		{session.Settings{LimitMessages: &off}, nil},
	} {
		got := r.Limits("7", c.set)
		if len(got) != len(c.want) || len(got) == 1 && got[0] != c.want[0] {
			t.Errorf("%+v: %+v, want %+v", c.set, got, c.want)
		}
	}
}

func TestWhereIsTheOutermostLevel(t *testing.T) {
	c := config.Default()
	if s := policy(c).Defaults; *s.AlwaysOn || *s.ChimeIn != 0 || *s.BotTurns != 3 || s.WakeWords != nil || s.Allow != nil || s.Block != nil || s.Validate() != nil || policy(c).NoDirectMessages {
		t.Errorf("by default: %+v, %v", s, s.Validate())
	}
	c.Where.WakeWords, c.Where.Block, c.Where.DirectMessages = []string{"moe"}, []string{"server:5"}, false
	if s := policy(c).Defaults; (*s.WakeWords)[0] != "moe" || (*s.Block)[0] != "server:5" || !policy(c).NoDirectMessages || *s.Temperature != c.Reply.Temperature {
		t.Errorf("with some: %+v", s)
	}
	c.Where.WakeWords[0], c.Where.ChimeIn = "bot", 0.5
	if now, later := differences(config.Default(), c); len(now) != 4 || len(later) != 0 {
		t.Errorf("read again: at once %q, later %q", now, later)
	}
}
