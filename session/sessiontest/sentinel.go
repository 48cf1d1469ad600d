package sessiontest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Sentinel is a master with replicas and the three sentinels that watch them, of
// which two must agree to make a replica the master.
type Sentinel struct {
	// Nodes are the servers that hold data, at first the master and then its
	// replicas.
	Nodes []*Redis
	// Watchers are the sentinels.
	Watchers []*Redis
}

// sentinelName is what the sentinels call the master.
const sentinelName = "moebot"

// StartSentinel starts a master with the given number of replicas, and three
// sentinels that take a master for dead when it has been silent for down. A master
// on a machine under load may well be silent for a second. All end with the test;
// it skips as StartRedis does. The servers get args as further arguments.
func StartSentinel(t testing.TB, replicas int, down time.Duration, args ...string) *Sentinel {
	t.Helper()
	args = append([]string{"--repl-diskless-sync-delay", "0"}, args...)
	s := &Sentinel{Nodes: []*Redis{StartRedis(t, args...)}}
	host, port, _ := net.SplitHostPort(s.Nodes[0].Addr)
	for range replicas {
		s.Nodes = append(s.Nodes, StartRedis(t, append(args, "--replicaof", host, port)...))
	}
	for range 3 {
		s.Watchers = append(s.Watchers, s.watch(t, down))
	}
	await(t, "the sentinels to know all", slices.Concat(s.Watchers, s.Nodes), func() bool {
		for _, w := range s.Watchers {
			text, err := w.ask("INFO", "sentinel")
			if err != nil || !strings.Contains(text, fmt.Sprintf("status=ok,address=%s,slaves=%d,sentinels=3", s.Nodes[0].Addr, replicas)) {
				return false
			}
			if text, err := w.ask("SENTINEL", "CKQUORUM", sentinelName); err != nil || !strings.HasPrefix(text, "+OK 3 usable") {
				return false
			}
		}
		return s.Synced(replicas)
	})
	return s
}

// watch starts one sentinel. It is told all that it would find out by itself within
// ten seconds, but for the sentinels that start later.
func (s *Sentinel) watch(t testing.TB, down time.Duration) *Redis {
	t.Helper()
	return start(t, func(r *Redis, port string) []string {
		var conf strings.Builder
		say := func(format string, a ...any) { fmt.Fprintf(&conf, "sentinel "+format+"\n", a...) }
		address := func(addr string) string {
			host, port, _ := net.SplitHostPort(addr)
			return host + " " + port
		}
		say("myid %s", watcherID(r.Addr))
		say("monitor %s %s 2", sentinelName, address(s.Nodes[0].Addr))
		say("down-after-milliseconds %s %d", sentinelName, down.Milliseconds())
		say("failover-timeout %s 10000", sentinelName)
		for _, n := range s.Nodes[1:] {
			say("known-replica %s %s", sentinelName, address(n.Addr))
		}
		for _, w := range s.Watchers {
			say("known-sentinel %s %s %s", sentinelName, address(w.Addr), watcherID(w.Addr))
		}
		file := filepath.Join(r.dir, "sentinel.conf")
		if err := os.WriteFile(file, []byte(conf.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{file, "--sentinel", "--port", port, "--bind", "127.0.0.1", "--dir", r.dir, "--logfile", "log"}
	})
}

// watcherID makes a sentinel's id, 40 hexadecimal digits, of its address.
func watcherID(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return fmt.Sprintf("%040s", port)
}

// URL is the address as redisstore.Open takes it.
func (s *Sentinel) URL() string {
	return "redis://" + hosts(s.Watchers) + "?master_name=" + sentinelName
}

// Master is the node that says it is the master, nil if none does.
func (s *Sentinel) Master() *Redis {
	for _, n := range s.Nodes {
		if n.Is("role:master") {
			return n
		}
	}
	return nil
}

// Synced reports whether there is a master with that many replicas in step.
func (s *Sentinel) Synced(replicas int) bool {
	m := s.Master()
	if m == nil {
		return false
	}
	text, err := m.ask("INFO", "replication")
	return err == nil && strings.Count(text, "state=online") == replicas
}

// await waits for a condition, and shows the servers' logs if it waits in vain.
func await(t testing.TB, what string, nodes []*Redis, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			for _, n := range nodes {
				log, _ := os.ReadFile(filepath.Join(n.dir, "log"))
				t.Logf("log of %s:\n%s", n.Addr, log[max(0, len(log)-3000):])
			}
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
