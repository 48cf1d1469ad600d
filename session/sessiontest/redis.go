package sessiontest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Redis is a redis-server of a test's own, on loopback, with its data in a
// temporary directory.
type Redis struct {
	// Addr is its host:port; it stays the same over Start.
	Addr string

	t       testing.TB
	dir     string
	command []string // what runs it, before args
	args    []string
	cmd     *exec.Cmd       // nil while it is down
	ended   <-chan struct{} // closed when the process of cmd is gone
}

// StartRedis starts a redis-server with an append-only file (fsync every
// second) and the given further arguments. It ends with the test. Without
// redis-server on the machine the test is skipped, or fails if
// MOEBOT_REQUIRE_SERVICES is 1.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	return start(t, func(r *Redis, port string) []string {
		return append(plainArgs(r, port), args...)
	})
}

// plainArgs are the arguments of a server with an append-only file.
func plainArgs(r *Redis, port string) []string {
	return []string{"--port", port, "--bind", "127.0.0.1", "--dir", r.dir, "--logfile", "log",
		"--save", "", "--appendonly", "yes", "--appendfsync", "everysec"}
}

// start starts a server with the arguments that args gives for a port. A port
// that was free may be taken a moment later, so it tries three.
func start(t testing.TB, args func(r *Redis, port string) []string) *Redis {
	t.Helper()
	_, err := exec.LookPath("redis-server")
	if err != nil {
		skip(t, "redis-server is not installed")
	}
	for range 3 {
		r := &Redis{t: t, Addr: freeAddr(t), dir: t.TempDir(), command: []string{"redis-server"}}
		_, port, _ := net.SplitHostPort(r.Addr)
		r.args = args(r, port)
		if err = r.start(); err == nil {
			t.Cleanup(r.Kill)
			return r
		}
	}
	t.Fatal(err)
	return nil
}

// skip skips the test, unless services are required.
func skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("MOEBOT_REQUIRE_SERVICES") == "1" {
		t.Fatal(why + ", and MOEBOT_REQUIRE_SERVICES is 1")
	}
	t.Skip(why)
}

// freeAddr returns a loopback address nobody listens on at the moment.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// URL returns the server's address as redisstore.Open takes it.
func (r *Redis) URL() string { return "redis://" + r.Addr + "/0" }

// hosts are the addresses of servers, separated by commas.
func hosts(nodes []*Redis) string {
	var list []string
	for _, r := range nodes {
		list = append(list, r.Addr)
	}
	return strings.Join(list, ",")
}

// Dir is the directory of its files.
func (r *Redis) Dir() string { return r.dir }

// Start starts the server again after Kill, with the same data, and waits
// until it has loaded them.
func (r *Redis) Start() {
	r.t.Helper()
	if err := r.start(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *Redis) start() error {
	command := slices.Concat(r.command, r.args)
	r.cmd = exec.Command(command[0], command[1:]...)
	if err := r.cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	r.ended = ended
	go func(cmd *exec.Cmd) {
		defer close(ended)
		cmd.Wait()
	}(r.cmd)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		select {
		case <-ended:
			end = time.Now()
		case <-time.After(20 * time.Millisecond):
			if reply, err := r.ask("PING"); err == nil && strings.HasPrefix(reply, "+PONG") {
				return nil
			}
		}
	}
	r.Kill()
	log, _ := os.ReadFile(filepath.Join(r.dir, "log"))
	return fmt.Errorf("redis-server at %s does not answer:\n%s", r.Addr, log)
}

// Kill ends the server at once, as kill -9 does, and waits for its end.
func (r *Redis) Kill() {
	if r.cmd != nil {
		r.cmd.Process.Kill()
		<-r.ended
	}
	r.cmd = nil
}

// ask sends one command of plain words and returns the first line of the
// reply or, of a text, all of it.
func (r *Redis) ask(words ...string) (string, error) {
	c, err := net.DialTimeout("tcp", r.Addr, time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := fmt.Fprintf(c, "%s\r\n", strings.Join(words, " ")); err != nil {
		return "", err
	}
	b := bufio.NewReader(c)
	line, err := b.ReadString('\n')
	var n int
	if _, serr := fmt.Sscanf(line, "$%d", &n); err != nil || serr != nil {
		return line, err
	}
	text := make([]byte, n)
	for at := 0; at < n; {
		m, err := b.Read(text[at:])
		if err != nil {
			return "", err
		}
		at += m
	}
	return string(text), nil
}

// Is reports whether the server says a line of that kind about its replication, such
// as "role:master".
func (r *Redis) Is(line string) bool {
	text, err := r.ask("INFO", "replication")
	return err == nil && strings.Contains(text, line)
}

// Ask sends one command of plain words and returns the first line of the reply or, of
// a text, all of it; an error of the server fails the test.
func (r *Redis) Ask(words ...string) string {
	r.t.Helper()
	reply, err := r.ask(words...)
	if err != nil || strings.HasPrefix(reply, "-") {
		r.t.Fatalf("%s: %s, %v", strings.Join(words, " "), reply, err)
	}
	return reply
}
