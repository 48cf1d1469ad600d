package redisstore

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// parse reads an URL as Open takes it, checks what go-redis does not, and gives one
// that go-redis takes: the hosts but the first as parameters addr. cluster is whether
// it is of a Cluster. Errors name the part of the URL and repeat nothing of it, in
// which there may be a password.
func parse(rawURL string) (u *url.URL, cluster bool, err error) {
	rawURL, more := splitHosts(rawURL)
	if u, err = url.Parse(rawURL); err != nil {
		return nil, false, withoutURL(err)
	}
	if u.Scheme != "redis" && u.Scheme != "rediss" && u.Scheme != "unix" {
		return nil, false, fmt.Errorf("scheme must be redis, rediss or unix, not %q", u.Scheme)
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, false, errors.New("the parameters behind ? are not understood")
	}
	more = append(more, q["addr"]...)
	for i, a := range more {
		if !isAddress(a) {
			return nil, false, fmt.Errorf("address %d of %d is not host:port", i+2, len(more)+1)
		}
	}
	delete(q, "addr")
	if len(more) > 0 {
		q["addr"] = more
	}
	switch c := q.Get("cluster"); c {
	case "", "false":
		cluster = c == "" && len(more) > 0 && !q.Has("master_name")
	case "true":
		cluster = true
	default:
		return nil, false, fmt.Errorf("cluster must be true or false, not %q", c)
	}
	switch {
	case cluster && q.Has("master_name"):
		return nil, false, errors.New("master_name is of Sentinel and cluster=true of a Cluster: leave out one of them")
	case q.Has("master_name") && q.Get("master_name") == "":
		return nil, false, errors.New("master_name is empty; it is what the sentinels call the master")
	case len(more) > 0 && !cluster && !q.Has("master_name"):
		return nil, false, fmt.Errorf("there are %d addresses, which needs master_name or cluster=true", len(more)+1)
	case u.Scheme == "unix" && (cluster || q.Has("master_name")):
		return nil, false, errors.New("scheme unix is for one node")
	case cluster && strings.Trim(u.Path, "/0") != "":
		return nil, false, errors.New("the database must be 0 in a Cluster")
	}
	for _, stale := range []string{"read_only", "replica_only", "route_by_latency", "route_randomly"} {
		if q.Has(stale) {
			return nil, false, fmt.Errorf("%s would read from replicas, which may not have the newest message yet", stale)
		}
	}
	q.Del("cluster")
	u.RawQuery = q.Encode()
	return u, cluster, nil
}

// splitHosts takes all hosts but the first, separated by commas, out of an URL.
func splitHosts(rawURL string) (string, []string) {
	scheme, rest, ok := strings.Cut(rawURL, "://")
	if !ok {
		return rawURL, nil
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	user, hosts := "", rest[:end]
	if i := strings.LastIndex(hosts, "@"); i >= 0 {
		user, hosts = hosts[:i+1], hosts[i+1:]
	}
	first, others, ok := strings.Cut(hosts, ",")
	if !ok {
		return rawURL, nil
	}
	return scheme + "://" + user + first + rest[end:], strings.Split(others, ",")
}

// isAddress reports whether a is host:port.
func isAddress(a string) bool {
	host, port, err := net.SplitHostPort(a)
	if err != nil || host == "" {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// withoutURL drops the URL, which may hold a password, from a parse error.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	// net/url quotes what it could not read: a port may be half a password.
	return errors.New("not understood: " + redact(err.Error()))
}

// redact removes what net/url and go-redis quote from the input.
func redact(text string) string {
	head, _, quoted := strings.Cut(text, `"`)
	if quoted {
		return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(head), ":"))
	}
	return text
}
