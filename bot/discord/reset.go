package discord

import (
	"context"
	"errors"
	"fmt"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// reset forgets the conversation of a channel, with a button to undo that.
func (b *Bot) reset(ctx context.Context, i *discordgo.Interaction) error {
	short, cancel := soon(ctx)
	defer cancel()
	if err := b.store.Reset(short, keyOf(i)); err != nil && !errors.Is(err, session.ErrNotFound) {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	b.log.Info("conversation reset", "channel", i.ChannelID)
	row := buttons{discordgo.ActionsRow{Components: []discordgo.MessageComponent{
		button(press{actUndo, "0", person(i).ID, 0}, "↩️", in(i, "Undo", "撤销"), discordgo.SecondaryButton, false),
	}}}
	return b.respondWith(ctx, i, &discordgo.InteractionResponseData{Components: row,
		Content: in(i, "I have forgotten what we said here. The settings of this channel stay.", "我已忘记此处的对话。本频道的设置保持不变。")}, false)
}

// pressUndo brings back what a reset has forgotten.
func (b *Bot) pressUndo(ctx context.Context, i *discordgo.Interaction) error {
	short, cancel := soon(ctx)
	defer cancel()
	mine, err := b.mine(short, i)
	if err == nil && !mine {
		return nil
	}
	n := 0
	if err == nil {
		n, err = b.store.Undo(short, keyOf(i))
	}
	switch {
	case err != nil:
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	case n == 0:
		return b.update(ctx, i, in(i, "I have forgotten what we said here, for good: there is nothing left to bring back.", "此处的对话已彻底忘记，无法恢复。"))
	}
	b.log.Info("reset undone", "channel", i.ChannelID, "turns", n)
	return b.update(ctx, i, fmt.Sprintf(in(i, "I remember again what we said here: %d messages.", "我又记起了此处的对话：共 %d 条消息。"), n))
}
