package discord

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// commands are the slash commands, as they are registered.
func (b *Bot) commands() []*discordgo.ApplicationCommand {
	zero := 0.0
	admins := int64(discordgo.PermissionAdministrator)
	everywhere := &[]discordgo.InteractionContextType{discordgo.InteractionContextGuild, discordgo.InteractionContextBotDM}
	guilds := &[]discordgo.InteractionContextType{discordgo.InteractionContextGuild}
	chinese := func(s string) *map[discordgo.Locale]string {
		return &map[discordgo.Locale]string{discordgo.ChineseCN: s}
	}
	temperature := &discordgo.ApplicationCommand{Name: "temperature", Description: "Show or set how daring my answers in this channel are", Contexts: everywhere,
		DescriptionLocalizations: chinese("查看或设置我在本频道回答的随机程度"),
		Options: []*discordgo.ApplicationCommandOption{{Type: discordgo.ApplicationCommandOptionNumber, Name: "value", MinValue: &zero, MaxValue: session.MaxTemperature,
			Description:              "0 always says the likeliest word, 2 is wild; leave it out to see the present value",
			DescriptionLocalizations: map[discordgo.Locale]string{discordgo.ChineseCN: "0 总是选最可能的词，2 最随意；留空则显示当前值"}}}}
	return []*discordgo.ApplicationCommand{
		temperature,
		{Name: "stats", Description: "What I have been doing, for administrators", Contexts: guilds, DefaultMemberPermissions: &admins,
			DescriptionLocalizations: chinese("我的运行统计（仅管理员）")},
		{Name: "reset", Description: "Forget this channel's conversation and begin anew", Contexts: everywhere,
			DescriptionLocalizations: chinese("忘记本频道的对话，重新开始")},
		{Name: "help", Description: "How to talk to me", Contexts: everywhere, DescriptionLocalizations: chinese("如何与我交谈")},
	}
}

// register brings the commands to Discord if they are not those it has: Discord
// allows 200 creates a day, so they are sent in one overwrite, and only when they
// have changed (interactions/application-commands, Bulk Overwrite).
func (b *Bot) register() {
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	cmds := b.commands()
	text, err := json.Marshal(cmds)
	if err != nil {
		b.log.Error("commands cannot be encoded", "err", err)
		return
	}
	sum := sha256.Sum256(text)
	hash, fact := hex.EncodeToString(sum[:]), "discord/commands/"+b.me()+"/"+b.opt.CommandGuild
	old, err := b.store.Recall(ctx, fact)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		b.log.Warn("it is not known which commands Discord has; sending them", "err", err)
	}
	if old == hash {
		if there, err := b.dg.ApplicationCommands(b.me(), b.opt.CommandGuild, once(ctx)...); err == nil && len(there) == len(cmds) {
			return
		}
	}
	err = insist(ctx, func() error {
		_, err := b.dg.ApplicationCommandBulkOverwrite(b.me(), b.opt.CommandGuild, cmds, once(ctx)...)
		return err
	})
	if err != nil {
		b.log.Error("the slash commands could not be registered", "err", err)
		return
	}
	b.log.Info("slash commands registered", "count", len(cmds))
	if err := b.store.Remember(ctx, fact, hash); err != nil {
		b.log.Warn("the registered commands could not be noted; they will be sent again", "err", err)
	}
}

func (b *Bot) onInteraction(i *discordgo.Interaction) {
	ctx, cancel := context.WithTimeout(b.ctx, 15*time.Second)
	defer cancel()
	switch i.Type {
	case discordgo.InteractionApplicationCommand:
	case discordgo.InteractionMessageComponent:
		if err := b.onButton(ctx, i); err != nil {
			b.log.Error("a button failed", "button", i.MessageComponentData().CustomID, "channel", i.ChannelID, "err", err)
		}
		return
	default:
		return
	}
	name := i.ApplicationCommandData().Name
	var err error
	switch name {
	case "temperature":
		err = b.temperature(ctx, i)
	case "stats":
		err = b.stats(ctx, i)
	case "reset":
		err = b.reset(ctx, i)
	case "help":
		err = b.respond(ctx, i, b.help(), true)
	default:
		err = b.respond(ctx, i, "I don't know that command any more. Please try again in a minute.", true)
	}
	if err != nil {
		b.log.Error("a command failed", "command", name, "channel", i.ChannelID, "err", err)
	}
}

