package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// Garbage is collected less often once the program runs, but not if that took more memory
// than the caches would by themselves.
func TestCollectLess(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	collectLess(512)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if got := debug.SetGCPercent(100); got != gcPercent {
		t.Errorf("collected at %d %%", got)
	}
	if got := debug.SetMemoryLimit(-1); got < 1<<30 || got > memoryLimit(m.HeapAlloc+64<<20, 512) {
		t.Errorf("at most %d bytes", got)
	}
	t.Setenv("GOGC", "50")
	t.Setenv("GOMEMLIMIT", "1GiB")
	debug.SetMemoryLimit(7 << 30)
	collectLess(1)
	if p, l := debug.SetGCPercent(100), debug.SetMemoryLimit(-1); p != 100 || l != 7<<30 {
		t.Errorf("against the environment: %d %%, %d bytes", p, l)
	}
}
