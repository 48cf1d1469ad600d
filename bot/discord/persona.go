package discord

import (
	"context"
	"errors"
	"strings"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// Custom ids of forms and of the inputs in them.
const (
	formPersona = "persona"
	formAbout   = "about"  // then ":" and the message's id
	formImport  = "import" // then ":" and the level, or nothing
	formWords   = "words"  // then ":" and where
	inputText   = "text"
)

// persona shows, sets or clears who the bot is in a channel.
func (b *Bot) persona(ctx context.Context, i *discordgo.Interaction) error {
	sub, values := given(i)
	if sub == "show" || sub == "" {
		_, t, err := b.here(ctx, i)
		if err != nil {
			return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
		}
		return b.respond(ctx, i, in(i, "Who I am here", "我在此处的身份")+origin(i, t, func(s session.Settings) bool { return s.Persona != nil })+in(i, ":\n", "：\n")+quoted(i, shown(t.Merged().Persona)), true)
	}
	if !b.mayPersona(i) {
		return b.respond(ctx, i, sayNoPersona.in(i), true)
	}
	if sub == "clear" {
		return b.setPersona(ctx, i, nil)
	}
	if text, ok := values["text"].(string); ok {
		return b.setPersona(ctx, i, &text)
	}
	_, t, err := b.here(ctx, i)
	if err != nil {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	now := shown(t.Merged().Persona)
	if length(now) > session.MaxPersona { // Discord counts otherwise than we do
		now = ""
	}
	return b.openForm(ctx, i, formPersona, in(i, "Who I am in this channel", "我在本频道的身份"), discordgo.TextInput{CustomID: inputText, Label: in(i, "Tell me who I am", "告诉我我是谁"), Style: discordgo.TextInputParagraph,
		Placeholder: "You are a pirate who knows a lot about the sea.", Value: now, MaxLength: session.MaxPersona})
}

var sayNoPersona = say{"Only people who may manage this channel or its messages can change who I am here.", "只有可以管理本频道或其消息的人才能更改我在此处的身份。"}

// saySeldomFollowed is said of a persona where the small model answers.
var saySeldomFollowed = say{"The small model that comes with me seldom follows it.", "我自带的小模型很少会照着它来。"}

func (b *Bot) mayPersona(i *discordgo.Interaction) bool {
	return b.policy.Load().AnyoneMaySet || may(i, discordgo.PermissionManageChannels|discordgo.PermissionManageMessages)
}

// setPersona sets who the bot is, nil for the default, and shows before → after.
func (b *Bot) setPersona(ctx context.Context, i *discordgo.Interaction, text *string) error {
	if text != nil {
		t := strings.TrimSpace(*text)
		text = &t
		if err := (session.Settings{Persona: text}).Validate(); err != nil {
			return b.respond(ctx, i, wontDo(i, err), true)
		}
	}
	before, after, err := b.changeHere(ctx, i, func(s *session.Settings) error { s.Persona = text; return nil })
	if said, err := b.changed(ctx, i, err); said {
		return err
	}
	said := in(i, "Who I am in this channel, before:\n", "我在本频道的身份，之前：\n") + quoted(i, shown(before.Persona)) + in(i, "\nand from now on:\n", "\n从现在起：\n") + quoted(i, shown(after.Persona))
	if note := b.personaNote(i, after); text != nil && note != "" {
		said += "\n" + note
	}
	return b.respond(ctx, i, said, false)
}

// personaNote is what is to be said of a persona where settings hold, "" if nothing.
func (b *Bot) personaNote(i *discordgo.Interaction, set session.Settings) string {
	if !b.opt.Small || shown(set.Persona) == "" || b.opt.Elsewhere != nil && b.opt.Elsewhere(set) != "" {
		return ""
	}
	return saySeldomFollowed.in(i)
}

// quoted is the beginning of a text, as a quotation.
func quoted(i *discordgo.Interaction, text string) string {
	if strings.TrimSpace(text) == "" {
		return "> *" + sayNobody.in(i) + "*"
	}
	if r := []rune(text); len(r) > 600 {
		text = string(r[:600]) + " …"
	}
	return "> " + strings.ReplaceAll(harmless(text), "\n", "\n> ")
}

// openForm answers an interaction with a form of one field.
func (b *Bot) openForm(ctx context.Context, i *discordgo.Interaction, id, title string, input discordgo.TextInput) error {
	return b.acknowledge(ctx, i, &discordgo.InteractionResponse{Type: discordgo.InteractionResponseModal, Data: &discordgo.InteractionResponseData{
		CustomID: id, Title: title, Components: []discordgo.MessageComponent{discordgo.ActionsRow{Components: []discordgo.MessageComponent{input}}}}})
}

// onForm acts on a form that was sent.
func (b *Bot) onForm(ctx context.Context, i *discordgo.Interaction) error {
	data := i.ModalSubmitData()
	text := written(data.Components, inputText)
	id, rest, _ := strings.Cut(data.CustomID, ":")
	switch id {
	case formPersona:
		if !b.mayPersona(i) {
			return b.respond(ctx, i, sayNoPersona.in(i), true)
		}
		return b.setPersona(ctx, i, &text)
	case formImport:
		return b.importForm(ctx, i, rest, text)
	case formWords:
		return b.wordsForm(ctx, i, rest, text)
	case formAbout:
		return b.askAbout(ctx, i, rest, text)
	}
	return b.respond(ctx, i, sayOldButton.in(i), true)
}

// written finds what a person wrote into the input with an id.
func written(components []discordgo.MessageComponent, id string) string {
	for _, c := range components {
		switch c := c.(type) {
		case *discordgo.ActionsRow:
			if s := written(c.Components, id); s != "" {
				return s
			}
		case *discordgo.TextInput:
			if c.CustomID == id {
				return c.Value
			}
		}
	}
	return ""
}
