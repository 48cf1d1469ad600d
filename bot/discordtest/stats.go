package discordtest

import (
	"maps"
	"sync"
)

// RouteStats counts the REST requests of one route.
type RouteStats struct {
	Requests int
	Status   map[int]int // answers by HTTP status; 0: the connection was closed instead
}

// statistics counts requests. Safe for concurrent use.
type statistics struct {
	mu     sync.Mutex
	routes map[string]RouteStats
}

func (t *statistics) count(route string, status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.routes[route]
	if r.Status == nil {
		r.Status = make(map[int]int)
	}
	r.Requests++
	r.Status[status]++
	t.routes[route] = r
}

// Requests counts the REST requests so far by route, such as "POST /channels/{channel}/messages".
func (s *Server) Requests() map[string]RouteStats {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	out := make(map[string]RouteStats, len(s.stats.routes))
	for route, r := range s.stats.routes {
		out[route] = RouteStats{r.Requests, maps.Clone(r.Status)}
	}
	return out
}

// InvalidRequests counts the answers 401, 403 and 429, of which Discord allows 10,000 in ten minutes before
// it blocks an address. Documentation: topics/rate-limits.mdx, "Invalid Request Limit".
func (s *Server) InvalidRequests() int {
	n := 0
	for _, r := range s.Requests() {
		n += r.Status[401] + r.Status[403] + r.Status[429]
	}
	return n
}
