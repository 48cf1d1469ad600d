// Package discord translates between Discord and chat: gateway events become
// questions, answers become messages that grow by editing, and slash commands act
// on a channel's settings.
//
// discordgo is used for its types, its REST requests and its gateway connection,
// and stays inside this package. Where it falls short (see the comments at each
// place) this package does the work itself: event order, reconnecting, a watchdog,
// retries and the pace of edits. The rules followed are those of Discord's
// documentation (https://discord.com/developers/docs).
package discord
