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
	"moebot/bot/need"
	"moebot/session"
)

// rules are chat.Rules by the configuration, which may be read again at any time.
type rules struct {
	now atomic.Pointer[ruleset]
}

type ruleset struct {
	out      []*regexp.Regexp
	inNeed   string
	messages int
	every    time.Duration

	serverMessages int
	serverEvery    time.Duration
}

var _ chat.Rules = (*rules)(nil)

func (r *rules) set(c config.Safety) {
	r.now.Store(&ruleset{out: patterns(c.WordsOut), inNeed: strings.TrimSpace(c.InNeed), messages: c.Messages, every: time.Duration(c.Every),
		serverMessages: c.ServerMessages, serverEvery: time.Duration(c.ServerEvery)})
}

// patterns compiles expressions that config has checked.
func patterns(list []string) (out []*regexp.Regexp) {
	for _, s := range list {
		out = append(out, regexp.MustCompile(s))
	}
	return out
}

// Limits are the person's bucket in the store and that of the server, which all
// instances share. Where a server has a limit of its own, its buckets are others.
func (r *rules) Limits(serverID, personID string, set session.Settings) (out []session.Limit) {
	s := r.now.Load()
	if l, ok := limit("person/"+personID, s.messages, s.every, set.LimitMessages, set.LimitSeconds); ok {
		out = append(out, l)
	}
	if l, ok := limit("server/"+serverID, s.serverMessages, s.serverEvery, set.ServerMessages, set.ServerSeconds); ok && serverID != "" {
		out = append(out, l)
	}
	return out
}

// limit is a bucket of that size, or of the one that a server sets; false is none.
func limit(name string, size int, every time.Duration, messages *int, seconds *float64) (session.Limit, bool) {
	l := session.Limit{Name: name, Size: size, Every: every}
	if messages != nil {
		l.Size = *messages
	}
	if seconds != nil {
		l.Every = time.Duration(*seconds * float64(time.Second))
	}
	if messages != nil || seconds != nil {
		l.Name = fmt.Sprintf("%s/%d/%v", name, l.Size, l.Every)
	}
	return l, l.Size > 0
}

// Mask replaces what the configuration does not want said.
func (r *rules) Mask(text string) (string, bool) {
	s := r.now.Load()
	for _, re := range s.out {
		text = re.ReplaceAllStringFunc(text, func(w string) string { return strings.Repeat("\\*", min(3, len([]rune(w)))) })
	}
	return text, len(s.out) > 0
}

// InNeed is what the configuration has said to a message that speaks of great need.
func (r *rules) InNeed(text string) string {
	if words := r.now.Load().inNeed; words != "" && need.In(text) {
		return words
	}
	return ""
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

// safetySettings are what of [safety] servers can change as settings of theirs. What is
// as it is without them is not set.
func safetySettings(c config.Safety) (s session.Settings) {
	if !c.AdultChannels {
		s.AdultChannels = &c.AdultChannels
	}
	if len(c.AdultWords) > 0 {
		s.AdultWords = &c.AdultWords
	}
	return s
}

// policy is what the configuration says of who may do what in Discord.
func policy(c config.Config) discord.Policy {
	p := discord.Policy{AnyoneMaySet: c.Discord.TemperatureRole == "everyone", Defaults: defaultSettings(c.Reply).Merge(whereSettings(c.Where)).Merge(safetySettings(c.Safety)), NoDirectMessages: !c.Where.DirectMessages, Banned: map[string]bool{},
		Blocked: patterns(c.Safety.WordsIn), MaxLength: c.Safety.MaxLength}
	for _, id := range c.Safety.Banned {
		p.Banned[id] = true
	}
	return p
}
