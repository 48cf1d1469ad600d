// Package playground is the web page of the local Discord (package discordtest): a chat client in the browser
// for a person who has no Discord at hand, and a view into the model while it speaks.
//
// Server is an http.Handler. It serves the page (embedded, no build step, nothing from the network), a JSON
// snapshot of the local Discord, the acts of people (send, edit, delete, type, run a command, press a button,
// open direct messages, add a person) as JSON POST requests, and what changes as server-sent events. The page
// knows nothing of the bot: what it shows of replies is what Discord would show. Only the panel "Inside the
// reply" asks the bot, through Tracer, how the tokens of a reply came about.
//
// There is no log-in: whoever reaches the address is everybody in the local Discord. Requests from other web
// sites are refused (guard.go), so that a page on the internet cannot speak here through a visitor's browser.
//
// All of Server is safe for concurrent use. It leaves the rules of Discord to discordtest and starts no
// listener of its own.
package playground
