package discord

import (
	"context"

	"github.com/bwmarrin/discordgo"
)

// barred says in one sentence why a person is not answered, "" if they are.
func (b *Bot) barred(ctx context.Context, i *discordgo.Interaction, who *discordgo.User) string {
	return ""
}
