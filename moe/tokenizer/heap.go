package tokenizer

// heap is a priority queue: pop gives an item that is before all others.
type heap[T any] struct {
	items  []T
	before func(a, b T) bool
}

func (h *heap[T]) push(x T) {
	h.items = append(h.items, x)
	i := len(h.items) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !h.before(x, h.items[up]) {
			break
		}
		h.items[i] = h.items[up]
		i = up
	}
	h.items[i] = x
}

func (h *heap[T]) pop() T {
	n := len(h.items) - 1
	top, x := h.items[0], h.items[n]
	h.items = h.items[:n]
	if n == 0 {
		return top
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= n {
			break
		}
		if down+1 < n && h.before(h.items[down+1], h.items[down]) {
			down++
		}
		if !h.before(h.items[down], x) {
			break
		}
		h.items[i] = h.items[down]
		i = down
	}
	h.items[i] = x
	return top
}
