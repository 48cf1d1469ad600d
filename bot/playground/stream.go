package playground

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	ringSize     = 2048             // changes kept for pages that reconnect
	keepAlive    = 15 * time.Second // between two signs of life on a quiet stream
	writeTimeout = 10 * time.Second // for one batch to a page that does not read
)

// change is one server-sent event: its name and its JSON.
type change struct {
	name string
	data []byte
}

// hub numbers the changes of the local Discord and keeps the newest ringSize of them. Pages read from it at
// their own pace; one that fell too far behind, or that knew another hub, is told to resync. Nothing in it
// grows with the number or the slowness of pages.
type hub struct {
	epoch string // tells this hub from an earlier one, whose numbers mean nothing here

	mu      sync.Mutex
	next    uint64           // number of the next change
	kept    uint64           // how many before it are kept, at most ringSize
	ring    [ringSize]change // change n lies at n % ringSize
	changed chan struct{}    // closed and replaced at each change
	closed  bool
}

func newHub(epoch string) *hub {
	return &hub{epoch: epoch, next: 1, changed: make(chan struct{})}
}

// publish appends a change. Its value must marshal.
func (h *hub) publish(name string, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("playground: change %s does not marshal: %v", name, err))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.ring[h.next%ringSize] = change{name, data}
	h.next++
	h.kept = min(h.kept+1, ringSize)
	close(h.changed)
	h.changed = make(chan struct{})
}

// skip makes every page resync: changes were missed.
func (h *hub) skip() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.next++ // no position known to a page is followed by what is kept
	h.kept = 0
	close(h.changed)
	h.changed = make(chan struct{})
}

// close ends all streams.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.changed)
	}
}

func (h *hub) open() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.closed
}

// position names the newest change, for a snapshot that is taken afterwards.
func (h *hub) position() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.name(h.next - 1)
}

func (h *hub) name(n uint64) string { return h.epoch + "-" + strconv.FormatUint(n, 10) }

// after returns the changes behind number n, the number of the last of them, and a channel that is closed at the
// next change. ok is false when they are not all kept any more; open is false when the hub was closed.
func (h *hub) after(n uint64) (changes []change, last uint64, wait <-chan struct{}, ok, open bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n+1 < h.next-h.kept || n >= h.next {
		return nil, n, nil, false, !h.closed
	}
	for i := n + 1; i < h.next; i++ {
		changes = append(changes, h.ring[i%ringSize])
	}
	return changes, h.next - 1, h.changed, true, !h.closed
}

// parse reads a position that name wrote; ok is false for one of another hub or for nonsense.
func (h *hub) parse(position string) (n uint64, ok bool) {
	digits, found := strings.CutPrefix(position, h.epoch+"-")
	if !found {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

// serve streams the changes behind the page's position until the page, the context or the hub ends. A page whose
// position is unknown gets one "resync" event.
func (h *hub) serve(ctx context.Context, w http.ResponseWriter, position string) {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	n, ok := h.parse(position)
	var b strings.Builder
	b.WriteString("retry: 800\n\n")
	ticker := time.NewTicker(keepAlive)
	defer ticker.Stop()
	for {
		var changes []change
		var wait <-chan struct{}
		open := true
		if ok {
			first := n + 1
			changes, n, wait, ok, open = h.after(n)
			for i, c := range changes {
				// JSON has no raw line breaks, so one data line is enough.
				fmt.Fprintf(&b, "id: %s\nevent: %s\ndata: %s\n\n", h.name(first+uint64(i)), c.name, c.data)
			}
		}
		if !ok {
			b.WriteString("event: resync\ndata: {}\n\n")
		}
		// Where the connection knows no deadlines the write itself will tell.
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := w.Write([]byte(b.String())); err != nil {
			return
		}
		if err := out.Flush(); err != nil || !ok || !open {
			return
		}
		b.Reset()
		select {
		case <-wait:
		case <-ticker.C:
			b.WriteString(": still here\n\n")
		case <-ctx.Done():
			return
		}
	}
}
