package main

import (
	"context"
	"crypto/sha256"
	"os"
	"time"
)

// watchEvery is how often a configuration file is looked at.
const watchEvery = time.Second

// watch sends a word each time the file at path says something else than before, the
// first time than when watch is called, until ctx ends; then the channel is closed.
//
// It reads the file every so often, as this works on all file systems and with editors
// and orchestrators that put a new file in the old one's place. What it says counts
// when it is the same at two looks: it may be in the middle of being written. A file
// that is gone says something else, too.
func watch(ctx context.Context, path string, every time.Duration) <-chan struct{} {
	changed := make(chan struct{})
	was := look(path)
	go func() {
		defer close(changed)
		tick := time.NewTicker(every)
		defer tick.Stop()
		before := was
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			is := look(path)
			if is == before && is != was {
				was = is
				select {
				case changed <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
			before = is
		}
	}()
	return changed
}

// look is the digest of what a file says, zero if it cannot be read.
func look(path string) (sum [sha256.Size]byte) {
	b, err := os.ReadFile(path)
	if err != nil {
		return sum
	}
	return sha256.Sum256(b)
}
