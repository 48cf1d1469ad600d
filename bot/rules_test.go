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
