package chat

import "sync"

// lately holds the last names that were added, as of questions that the store has heard
// of. What is delivered again is recognised by it, also while the store is away: who
// asked must not be told so then, below the answer or in its place.
type lately struct {
	mu    sync.Mutex
	known map[string]bool
	ring  []string // the oldest is at next
	next  int
}

// maxLately is how many names are held.
const maxLately = 8192

func (l *lately) add(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[name] {
		return
	}
	if l.known == nil {
		l.known = map[string]bool{}
	}
	l.known[name] = true
	if len(l.ring) < maxLately {
		l.ring = append(l.ring, name)
		return
	}
	delete(l.known, l.ring[l.next])
	l.ring[l.next] = name
	l.next = (l.next + 1) % maxLately
}

// drop forgets a name before its time.
func (l *lately) drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, name)
}

func (l *lately) has(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[name]
}
