package discord

import (
	"testing"

	"github.com/bwmarrin/discordgo"
)

func TestAddressed(t *testing.T) {
	const self = "9"
	bot, mia, tom := &discordgo.User{ID: self, Username: "moebot", Bot: true}, &discordgo.User{ID: "1", Username: "mia"}, &discordgo.User{ID: "2", Username: "tom", GlobalName: "Tom T"}
	msg := func(content string, f func(*discordgo.Message)) *discordgo.Message {
		m := &discordgo.Message{Author: mia, Content: content, GuildID: "g"}
		if f != nil {
			f(m)
		}
		return m
	}
	mentions := func(u ...*discordgo.User) func(*discordgo.Message) {
		return func(m *discordgo.Message) { m.Mentions = u }
	}
	for _, tc := range []struct {
		name   string
		m      *discordgo.Message
		thread bool
		want   string
		ok     bool
	}{
		{"somebody else's talk", msg("hello", nil), false, "", false},
		{"a mention", msg("<@9> hello", mentions(bot)), false, "hello", true},
		{"the old form, at the end", msg("hello <@!9>", mentions(bot)), false, "hello", true},
		{"only a mention", msg("<@9>", mentions(bot)), false, "", true},
		{"everyone", msg("@everyone hello", func(m *discordgo.Message) { m.MentionEveryone = true }), false, "", false},
		{"a mention of another", msg("<@2> hello", mentions(tom)), false, "", false},
		{"both", msg("<@9> tell <@2> and <@3> hello", mentions(bot, tom)), false, "tell @Tom T and @someone hello", true},
		{"a direct message", msg("hello", func(m *discordgo.Message) { m.GuildID = "" }), false, "hello", true},
		{"a reply to the bot", msg("why?", func(m *discordgo.Message) {
			m.ReferencedMessage = &discordgo.Message{Author: bot}
			m.Type = discordgo.MessageTypeReply
		}), false, "why?", true},
		{"a reply to another", msg("why?", func(m *discordgo.Message) { m.ReferencedMessage = &discordgo.Message{Author: tom} }), false, "", false},
		{"in its thread", msg("go on", nil), true, "go on", true},
		{"in its thread, to another", msg("<@2> hi", mentions(tom)), true, "", false},
		{"in its thread, to everyone", msg("@everyone look", func(m *discordgo.Message) { m.MentionEveryone = true }), true, "", false},
		{"in its thread, to a role", msg("<@&6> look", func(m *discordgo.Message) { m.MentionRoles = []string{"6"} }), true, "", false},
		{"in its thread, a reply to another", msg("no", func(m *discordgo.Message) { m.ReferencedMessage = &discordgo.Message{Author: tom} }), true, "", false},
		{"in its thread, a reply to it", msg("no", func(m *discordgo.Message) { m.ReferencedMessage = &discordgo.Message{Author: bot} }), true, "no", true},
		{"in its thread, without the content intent", msg("", nil), true, "", false},
		{"itself", msg("<@9> hello", func(m *discordgo.Message) { m.Author = bot }), false, "", false},
		{"another bot", msg("<@9> hello", func(m *discordgo.Message) {
			m.Author = &discordgo.User{ID: "5", Bot: true}
			m.Mentions = []*discordgo.User{bot}
		}), false, "", false},
		{"a webhook", msg("<@9> hello", func(m *discordgo.Message) { m.WebhookID = "7"; m.Mentions = []*discordgo.User{bot} }), false, "", false},
		{"a join notice", msg("<@9>", func(m *discordgo.Message) { m.Type = discordgo.MessageTypeGuildMemberJoin }), false, "", false},
		{"markup", msg("<@9> <:cat:123> <a:dance:4> in <#5> by <@&6> at <t:1700000000:R>", mentions(bot)), false, ":cat: :dance: in #a-channel by @a-role at a time", true},
	} {
		got, ok := wording(tc.m, self), addressed(tc.m, self, tc.thread)
		if ok && got != tc.want || ok != tc.ok {
			t.Errorf("%s: %q, %v; want %q, %v", tc.name, got, ok, tc.want, tc.ok)
		}
	}
}

func FuzzReadable(f *testing.F) {
	f.Add("<@9> <:a:1> <@&2>")
	f.Fuzz(func(t *testing.T, s string) {
		m := &discordgo.Message{Author: &discordgo.User{ID: "1"}, Content: s, Mentions: []*discordgo.User{{ID: "2", Username: "x"}}}
		addressed(m, "9", true)
		wording(m, "9")
	})
}
