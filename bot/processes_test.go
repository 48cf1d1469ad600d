package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"moebot/bot/discordtest"
	"moebot/session/redisstore"
	"moebot/session/sessiontest"
)

// asProcess in the environment makes this test binary the bot, with the flags and the
// environment of a real one, or what stands in for a part of it.
const (
	asProcess = "MOEBOT_TEST_PROCESS"
	theBot    = "1"
	skewedBot = "clock"    // whose clock is off; see startSkewed
	standIn   = "stand-in" // a worker whose model takes a fixed time; see startStandIn
)

func TestMain(m *testing.M) {
	switch os.Getenv(asProcess) {
	case theBot:
		os.Exit(start(os.Args[1:], os.Stdout, os.Stderr))
	case skewedBot:
		os.Exit(startSkewed())
	case standIn:
		os.Exit(startStandIn())
	}
	os.Exit(m.Run())
}

// process is one bot, a process of its own.
type process struct {
	t    *testing.T
	role string
	base string // of its HTTP, known when it has printed it
	cmd  *exec.Cmd
	log  *buffer
	over chan struct{}
	err  error // of Wait, once over is closed
}

// fleet is a Discord and a Redis, with processes of one bot between them.
type fleet struct {
	t     *testing.T
	d     *discordtest.Server
	redis *sessiontest.Redis // nil where there are several
	env   []string
	store *redisstore.Store

	channels  []string
	people    []discordtest.User
	pace      time.Duration // between the questions of a channel
	mayRefuse bool          // a question may be answered by a notice
	answers   atomic.Int64  // so far

	mu        sync.Mutex
	processes []*process
}

// newFleet prepares a Discord with guilds for each gateway shard, and channels in them.
func newFleet(t *testing.T, do discordtest.Options, guilds, channelsEach int, env ...string) *fleet {
	t.Helper()
	r := sessiontest.StartRedis(t)
	return newFleetOn(t, r.URL(), r, do, guilds, channelsEach, env...)
}

// newFleetOn is newFleet with a Redis that runs.
func newFleetOn(t *testing.T, url string, r *sessiontest.Redis, do discordtest.Options, guilds, channelsEach int, env ...string) *fleet {
	t.Helper()
	do.Limits = discordtest.Limits{Off: true}
	f := &fleet{t: t, d: discordtest.New(do), redis: r}
	if err := f.d.Start(""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.d.Close() })
	owner := f.d.AddUser("owner")
	f.people = append(f.people, owner, f.d.AddUser("mia"))
	for g := range guilds {
		time.Sleep(time.Millisecond) // ids of guilds, and so their shards, go by the time
		guild := f.d.AddGuild(fmt.Sprint("guild", g), owner.ID)
		f.d.AddMember(guild.ID, f.people[1].ID)
		f.d.AddMember(guild.ID, f.d.Bot().ID)
		for c := range channelsEach {
			f.channels = append(f.channels, f.d.AddChannel(guild.ID, fmt.Sprint("channel", c)).ID)
		}
	}
	f.env = append([]string{asProcess + "=" + theBot, "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "DISCORD_TOKEN=" + f.d.Token(), "REDIS_URL=" + url,
		"MOEBOT_DISCORD_API_BASE=" + f.d.URL(), "MOEBOT_HTTP_ADDR=127.0.0.1:0", "MOEBOT_REPLY_MAX_TOKENS=3", "MOEBOT_SAFETY_MESSAGES=0",
		"MOEBOT_SESSION_MAX_TURNS=18", "MOEBOT_MODEL_THREADS=1", "MOEBOT_ROLES_LEASE=2s", "NO_PROXY=127.0.0.1"}, env...)
	var err error
	if f.store, err = redisstore.Open(t.Context(), redisstore.Options{URL: url}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.store.Close() })
	t.Cleanup(f.stop)
	return f
}

// start starts a process, with more in its environment.
func (f *fleet) start(role string, env ...string) *process {
	f.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	return f.startProgram(exe, role, env...)
}

func (f *fleet) startProgram(exe, role string, env ...string) *process {
	f.t.Helper()
	p := &process{t: f.t, role: role, cmd: exec.Command(exe, "-role", role), log: &buffer{}, over: make(chan struct{})}
	p.cmd.Env = append(slices.Clip(f.env), env...)
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	printed := make(chan string, 1)
	go func() {
		defer close(p.over)
		s := bufio.NewScanner(out)
		for s.Scan() {
			if at := regexp.MustCompile(`http://[^/\s]+`).FindString(s.Text()); at != "" {
				printed <- at
				break
			}
		}
		io.Copy(io.Discard, out)
		p.err = p.cmd.Wait()
	}()
	select {
	case p.base = <-printed:
	case <-p.over:
		f.t.Errorf("a %s ends at its start: %v\n%s", role, p.err, p.log)
	case <-time.After(time.Minute):
		f.t.Errorf("a %s does not start:\n%s", role, p.log)
	}
	f.mu.Lock()
	f.processes = append(f.processes, p)
	f.mu.Unlock()
	return p
}

// kill ends a process as kill -9 does.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.over
}

// quit asks a process to stop and waits for that; its status must be 0.
func (p *process) quit() {
	p.t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.over:
		if p.err != nil {
			p.t.Errorf("a %s ends with %v:\n%s", p.role, p.err, p.log)
		}
	case <-time.After(time.Minute):
		p.t.Errorf("a %s does not stop:\n%s", p.role, p.log)
		p.kill()
	}
}

// stop ends what still runs, workers last.
func (f *fleet) stop() {
	f.mu.Lock()
	list := f.processes
	f.mu.Unlock()
	for _, role := range []string{"gateway", "all", "worker"} {
		var all sync.WaitGroup
		for _, p := range list {
			select {
			case <-p.over:
			default:
				if p.role == role {
					all.Go(p.quit)
				}
			}
		}
		all.Wait()
	}
	if f.t.Failed() {
		for _, p := range list {
			log := p.log.String()
			f.t.Logf("the log of a %s ends:\n%s", p.role, log[max(0, len(log)-3000):])
		}
	}
}

// ready waits until a process says that it is.
func (p *process) ready() {
	p.t.Helper()
	waitFor(p.t, "a "+p.role+" is ready", time.Minute, func() bool {
		res, err := http.Get(p.base + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == 200
	})
}

// share waits until the gateways are connected with all gateway shards, about the same
// number each.
func (f *fleet) share(gateways []*process, shards int) {
	f.t.Helper()
	waitFor(f.t, "the gateway shards are shared", time.Minute, func() bool {
		sum := 0
		for _, g := range gateways {
			n, err := strconv.Atoi(g.figure("moebot_discord_shards"))
			if err != nil || n > (shards+len(gateways)-1)/len(gateways) || g.figure("moebot_discord_connected") != "1" {
				return false
			}
			sum += n
		}
		return sum == shards
	})
}

// figure reads one figure of a process.
func (p *process) figure(name string) string {
	res, err := http.Get(p.base + "/metrics")
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	s := bufio.NewScanner(res.Body)
	for s.Scan() {
		if key, value, ok := strings.Cut(s.Text(), " "); ok && key == name {
			return value
		}
	}
	return ""
}

func waitFor(t *testing.T, what string, patience time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
