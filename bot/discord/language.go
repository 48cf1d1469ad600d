package discord

import (
	"fmt"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
)

// in is the text in the language of who started an interaction: Chinese, or else English.
// Without an interaction, nil, nobody's language is known.
func in(i *discordgo.Interaction, english, zh string) string {
	if i != nil && strings.HasPrefix(string(i.Locale), "zh") {
		return zh
	}
	return english
}

// In picks a text by the language of who asks.
type In func(english, zh string) string

// language is In for who started an interaction.
func language(i *discordgo.Interaction) In {
	return func(english, zh string) string { return in(i, english, zh) }
}

// say is a sentence that is said at several places, in both languages.
type say struct{ english, zh string }

func (s say) in(i *discordgo.Interaction) string { return in(i, s.english, s.zh) }

// Sentences of no one command.
var (
	// sayStoreAway answers commands that need the store when it is away.
	sayStoreAway = say{"I can't reach my memory at the moment. Please try again in a little while.", "我暂时无法访问存储，请稍后再试。"}
	sayAlready   = say{"That is how it was already.", "本来就是如此。"}
	sayNobody    = say{"nobody in particular", "没有特定身份"}
	sayNoWords   = say{"There are no words in that message that I could read.", "那条消息中没有我能读的文字。"}
)

// tooFast is what a person is told who asks more than they may.
func tooFast(i *discordgo.Interaction, wait time.Duration) string {
	return in(i, chat.TooFast(wait), fmt.Sprintf("提问太快了，请等待 %d 秒。", int((wait+time.Second-1)/time.Second)))
}

// notice is what chat says in place of an answer, in the language of who asked for it.
func notice(i *discordgo.Interaction, text string) string {
	if zh := chat.InChinese(text); zh != "" {
		return in(i, text, zh)
	}
	return text
}
