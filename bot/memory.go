package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// gcPercent is how much of what is in use may be allocated until the next garbage
// collection. The bot's own heap is small, and with Go's 100 a collection is under way for
// so much of the time that one message in a hundred waits for it: with 400 handling a
// message takes two thirds of the processor time with the store in the process, and less of
// it with Redis (go test ./bot/discord -run none -bench Message).
const gcPercent = 400

// collectLess has garbage collected less often, within the memory that 100 % would take
// once the caches of conversations are full. The environment's GOGC and GOMEMLIMIT win.
func collectLess(cacheMiB int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		debug.SetMemoryLimit(memoryLimit(m.HeapAlloc, cacheMiB))
	}
}

// memoryLimit is twice what is in use when the model is loaded and what the caches may
// take, and some more, in bytes.
func memoryLimit(inUse uint64, cacheMiB int) int64 {
	return 2*(int64(inUse)+int64(cacheMiB)<<20) + 128<<20
}
