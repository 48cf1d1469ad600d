package main

import (
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"moebot/bot/chat"
	"moebot/bot/config"
	"moebot/bot/discord"
	"moebot/session"
)

// rules are chat.Rules by the configuration, which may be read again at any time.
type rules struct {
	now atomic.Pointer[ruleset]
}

type ruleset struct {
	out      []*regexp.Regexp
	messages int
	every    time.Duration
}

var _ chat.Rules = (*rules)(nil)

func (r *rules) set(c config.Safety) {
	r.now.Store(&ruleset{out: patterns(c.WordsOut), messages: c.Messages, every: time.Duration(c.Every)})
}

// patterns compiles expressions that config has checked.
func patterns(list []string) (out []*regexp.Regexp) {
	for _, s := range list {
		out = append(out, regexp.MustCompile(s))
	}
	return out
}

// Limits are the person's bucket in the store, which all instances share. Where a server
// has a limit of its own, its bucket is another one.
func (r *rules) Limits(personID string, set session.Settings) []session.Limit {
	s := r.now.Load()
	l := session.Limit{Name: "person/" + personID, Size: s.messages, Every: s.every}
	if set.LimitMessages != nil || set.LimitSeconds != nil {
		if set.LimitMessages != nil {
			l.Size = *set.LimitMessages
		}
		if set.LimitSeconds != nil {
			l.Every = time.Duration(*set.LimitSeconds * float64(time.Second))
		}
		l.Name = fmt.Sprintf("person/%s/%d/%v", personID, l.Size, l.Every)
	}
	if l.Size == 0 {
		return nil
	}
	return []session.Limit{l}
}

// Mask replaces what the configuration does not want said.
func (r *rules) Mask(text string) (string, bool) {
	s := r.now.Load()
	for _, re := range s.out {
		text = re.ReplaceAllStringFunc(text, func(w string) string { return strings.Repeat("\\*", min(3, len([]rune(w)))) })
	}
	return text, len(s.out) > 0
}

// whereSettings are what the configuration says of where and when there is an answer, as
// settings that servers, channels and threads can change. Lists that are empty are not
// set.
func whereSettings(w config.Where) session.Settings {
	s := session.Settings{AlwaysOn: &w.AlwaysOn, ChimeIn: &w.ChimeIn, ChimeInFall: &w.ChimeInFall, AnswerBots: &w.AnswerBots, BotTurns: &w.BotTurns}
	for list, dst := range map[*[]string]**[]string{&w.WakeWords: &s.WakeWords, &w.Allow: &s.Allow, &w.Block: &s.Block} {
		if len(*list) > 0 {
			*dst = list
		}
	}
	return s
}

// policy is what the configuration says of who may do what in Discord.
func policy(c config.Config) discord.Policy {
	p := discord.Policy{AnyoneMaySet: c.Discord.TemperatureRole == "everyone", Defaults: defaultSettings(c.Reply).Merge(whereSettings(c.Where)), NoDirectMessages: !c.Where.DirectMessages, Banned: map[string]bool{},
		Blocked: patterns(c.Safety.WordsIn), MaxLength: c.Safety.MaxLength}
	for _, id := range c.Safety.Banned {
		p.Banned[id] = true
	}
	return p
}
