package discord

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
	"moebot/session"
)

func (b *Bot) onInteraction(i *discordgo.Interaction) {
	if !sound(i) {
		b.log.Debug("an interaction is not what it says", "type", i.Type, "channel", i.ChannelID)
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, interactionTime)
	defer cancel()
	what, name := "a command", ""
	var err error
	switch i.Type {
	case discordgo.InteractionApplicationCommand:
		name = i.ApplicationCommandData().Name
		err = b.onCommand(ctx, i, name)
	case discordgo.InteractionMessageComponent:
		what, name = "a button", i.MessageComponentData().CustomID
		err = b.onButton(ctx, i)
	case discordgo.InteractionModalSubmit:
		what, name = "a form", i.ModalSubmitData().CustomID
		err = b.onForm(ctx, i)
	case discordgo.InteractionApplicationCommandAutocomplete:
		what, name = "a completion", i.ApplicationCommandData().Name
		err = b.complete(ctx, i)
	default:
		return
	}
	if code(err) == discordgo.ErrCodeInteractionHasAlreadyBeenAcknowledged {
		b.log.Debug("another process is at an interaction", "name", name)
		return
	}
	if err != nil && b.ctx.Err() == nil {
		b.log.Error(what+" failed", "name", name, "channel", i.ChannelID, "err", err)
	}
}

// interactionTime bounds what is done for an interaction, but for answers.
const interactionTime = 30 * time.Second

func (b *Bot) onCommand(ctx context.Context, i *discordgo.Interaction, name string) error {
	switch name {
	case "temperature":
		return b.temperature(ctx, i)
	case "sampling":
		return b.sampling(ctx, i)
	case "persona":
		return b.persona(ctx, i)
	case "settings":
		return b.settings(ctx, i)
	case "admin":
		return b.admin(ctx, i)
	case "ask":
		return b.ask(ctx, i)
	case "regenerate":
		return b.regenerate(ctx, i)
	case "stop":
		return b.stopHere(ctx, i)
	case "reset":
		return b.reset(ctx, i)
	case "context":
		return b.context(ctx, i)
	case "why":
		return b.why(ctx, i)
	case "experts":
		return b.experts(ctx, i)
	case "export":
		return b.export(ctx, i)
	case "forget-me":
		return b.forgetMe(ctx, i)
	case "privacy":
		model := b.elsewhere(ctx, i)
		return b.respond(ctx, i, in(i, b.privacy(model), b.privacyInChinese(model)), true)
	case "steer":
		return b.steer(ctx, i)
	case "status":
		return b.status(ctx, i)
	case "stats":
		return b.stats(ctx, i)
	case "help":
		model := b.elsewhere(ctx, i)
		return b.respond(ctx, i, in(i, b.help(model), b.helpInChinese(model)), true)
	case menuAbout:
		return b.about(ctx, i)
	case menuAgain:
		return b.againFromHere(ctx, i)
	}
	return b.respond(ctx, i, in(i, "I don't know that command any more. Please try again in a minute.", "我已不认识这个命令，请过一分钟再试。"), true)
}

// may reports whether the person has a permission in the channel, or is an
// administrator. In direct messages everybody may.
func may(i *discordgo.Interaction, permission int64) bool {
	if i.GuildID == "" {
		return true
	}
	return i.Member != nil && i.Member.Permissions&(permission|discordgo.PermissionAdministrator) != 0
}

// given are the options of a command by name, those of a sub-command included; sub is
// its name, behind that of its group, if it is in one, and a blank.
func given(i *discordgo.Interaction) (sub string, values map[string]any) {
	options := i.ApplicationCommandData().Options
	for len(options) == 1 && (options[0].Type == discordgo.ApplicationCommandOptionSubCommand || options[0].Type == discordgo.ApplicationCommandOptionSubCommandGroup) {
		sub, options = strings.TrimSpace(sub+" "+options[0].Name), options[0].Options
	}
	values = map[string]any{}
	for _, o := range options {
		values[o.Name] = o.Value
	}
	return sub, values
}

// soon bounds a read of the store so that it does not cost the acknowledgement.
func soon(ctx context.Context) (short context.Context, cancel context.CancelFunc) {
	return context.WithTimeout(ctx, ackTime*2/3)
}

// load reads the conversation of an interaction's channel within the time there is
// for an acknowledgement. None is an empty one.
func (b *Bot) load(ctx context.Context, i *discordgo.Interaction) (session.Session, error) {
	ctx, cancel := soon(ctx)
	defer cancel()
	s, err := b.store.Load(ctx, session.Key{Channel: i.ChannelID})
	if errors.Is(err, session.ErrNotFound) {
		return session.Session{Key: session.Key{Channel: i.ChannelID}}, nil
	}
	return s, err
}

// last is the last answer of a conversation and the id of its question.
func last(s session.Session) (a session.Turn, question string, ok bool) {
	for n := len(s.Turns) - 1; n >= 0; n-- {
		t := s.Turns[n]
		if t.Role != session.RoleAssistant {
			continue
		}
		if t.Answer != nil && t.Answer.To != "" {
			return t, t.Answer.To, true
		}
		if n > 0 {
			return t, s.Turns[n-1].ID, true
		}
	}
	return a, "", false
}

// regenerate answers the last question again.
func (b *Bot) regenerate(ctx context.Context, i *discordgo.Interaction) error {
	s, err := b.load(ctx, i)
	if err != nil {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	a, question, ok := last(s)
	if !ok || s.UpTo(question) == nil {
		return b.respond(ctx, i, in(i, "There is no answer of mine here that I could give again.", "此处没有可以重新生成的回答。"), true)
	}
	return b.redoFor(ctx, i, s.Key, question, a)
}

// redoFor makes an answer again for a command: the person alone reads that it begins.
func (b *Bot) redoFor(ctx context.Context, i *discordgo.Interaction, key session.Key, question string, a session.Turn) error {
	if a.Answer != nil && !mayPress(i, a.Answer.For) {
		return b.respond(ctx, i, sayNotYours.in(i), true)
	}
	if err := b.respond(ctx, i, in(i, "I'm answering that again.", "正在重新回答。"), true); err != nil {
		return err
	}
	return b.redo(ctx, i, key, question, a, false)
}

// stopHere stops what is being answered in the channel: to the person, or, by who may
// manage messages, to everybody.
func (b *Bot) stopHere(ctx context.Context, i *discordgo.Interaction) error {
	who := person(i).ID
	if i.GuildID != "" && may(i, discordgo.PermissionManageMessages) {
		who = ""
	}
	n := b.chat.StopAll(session.Key{Channel: i.ChannelID}, who) + b.chat.StopAll(chat.OnceKey, person(i).ID)
	if n == 0 {
		b.yield(ctx)
		return b.respond(ctx, i, in(i, "I'm not answering anything of yours here.", "我现在没有在此处回答你的问题。"), true)
	}
	return b.respond(ctx, i, in(i, "Stopped.", "已停止。"), true)
}
