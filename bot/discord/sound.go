package discord

import (
	"maps"
	"slices"

	"github.com/bwmarrin/discordgo"
)

// sound reports whether an interaction is what its type says, and from somebody. Parts
// of it that are not what they say are taken out: discordgo's accessors would panic.
func sound(i *discordgo.Interaction) bool {
	if i.Member != nil && i.Member.User == nil {
		i.Member = nil
	}
	if i.ID == "" || i.Token == "" || i.Member == nil && i.User == nil {
		return false
	}
	switch i.Type {
	case discordgo.InteractionApplicationCommand, discordgo.InteractionApplicationCommandAutocomplete:
		d, ok := i.Data.(discordgo.ApplicationCommandInteractionData)
		if !ok {
			return false
		}
		d.Options = soundOptions(d.Options)
		if r := d.Resolved; r != nil {
			maps.DeleteFunc(r.Messages, func(_ string, m *discordgo.Message) bool { return m == nil })
			maps.DeleteFunc(r.Users, func(_ string, u *discordgo.User) bool { return u == nil })
			maps.DeleteFunc(r.Members, func(_ string, m *discordgo.Member) bool { return m == nil })
			maps.DeleteFunc(r.Roles, func(_ string, x *discordgo.Role) bool { return x == nil })
			maps.DeleteFunc(r.Channels, func(_ string, c *discordgo.Channel) bool { return c == nil })
		}
		i.Data = d
	case discordgo.InteractionMessageComponent:
		_, ok := i.Data.(discordgo.MessageComponentInteractionData)
		return ok && i.Message != nil
	case discordgo.InteractionModalSubmit:
		_, ok := i.Data.(discordgo.ModalSubmitInteractionData)
		return ok
	}
	return true
}

// soundOptions are the options whose values are of their type
// (interactions/application-commands, Application Command Option Type).
func soundOptions(list []*discordgo.ApplicationCommandInteractionDataOption) []*discordgo.ApplicationCommandInteractionDataOption {
	return slices.DeleteFunc(list, func(o *discordgo.ApplicationCommandInteractionDataOption) bool {
		if o == nil {
			return true
		}
		o.Options = soundOptions(o.Options)
		ok := true
		switch o.Type {
		case discordgo.ApplicationCommandOptionSubCommand, discordgo.ApplicationCommandOptionSubCommandGroup:
		case discordgo.ApplicationCommandOptionInteger, discordgo.ApplicationCommandOptionNumber:
			_, ok = o.Value.(float64)
			if _, text := o.Value.(string); text && o.Focused { // half a number, being typed
				ok = true
			}
		case discordgo.ApplicationCommandOptionBoolean:
			_, ok = o.Value.(bool)
		default: // text and ids
			_, ok = o.Value.(string)
		}
		return !ok
	})
}
