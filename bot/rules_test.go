package main

import (
	"slices"
	"strings"
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
	person := session.Limit{Name: "person/7", Size: 10, Every: 3 * time.Second}
	for _, c := range []struct {
		server string
		set    session.Settings
		want   []session.Limit
	}{
		{server: "5", want: []session.Limit{person}}, // a server has none by default
		{"5", session.Settings{ServerMessages: &n, ServerSeconds: &sec}, []session.Limit{person, {Name: "server/5/2/1.5s", Size: 2, Every: 1500 * time.Millisecond}}},
		{"", session.Settings{ServerMessages: &n}, []session.Limit{person}}, // a direct message
		{"", session.Settings{}, []session.Limit{{Name: "person/7", Size: 10, Every: 3 * time.Second}}},
		{"", session.Settings{LimitMessages: &n}, []session.Limit{{Name: "person/7/2/3s", Size: 2, Every: 3 * time.Second}}},
		{"", session.Settings{LimitMessages: &n, LimitSeconds: &sec}, []session.Limit{{Name: "person/7/2/1.5s", Size: 2, Every: 1500 * time.Millisecond}}},
		{"", session.Settings{LimitMessages: &off}, nil},
	} {
		if got := r.Limits(c.server, "7", c.set); !slices.Equal(got, c.want) {
			t.Errorf("%+v in %q: %+v, want %+v", c.set, c.server, got, c.want)
		}
	}
	r.set(config.Safety{ServerMessages: 30, ServerEvery: config.Duration(time.Second)})
	if got := r.Limits("5", "7", session.Settings{ServerSeconds: &sec}); !slices.Equal(got, []session.Limit{{Name: "server/5/30/1.5s", Size: 30, Every: 1500 * time.Millisecond}}) {
		t.Errorf("of the server alone: %+v", got)
	}
}

// Great need has the words of the configuration, whatever the model would say.
func TestGreatNeed(t *testing.T) {
	p := startProgram(t, "")
	c := p.channels["general"]
	p.post("/api/send", map[string]string{"channel": c, "as": p.people["Robin"], "content": "<@" + p.bot + "> i dont want to live anymore"})
	p.until("it is said", func() bool {
		m := p.messages("general")
		last := m[len(m)-1]
		return last.Author == p.bot && last.Content == config.Default().Safety.InNeed && !last.Loading
	})
	if log := p.log.String(); !strings.Contains(log, "speaks of great need") || strings.Contains(log, "anymore") {
		t.Errorf("the log should tell of it, without its words:\n%s", log)
	}
	var r rules
	r.set(config.Safety{})
	if r.InNeed("i want to kill myself") != "" {
		t.Error("it is switched off, and says something")
	}
	r.set(config.Default().Safety)
	if r.InNeed("i want to kill the boss") != "" || r.InNeed("i want to kill myself") != config.Default().Safety.InNeed {
		t.Error("by default")
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
	if s := policy(c).Defaults; s.AdultChannels != nil || s.AdultWords != nil {
		t.Errorf("by default: %+v", s)
	}
	quiet := c
	quiet.Safety.AdultChannels, quiet.Safety.AdultWords = false, []string{"rude word"}
	if s := policy(quiet).Defaults; s.AdultChannels == nil || *s.AdultChannels || (*s.AdultWords)[0] != "rude word" || s.Validate() != nil {
		t.Errorf("of age-restricted channels: %+v, %v", s, s.Validate())
	}
	c.Where.WakeWords[0], c.Where.ChimeIn = "bot", 0.5
	if now, later := differences(config.Default(), c); len(now) != 4 || len(later) != 0 {
		t.Errorf("read again: at once %q, later %q", now, later)
	}
}
