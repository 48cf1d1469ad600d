// Package discordtest is a Discord in memory: guilds, channels, people, messages, application commands and
// interactions behind the REST API v9 and the gateway, spoken over real HTTP and WebSocket on the loopback
// interface. It serves two masters: tests that drive the real bot, and the local playground, where it is the
// Discord a person sees.
//
// The bot is pointed at it by an HTTP transport (Server.Transport) that rewrites the host of discord.com and
// its CDN, and finds the gateway as always, by GET /gateway. Not a line of bot code knows the difference.
//
// One side of the package is Discord's own: REST and gateway, for the one application named in Options, with
// Discord's validations, error codes, rate limits and deadlines. Each rule cites the section of Discord's
// documentation that states it (https://docs.discord.com/developers/...); what Discord does not document is
// marked "observed". The other side is the Go API of Server, which plays the people: Send, Edit, Delete,
// Command, Click, and the eyes: Messages, Subscribe, Pings, Requests. Faults makes either side misbehave on
// demand.
//
// It leaves out what a text bot has no use for: voice, stages, polls, stickers, soundboards, scheduled events,
// webhooks other than those of interactions, OAuth2 beyond what a bot reads about itself, and everything done
// by the clients of people other than through the Go API.
//
// All of Server is safe for concurrent use. Values returned are snapshots; their slices and maps are shared
// and must not be changed. State lives behind one mutex: several thousand messages per second is what a test
// needs, and order is then easy to see.
package discordtest