// sayStoreAway answers commands that need the store when it is away.
const sayStoreAway = "I can't reach my memory at the moment. Please try again in a little while."

// may reports whether the person has a permission in the channel, or is an
// administrator. In direct messages everybody may.
func may(i *discordgo.Interaction, permission int64) bool {
	if i.GuildID == "" {
		return true
	}
	return i.Member != nil && i.Member.Permissions&(permission|discordgo.PermissionAdministrator) != 0
}

func (b *Bot) temperature(ctx context.Context, i *discordgo.Interaction) error {
	key := session.Key{Channel: i.ChannelID}
	// a slow store must not cost the acknowledgement
	ctx, cancel := context.WithTimeout(ctx, ackTime*2/3)
	defer cancel()
	answer := context.WithoutCancel(ctx)
	opts := i.ApplicationCommandData().Options
	if len(opts) == 0 {
		s, err := b.store.Settings(ctx, key)
		if err != nil && !errors.Is(err, session.ErrNotFound) {
			return errors.Join(err, b.respond(answer, i, sayStoreAway, true))
		}
		return b.respond(answer, i, fmt.Sprintf("The temperature here is **%g**%s. %s", *b.opt.Defaults.Merge(s).Temperature, origin(s.Temperature == nil), b.whoMaySet()), true)
	}
	v, ok := opts[0].Value.(float64)
	if !ok {
		return b.respond(answer, i, "The temperature must be a number from 0 to 2.", true)
	}
	if !b.opt.AnyoneMaySet && !may(i, discordgo.PermissionManageChannels) {
		return b.respond(answer, i, "Only people who may manage this channel can change its temperature.", true)
	}
	if err := (session.Settings{Temperature: &v}).Validate(); err != nil {
		return b.respond(answer, i, "That won't do: "+err.Error()+".", true)
	}
	var before float64
	_, err := b.store.UpdateSettings(ctx, key, func(s *session.Settings) error {
		before = *b.opt.Defaults.Merge(*s).Temperature
		s.Temperature = &v
		return nil
	})
	if err != nil {
		return errors.Join(err, b.respond(answer, i, sayStoreAway, true))
	}
	b.log.Info("temperature set", "channel", i.ChannelID, "before", before, "after", v)
	return b.respond(answer, i, fmt.Sprintf("Temperature in this channel: %g → **%g**.", before, v), false)
}

func origin(isDefault bool) string {
	if isDefault {
		return " (the default)"
	}
	return " (set for this channel)"
}

func (b *Bot) whoMaySet() string {
	if b.opt.AnyoneMaySet {
		return "Everyone may set it, 0 to 2."
	}
	return "People who may manage this channel can set it, 0 to 2."
}

func (b *Bot) reset(ctx context.Context, i *discordgo.Interaction) error {
	ctx, cancel := context.WithTimeout(ctx, ackTime*2/3)
	defer cancel()
	answer := context.WithoutCancel(ctx)
	if err := b.store.Reset(ctx, session.Key{Channel: i.ChannelID}); err != nil && !errors.Is(err, session.ErrNotFound) {
		return errors.Join(err, b.respond(answer, i, sayStoreAway, true))
	}
	b.log.Info("conversation reset", "channel", i.ChannelID)
	return b.respond(answer, i, "I have forgotten what we said here. The settings of this channel stay.", false)
}

func (b *Bot) help() string {
	text := "I'm moebot: a small language model that runs inside this very program.\n" +
		"- **Talk to me**: mention me, reply to me, write me a direct message, or go on in a thread I'm in.\n" +
		"- **/temperature** shows or sets how daring I am here, 0 to 2.\n" +
		"- **/reset** makes me forget this channel's conversation.\n" +
		"- **/stats** tells administrators what I've been doing.\n" +
		"I remember this channel's last messages for a while to answer them, and I don't learn from what you write. I often get facts wrong."
	if !b.content.Load() {
		text += "\nI can only read messages that mention me or reply to me, and direct messages."
	}
	return text
}
