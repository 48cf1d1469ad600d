package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
	"moebot/session"
)

// context shows what the model sees of the conversation now.
func (b *Bot) context(ctx context.Context, i *discordgo.Interaction) error {
	s, err := b.load(ctx, i)
	if err != nil {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	_, t, err := b.here(ctx, i)
	if err != nil {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	head := steeringLines(i, t.Merged())
	if len(s.Turns) == 0 {
		return b.respond(ctx, i, strings.Join(append(head, in(i, "I remember nothing of this channel: what you say next begins the conversation.", "我对本频道没有任何记忆：你接下来说的话将开始新的对话。")), "\n"), true)
	}
	kept := chat.Recent(s.Turns, t.Merged(), 0)
	if n := len(s.Turns) - len(kept); n > 0 {
		head = append(head, fmt.Sprintf(in(i, "By the setting `history` I don't see the oldest %d messages.", "由于设置 `history`，我看不到最早的 %d 条消息。"), n))
	}
	if b.opt.Measure != nil {
		m := b.opt.Measure(chat.Prompt{Key: s.Key, Turns: kept, Settings: t.Merged()})
		kept = kept[min(m.Dropped, len(kept)):]
		head = append(head, fmt.Sprintf(in(i, "I see **%d of %d tokens**: %d for who I am, the rest for %d of the %d messages I remember here. %d are kept free for the answer.",
			"我能看到 **%d / %d 个 token**：%d 个用于我的身份，其余用于此处 %d 条消息（我共记得 %d 条）。另有 %d 个留给回答。"),
			m.Used, m.Window, m.Persona, m.Turns, len(s.Turns), m.Answer))
		if m.Dropped > 0 {
			head = append(head, fmt.Sprintf(in(i, "Out of sight, for want of room: the oldest %d messages.", "因空间不足而看不到的：最早的 %d 条消息。"), m.Dropped))
		}
		if m.Cut {
			head = append(head, in(i, "The newest message, or who I am, is too long: I don't see its middle.", "最新的消息或我的身份设定太长：我看不到中间部分。"))
		}
	}
	return b.respond(ctx, i, strings.Join(append(head, outline(i, kept, maxContent-500-length(strings.Join(head, "")))...), "\n"), true)
}

// outline is a line for each turn, the newest that fit into limit characters.
func outline(i *discordgo.Interaction, turns []session.Turn, limit int) []string {
	var lines []string
	used := 0
	for n := len(turns) - 1; n >= 0; n-- {
		t := turns[n]
		who := t.Author
		if t.Role == session.RoleAssistant {
			who = in(i, "I", "我")
		}
		line := fmt.Sprintf(in(i, "- **%s**: %s", "- **%s**：%s"), plain(who), plain(clip(strings.Join(strings.Fields(t.Text), " "), 70)))
		if t.Answer != nil && t.Answer.Of() > 1 {
			line += fmt.Sprintf(in(i, " *(%d of %d)*", " *(%d / %d)*"), t.Answer.Chosen+1, t.Answer.Of())
		}
		if used += length(line) + 1; used > limit {
			lines = append(lines, fmt.Sprintf(in(i, "- … and %d before", "- …… 以及之前的 %d 条"), n+1))
			break
		}
		lines = append(lines, line)
	}
	for a, z := 0, len(lines)-1; a < z; a, z = a+1, z-1 {
		lines[a], lines[z] = lines[z], lines[a]
	}
	return lines
}

// plain shows a text as it is, without Discord's markup and mentions.
func plain(text string) string {
	return harmless(strings.NewReplacer("*", "\\*", "_", "\\_", "`", "\\`", "~", "\\~", "|", "\\|", "\\", "\\\\").Replace(text))
}

// exported is the shape of the file that /export gives, JSON.
type exported struct {
	Channel  string        `json:"channel"`
	Exported time.Time     `json:"exported"`
	Turns    []exportedOne `json:"turns"`
}

type exportedOne struct {
	ID           string     `json:"id"`
	Role         string     `json:"role"`
	Author       string     `json:"author,omitempty"`
	Time         *time.Time `json:"time,omitempty"`
	Text         string     `json:"text"`
	Alternatives []string   `json:"alternatives,omitempty"`
	Chosen       int        `json:"chosen,omitempty"` // which of them the text is, from 0
}

// export gives the conversation of the channel as files, to read and to process.
func (b *Bot) export(ctx context.Context, i *discordgo.Interaction) error {
	if err := b.deferred(ctx, i, true); err != nil {
		return err
	}
	s, err := b.store.Load(ctx, keyOf(i))
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return errors.Join(err, b.fillText(ctx, i, sayStoreAway.in(i)))
	}
	if len(s.Turns) == 0 {
		return b.fillText(ctx, i, in(i, "I remember nothing of this channel.", "我对本频道没有任何记忆。"))
	}
	data, page, err := exportFiles(i.ChannelID, s.Turns, time.Now())
	if err != nil {
		return err
	}
	text := fmt.Sprintf(in(i, "What I remember of this channel: %d messages.", "我记得的本频道对话：共 %d 条消息。"), len(s.Turns))
	name := "conversation-" + i.ChannelID
	return b.fill(ctx, i, hookBody{Content: &text, files: []*discordgo.File{
		{Name: name + ".md", ContentType: "text/markdown; charset=utf-8", Reader: bytes.NewReader(page)},
		{Name: name + ".json", ContentType: "application/json", Reader: bytes.NewReader(data)},
	}})
}

func exportFiles(channel string, turns []session.Turn, now time.Time) (data, page []byte, err error) {
	out := exported{Channel: channel, Exported: now.UTC()}
	var md strings.Builder
	fmt.Fprintf(&md, "# Conversation of channel %s\n", channel)
	for _, t := range turns {
		one := exportedOne{ID: t.ID, Role: string(t.Role), Author: t.Author, Text: t.Text}
		who := t.Author
		if t.Role == session.RoleAssistant {
			who = "moebot"
		}
		when := ""
		if !t.Time.IsZero() {
			one.Time = &t.Time
			when = t.Time.UTC().Format(" · 2006-01-02 15:04:05 UTC")
		}
		if t.Answer != nil {
			for _, v := range t.Answer.Variants {
				one.Alternatives = append(one.Alternatives, v.Text)
			}
			one.Chosen = t.Answer.Chosen
		}
		out.Turns = append(out.Turns, one)
		fmt.Fprintf(&md, "\n## %s%s\n\n%s\n", who, when, t.Text)
	}
	data, err = json.MarshalIndent(out, "", "  ")
	return data, []byte(md.String()), err
}
