package config

import (
	"fmt"
	"regexp"
)

// Where is where and when the bot answers beside mentions, replies, direct messages and
// threads of its own, unless a server, channel or thread has settings of its own:
// /settings. AlwaysOn, WakeWords and ChimeIn take the MESSAGE_CONTENT intent. All of it is
// read again with the rest.
type Where struct {
	// AlwaysOn has every message of a person answered.
	AlwaysOn bool `toml:"always_on"` // false
	// WakeWords are words or phrases that call like a mention does, at most 20.
	WakeWords []string `toml:"wake_words"` // []
	// ChimeIn is the probability, 0 to 1, of an answer to a message that is not meant for
	// the bot. After n such answers since it was last called it is
	// chime_in × chime_in_fallⁿ; each hour without one takes one off n.
	ChimeIn     float64 `toml:"chime_in"`      // 0
	ChimeInFall float64 `toml:"chime_in_fall"` // 0.5
	// AnswerBots has other bots answered that mention it or reply to it, BotTurns times,
	// 1 to 20, until a person says something in the channel.
	AnswerBots bool `toml:"answer_bots"` // false
	BotTurns   int  `toml:"bot_turns"`   // 3
	// DirectMessages has direct messages answered.
	DirectMessages bool `toml:"direct_messages"` // true
	// Allow and Block are where and whom it answers and does not: entries such as
	// "server:1", "category:1", "channel:1" (with its threads), "role:1", "person:1".
	// What is blocked is not answered, whatever is allowed. Where Allow has places
	// (server, category, channel), one of them must be the message's; where it has
	// people (role, person), one of them must be its author.
	Allow []string `toml:"allow"` // []
	Block []string `toml:"block"` // []
}

func defaultWhere() Where {
	return Where{WakeWords: []string{}, ChimeInFall: 0.5, BotTurns: 3, DirectMessages: true, Allow: []string{}, Block: []string{}}
}

var target = regexp.MustCompile(`^(server|category|channel|role|person):[1-9][0-9]{0,19}$`)

// check names every value outside its range.
func (w Where) check(bad func(key string, v any, want string)) {
	for key, v := range map[string]float64{"where.chime_in": w.ChimeIn, "where.chime_in_fall": w.ChimeInFall} {
		if !(v >= 0 && v <= 1) {
			bad(key, v, "0 to 1")
		}
	}
	if w.BotTurns < 1 || w.BotTurns > 20 {
		bad("where.bot_turns", w.BotTurns, "1 to 20")
	}
	if len(w.WakeWords) > 20 {
		bad("where.wake_words", fmt.Sprintf("%d of them", len(w.WakeWords)), "20 at most")
	}
	for key, list := range map[string][]string{"where.allow": w.Allow, "where.block": w.Block} {
		for _, e := range list {
			if !target.MatchString(e) {
				bad(key, fmt.Sprintf("%q", e), "entries such as channel:123, category:123, server:123, role:123 or person:123")
			}
		}
	}
}
