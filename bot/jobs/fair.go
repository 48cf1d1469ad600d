package jobs

import (
	"context"
	"sync"
)

// fair lets jobs pass, as many at a time as there is room, in turns between servers:
// one that asks a thousand things does not hold up the others. The order of a server's
// own jobs is kept.
type fair struct {
	mu      sync.Mutex
	room    int // jobs that may have passed and not been released
	limit   int // jobs that may wait
	passed  int
	waiting map[string][]chan struct{}
	turns   []string // servers with waiting jobs; the first is next
	n       int      // jobs that wait
}

func newFair(room, limit int) *fair {
	return &fair{room: room, limit: limit, waiting: map[string][]chan struct{}{}}
}

// acquire waits until the job may pass; ErrBusy if too many wait already.
func (f *fair) acquire(ctx context.Context, server string) error {
	f.mu.Lock()
	if f.n == 0 && f.passed < f.room {
		f.passed++
		f.mu.Unlock()
		return nil
	}
	if f.n >= f.limit {
		f.mu.Unlock()
		return ErrBusy
	}
	pass := make(chan struct{})
	if len(f.waiting[server]) == 0 {
		f.turns = append(f.turns, server)
	}
	f.waiting[server] = append(f.waiting[server], pass)
	f.n++
	f.mu.Unlock()
	select {
	case <-pass:
		return nil
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.waiting[server]
	for i, p := range list {
		if p == pass {
			f.set(server, append(list[:i:i], list[i+1:]...))
			f.n--
			return ctx.Err()
		}
	}
	f.passed-- // it passed in the same moment
	f.next()
	return ctx.Err()
}

// set replaces a server's waiting jobs; mu is held.
func (f *fair) set(server string, list []chan struct{}) {
	if len(list) > 0 {
		f.waiting[server] = list
		return
	}
	delete(f.waiting, server)
	for i, s := range f.turns {
		if s == server {
			f.turns = append(f.turns[:i:i], f.turns[i+1:]...)
			return
		}
	}
}

// next lets jobs pass while there is room; mu is held.
func (f *fair) next() {
	for f.passed < f.room && len(f.turns) > 0 {
		server := f.turns[0]
		f.turns = append(f.turns[1:len(f.turns):len(f.turns)], server)
		list := f.waiting[server]
		close(list[0])
		f.set(server, list[1:])
		f.n--
		f.passed++
	}
}

// release makes room for another job.
func (f *fair) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passed--
	f.next()
}

// resize changes the room.
func (f *fair) resize(room int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.room = room
	f.next()
}

// depth is how many jobs wait here, and how many have passed and wait with a worker.
func (f *fair) depth() (waiting, passed int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n, f.passed
}
