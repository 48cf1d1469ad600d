package playground

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	handler := guard([]string{"moebot.example"}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
	for _, c := range []struct {
		name, method, path, host string
		headers                  map[string]string
		want                     int
	}{
		{"page", "GET", "/", "localhost:8080", nil, 204},
		{"page by loopback address", "GET", "/", "127.0.0.1:8080", nil, 204},
		{"page by IPv6 address", "GET", "/", "[::1]:8080", nil, 204},
		{"page by address in the house", "GET", "/", "192.168.1.7:8080", nil, 204},
		{"page by listed name", "GET", "/", "MoeBot.example", nil, 204},
		{"name under localhost", "GET", "/", "moebot.localhost:8080", nil, 204},
		{"rebound name", "GET", "/", "evil.example:8080", nil, 421},
		{"rebound name, act", "POST", "/api/send", "evil.example", nil, 421},
		{"name that ends like localhost", "GET", "/", "notlocalhost", nil, 421},
		{"no host", "GET", "/", "", nil, 421},
		{"act of the page", "POST", "/api/send", "localhost:8080", map[string]string{"Sec-Fetch-Site": "same-origin"}, 204},
		{"act of the page, old browser", "POST", "/api/send", "localhost:8080", map[string]string{"Origin": "http://localhost:8080"}, 204},
		{"act of a program", "POST", "/api/send", "localhost:8080", nil, 204},
		{"act of another site", "POST", "/api/send", "localhost:8080", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"act of another port", "POST", "/api/send", "localhost:8080", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"act of another site, old browser", "POST", "/api/send", "localhost:8080", map[string]string{"Origin": "https://evil.example"}, 403},
		{"act of a sandboxed frame", "POST", "/api/send", "localhost:8080", map[string]string{"Origin": "null"}, 403},
		{"reading by another site", "GET", "/api/state", "localhost:8080", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"link from another site", "GET", "/", "localhost:8080", map[string]string{"Sec-Fetch-Site": "cross-site"}, 204},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "http://x"+c.path, nil)
			r.Host = c.host
			for k, v := range c.headers {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("%s %s, host %q, %v: got %d, want %d", c.method, c.path, c.host, c.headers, w.Code, c.want)
			}
			if got := w.Header().Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") {
				t.Errorf("policy %q", got)
			}
		})
	}
}
