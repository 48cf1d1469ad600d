package discord

import "sync"

// maxRecent bounds the texts that a recent keeps.
const maxRecent = 500

// recent keeps the last texts that were given, by the id of what they are of. The zero
// value is empty.
type recent struct {
	mu    sync.Mutex
	texts map[string]string
	order []string
}

func (r *recent) keep(id, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.texts == nil {
		r.texts = map[string]string{}
	}
	if _, ok := r.texts[id]; !ok {
		r.order = append(r.order, id)
	}
	r.texts[id] = text
	if len(r.order) > maxRecent {
		delete(r.texts, r.order[0])
		r.order = r.order[1:]
	}
}

func (r *recent) find(id string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, ok := r.texts[id]
	return text, ok
}
