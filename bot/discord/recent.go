package discord

import (
	"slices"
	"sync"
)

// maxRecent bounds what a recent keeps.
const maxRecent = 500

// recent keeps the last values that were given, by the id of what they are of. The zero
// value is empty.
type recent[T any] struct {
	mu     sync.Mutex
	values map[string]T
	order  []string
}

func (r *recent[T]) keep(id string, value T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.values == nil {
		r.values = map[string]T{}
	}
	if _, ok := r.values[id]; !ok {
		r.order = append(r.order, id)
	}
	r.values[id] = value
	if len(r.order) > maxRecent {
		delete(r.values, r.order[0])
		r.order = r.order[1:]
	}
}

func (r *recent[T]) find(id string) (T, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, ok := r.values[id]
	return value, ok
}

// drop forgets the values of which of is true.
func (r *recent[T]) drop(of func(T) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order = slices.DeleteFunc(r.order, func(id string) bool {
		gone := of(r.values[id])
		if gone {
			delete(r.values, id)
		}
		return gone
	})
}
