package discord

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// settings acts on /settings.
func (b *Bot) settings(ctx context.Context, i *discordgo.Interaction) error {
	switch sub, values := given(i); sub {
	case "set", "unset":
		return b.setSetting(ctx, i, sub == "unset", values)
	case "export":
		return b.exportSettings(ctx, i)
	case "import":
		return b.importSettings(ctx, i, values)
	}
	return b.showSettings(ctx, i)
}

// Limits of an embed that is shown (resources/message, Embed Limits: 4096).
const maxTreeText = 4000

// levelName is a level as people read it.
func levelName(i *discordgo.Interaction, l session.Level) string {
	return in(i, l.String(), map[session.Level]string{session.LevelDefault: "默认", session.LevelServer: "服务器", session.LevelChannel: "频道", session.LevelThread: "子区"}[l])
}

// showSettings shows the tree: what is in force, and where it comes from.
func (b *Bot) showSettings(ctx context.Context, i *discordgo.Interaction) error {
	p, t, err := b.here(ctx, i)
	if err != nil {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	path := []string{levelName(i, session.LevelDefault)}
	for l := session.LevelServer; l <= session.LevelThread; l++ {
		if _, ok := p.at(l); ok {
			path = append(path, levelName(i, l))
		}
	}
	lines := []string{strings.Join(path, " ← ")}
	var unset []string
	group := session.Group(-1)
	for _, f := range session.Fields() {
		if f.Group == session.GroupAdmin && i.GuildID != "" && !may(i, discordgo.PermissionManageGuild) {
			continue // whom the bot does not answer is not everybody's business
		}
		own := t.Own(f)
		if len(own) == 0 {
			unset = append(unset, "`"+f.Name+"`")
			continue
		}
		if f.Group != group {
			group = f.Group
			lines = append(lines, "", "**"+[]string{in(i, "How I answer", "如何回答"), in(i, "When I answer", "何时回答"), in(i, "What the server decided", "管理设置")}[group]+"**")
		}
		lines = append(lines, treeLine(i, f, t, own))
	}
	if len(unset) > 0 {
		lines = append(lines, "", in(i, "Not set: ", "未设置：")+strings.Join(unset, " "))
	}
	if !b.content.Load() {
		lines = append(lines, "", in(i, "The MESSAGE_CONTENT intent is off: always_on, wake_words and chime_in do nothing.", "未启用 MESSAGE_CONTENT：always_on、wake_words 与 chime_in 不起作用。"))
	}
	text := ""
	for n, line := range lines {
		if length(text)+length(line) > maxTreeText-80 {
			text += in(i, "… more in /settings export", "……更多见 /settings export")
			break
		}
		if n > 0 {
			text += "\n"
		}
		text += line
	}
	return b.respondWith(ctx, i, &discordgo.InteractionResponseData{Embeds: []*discordgo.MessageEmbed{{
		Title: in(i, "Settings here", "此处的设置"), Description: text, Color: embedBlue,
		Footer: &discordgo.MessageEmbedFooter{Text: in(i, "The nearest level wins; lists of what is blocked add up.", "以最近的一级为准；屏蔽类列表合并各级。")},
	}}}, true)
}

// treeLine is one setting: what is in force, the level it comes from, and what the
// levels above say.
func treeLine(i *discordgo.Interaction, f session.Field, t session.Tree, own []session.Level) string {
	const each = 70
	near := own[len(own)-1]
	if f.Adds && len(own) > 1 {
		parts := make([]string, len(own))
		for n, l := range own {
			parts[n] = levelName(i, l) + " " + cutShown(readableValue(i, f, t[l]), each)
		}
		return fmt.Sprintf("- `%s` %s", f.Name, strings.Join(parts, " + "))
	}
	line := fmt.Sprintf("- `%s` **%s** ← %s", f.Name, cutShown(readableValue(i, f, t[near]), 2*each), levelName(i, near))
	var over []string
	for n := len(own) - 2; n >= 0; n-- {
		over = append(over, levelName(i, own[n])+" "+cutShown(readableValue(i, f, t[own[n]]), each))
	}
	if len(over) > 0 {
		line += " (" + strings.Join(over, ", ") + ")"
	}
	return line
}
