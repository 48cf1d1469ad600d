package playground

import "moebot/bot/discordtest"

// Seed furnishes an empty local Discord: a guild with a few channels, its owner, an administrator and two
// ordinary members. The bot of the local Discord is a member of the guild from the start.
func Seed(discord *discordtest.Server) {
	owner := discord.AddUser("Robin")
	guild := discord.AddGuild("moebot playground", owner.ID)
	discord.AddAdmin(guild.ID, discord.AddUser("Ada").ID)
	discord.AddMember(guild.ID, discord.AddUser("Jun").ID)
	discord.AddMember(guild.ID, discord.AddUser("Mira").ID)
	for i, c := range []discordtest.Channel{
		{Name: "general", Topic: "Say hello. The bot answers when it is mentioned."},
		{Name: "small-talk", Topic: "The weather, the weekend, what is for dinner"},
		{Name: "experts-lab", Topic: "Ask the same thing twice and look inside the replies"},
	} {
		c.Position = i + 1
		discord.AddChannelLike(guild.ID, c)
	}
}
