// Package discord translates between Discord and chat: gateway events become
// questions, answers become messages that grow by editing, with buttons to stop,
// repeat, continue and exchange them, and commands act on a channel's settings and
// memory.
//
//	gateway.go shard.go places.go rescan.go  events in, of which servers, and what was missed
//	address.go question.go where.go          which of them are meant for us, by what is set there
//	reply.go writer.go split.go long.go      an answer in one place, on its way and at its end
//	rest.go interact.go attach.go            requests for messages, interactions and files
//	buttons.go press.go                      what stands below an answer, and what it does
//	define.go register.go commands.go        which commands there are; one file for each group
//	levels.go alter.go tree_*.go admin.go    settings of servers, channels and threads
//	guard.go mask.go sound.go                who and what is not answered; nothing pings or breaks
//
// Several processes may serve one bot from one Redis: each with gateway shards of its own
// (Options.Shard, a Bot for each), or all with all events. A message is answered by who
// claims it in the store, an interaction by whose acknowledgement Discord takes.
//
// discordgo is used for its types, its REST requests and its gateway connection,
// and stays inside this package. Where it falls short (see the comments at each
// place) this package does the work itself: event order, reconnecting, a watchdog,
// retries and the pace of edits. The rules followed are those of Discord's
// documentation (https://discord.com/developers/docs).
package discord
