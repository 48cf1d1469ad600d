package discord

import "sync"

// maxTargets bounds the messages whose text is kept while their form is open.
const maxTargets = 200

// targets are texts of messages that somebody asks about. Discord shows a message to a
// command in its menu, but not to the form that follows.
type targets struct {
	mu    sync.Mutex
	texts map[string]string
	order []string
}

func (t *targets) keep(id, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.texts == nil {
		t.texts = map[string]string{}
	}
	if _, ok := t.texts[id]; !ok {
		t.order = append(t.order, id)
	}
	t.texts[id] = text
	if len(t.order) > maxTargets {
		delete(t.texts, t.order[0])
		t.order = t.order[1:]
	}
}

func (t *targets) find(id string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, ok := t.texts[id]
	return text, ok
}
