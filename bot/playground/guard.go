package playground

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// policy allows the page its own files and nothing else: no inline script or style, no other origin, no frames.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard keeps other web sites out. Two ways lead from a foreign page to a server on loopback: a request across
// origins, which browsers mark (Sec-Fetch-Site, Origin), and a foreign name that resolves to a loopback address
// (DNS rebinding), which shows in the Host header. An address literal as host cannot be rebound.
func guard(hosts []string, next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	protected := cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !hostAllowed(r.Host, hosts) {
			fail(w, http.StatusMisdirectedRequest, "This playground does not answer under the name "+quoteHost(r.Host)+".")
			return
		}
		// CrossOriginProtection lets reading requests pass, since their answers are not readable across origins;
		// the API has no business with other sites at all.
		if site := r.Header.Get("Sec-Fetch-Site"); strings.HasPrefix(r.URL.Path, "/api/") && (site == "cross-site" || site == "same-site") {
			fail(w, http.StatusForbidden, "Requests from other web sites are refused.")
			return
		}
		protected.ServeHTTP(w, r)
	})
}

// hostAllowed reports whether a Host header names this server: localhost, an address literal, or a listed name.
func hostAllowed(hostport string, hosts []string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return slices.ContainsFunc(hosts, func(name string) bool { return strings.EqualFold(name, host) })
}

// quoteHost keeps what a client sent short and printable in an answer.
func quoteHost(host string) string {
	if len(host) > 100 {
		host = host[:100]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, host)
}
