//go:build !race

package discord

// underRace says that the race detector slows the tests down.
const underRace = false
