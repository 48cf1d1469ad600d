package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/bot/discordtest"
	"moebot/session/sessiontest"
)

// standIns starts n workers with a stand-in for the model.
func (f *fleet) standIns(n int, env ...string) (list []*process) {
	f.t.Helper()
	for range n {
		list = append(list, f.start("worker", append([]string{asProcess + "=" + standIn}, env...)...))
	}
	return list
}

// during asks questions in all channels, and when some are answered lets a fault strike.
// When all is answered it logs what became of the questions; lost and doubled must be 0.
func (f *fleet) during(each int, strike func()) result {
	f.t.Helper()
	if n, _ := soak(f.t); n > 0 {
		each = max(each, n/len(f.channels))
	}
	before := f.answers.Load()
	over := make(chan struct{})
	go func() {
		defer close(over)
		for f.answers.Load() < before+10 && !f.t.Failed() {
			time.Sleep(10 * time.Millisecond)
		}
		strike()
	}()
	questions, times := f.flood(each, 4*time.Minute)
	<-over
	r := f.check(questions)
	f.t.Logf("sent %d, answered %d, refused %d, lost %d, doubled %d, out of order %d; after %v",
		r.asked, r.once-r.refused, r.refused, r.lost, r.doubled, r.outOfOrder, times)
	if r.refused == r.asked {
		f.t.Error("everything was refused")
	}
	return r
}

// untilRefused waits until somebody heard that the memory is away, and a second more.
func (f *fleet) untilRefused() {
	f.t.Helper()
	waitFor(f.t, "a question is refused", time.Minute, func() bool {
		return slices.ContainsFunc(f.channels, func(c string) bool {
			return slices.ContainsFunc(f.d.Messages(c), func(m discordtest.Message) bool { return strings.Contains(m.Content, "reach my memory") })
		})
	})
	time.Sleep(time.Second)
}

// times is how often a fault strikes.
func times(t *testing.T) int {
	if n, _ := soak(t); n > 0 {
		return 2
	}
	return 1
}

// single is a fleet of a gateway on a Redis, with four channels.
func single(t *testing.T, url string, r *sessiontest.Redis, env ...string) *fleet {
	t.Helper()
	f := newFleetOn(t, url, r, discordtest.Options{}, 1, 4, append(env, "MOEBOT_ROLES_SHARD_LEASE=6s")...)
	f.pace = 50 * time.Millisecond
	f.start("gateway").ready()
	return f
}

// Redis is killed, and is back after a second.
func TestFaultRedisKilled(t *testing.T) {
	t.Parallel() // they wait, mostly
	for _, fsync := range []string{"everysec", "always"} {
		t.Run(fsync, func(t *testing.T) {
			r := sessiontest.StartRedis(t, "--appendfsync", fsync)
			f := single(t, r.URL(), r)
			f.standIns(2)
			f.mayRefuse = true
			f.during(40, func() {
				for range times(t) {
					r.Kill()
					time.Sleep(time.Second)
					r.Start()
					time.Sleep(time.Second)
				}
			})
		})
	}
}

// The master dies, and a replica takes its place.
func TestFaultFailover(t *testing.T) {
	t.Parallel() // they wait, mostly
	t.Run("Sentinel", func(t *testing.T) {
		n := sessiontest.StartSentinel(t, 2, 2*time.Second)
		f := single(t, n.URL(), nil)
		f.standIns(2)
		f.mayRefuse = true
		f.during(60, func() {
			old := n.Master()
			old.Kill()
			waitFor(t, "another master", time.Minute, func() bool { m := n.Master(); return m != nil && m != old })
			time.Sleep(time.Second)
		})
	})
	t.Run("Cluster", func(t *testing.T) {
		nodes := sessiontest.StartCluster(t, 1)
		f := single(t, sessiontest.ClusterURL(nodes), nil)
		f.standIns(2)
		f.mayRefuse = true
		f.during(60, func() {
			slot, err := strconv.Atoi(strings.Trim(nodes[0].Ask("CLUSTER", "KEYSLOT", "mb:{jobs}:any"), ":\r\n"))
			if err != nil {
				t.Error(err)
				return
			}
			at := slot * 3 / 16384 // of three masters with as many slots each: the one of the jobs
			nodes[at].Kill()
			waitFor(t, "another master", time.Minute, func() bool { return nodes[at+3].Is("role:master") })
			time.Sleep(time.Second)
		})
	})
}

// Nothing passes between one of two workers and Redis, for longer than its lease, and
// nobody is told: the other goes on with its answers, and it says nothing more of them.
func TestFaultPartition(t *testing.T) {
	t.Parallel() // they wait, mostly
	r := sessiontest.StartRedis(t)
	p := sessiontest.StartProxy(t, r.Addr)
	f := single(t, r.URL(), r)
	f.standIns(1)
	cut := f.standIns(1, "REDIS_URL="+p.URL(), workVariable+"=20ms")
	f.during(60, func() {
		for range times(t) {
			p.Cut.Store(true)
			time.Sleep(4 * time.Second)
			p.Cut.Store(false)
			time.Sleep(2 * time.Second)
		}
	})
	cut[0].quit()
}

// Each call of Redis takes 200 ms longer.
func TestFaultSlowRedis(t *testing.T) {
	t.Parallel() // they wait, mostly
	r := sessiontest.StartRedis(t)
	p := sessiontest.StartProxy(t, r.Addr)
	f := single(t, p.URL(), r)
	f.standIns(2)
	f.during(6, func() { p.Delay.Store(int64(200 * time.Millisecond)) })
}

// Redis cannot write to its disk, or has no memory left and evicts nothing, until there is
// room again.
func TestFaultNoRoom(t *testing.T) {
	t.Parallel() // they wait, mostly
	t.Run("disk", func(t *testing.T) {
		r := sessiontest.StartRedisOnSmallDisk(t, 256)
		f := single(t, r.URL(), r)
		f.standIns(2)
		f.mayRefuse = true
		result := f.during(60, func() {
			waitFor(t, "the disk is full", time.Minute, func() bool { return strings.Contains(r.Ask("INFO", "persistence"), "aof_last_write_status:err") })
			f.untilRefused()
			r.Enlarge()
		})
		if result.refused == 0 {
			t.Error("nothing was refused")
		}
	})
	t.Run("memory", func(t *testing.T) {
		r := sessiontest.StartRedis(t)
		f := single(t, r.URL(), r)
		f.standIns(2)
		f.mayRefuse = true
		result := f.during(60, func() {
			r.Ask("CONFIG", "SET", "maxmemory", "1mb") // less than an empty one has
			f.untilRefused()
			r.Ask("CONFIG", "SET", "maxmemory", "0")
		})
		if result.refused == 0 {
			t.Error("nothing was refused")
		}
	})
}

// Of two gateways one has a clock that is a minute ahead, the other one that is a minute
// behind; one of them is killed, and the other does what it was at.
func TestFaultClocks(t *testing.T) {
	t.Parallel() // they wait, mostly
	f := newFleet(t, discordtest.Options{Shards: 2, MaxConcurrency: 2}, 2, 2, "MOEBOT_ROLES_SHARD_LEASE=2s")
	skewed := func(by string) *process {
		return f.start("gateway", asProcess+"="+skewedBot, clockVariable+"="+by)
	}
	ahead, behind := skewed("1m"), skewed("-1m")
	f.standIns(2, workVariable+"=20ms")
	f.share([]*process{ahead, behind}, 2)
	f.pace = 50 * time.Millisecond
	f.during(40, func() {
		ahead.kill()
		skewed("1m").ready()
		behind.kill()
		skewed("-1m").ready()
	})
}

// A message kills each worker that reads it: after two it is given up, with a calm reply,
// and what was asked beside it is answered.
func TestFaultPoison(t *testing.T) {
	t.Parallel() // they wait, mostly
	r := sessiontest.StartRedis(t)
	f := single(t, r.URL(), r)
	workers := f.standIns(2)
	over, stop := make(chan struct{}), make(chan struct{})
	go func() { // as a supervisor does
		defer close(over)
		for {
			for i, p := range workers {
				select {
				case <-stop:
					return
				case <-p.over:
					workers[i] = f.standIns(1)[0]
				case <-time.After(20 * time.Millisecond):
				}
			}
		}
	}()
	channel := f.d.AddChannel(f.d.Guilds()[0].ID, "poisoned").ID
	f.during(60, func() {
		if _, err := f.d.Send(channel, f.people[1].ID, fmt.Sprintf("<@%s> %s", f.d.Bot().ID, poison)); err != nil {
			t.Error(err)
		}
		waitFor(t, "a calm reply", time.Minute, func() bool {
			for _, m := range f.d.Messages(channel) {
				if m.Author.ID == f.d.Bot().ID && settled(&m) {
					t.Logf("the poisoned question is answered %q", m.Content)
					return true
				}
			}
			return false
		})
	})
	close(stop)
	<-over
	rdb := redis.NewClient(&redis.Options{Addr: r.Addr})
	defer rdb.Close()
	dead, err := rdb.XRange(t.Context(), "mb:{jobs}:dead", "-", "+").Result()
	if err != nil || len(dead) != 1 || dead[0].Values["channel"] != channel {
		t.Errorf("dead letters: %v, %v; want the poisoned one", dead, err)
	}
}

// otherProgram names the program of another version, for TestFaultTwoVersions, which without it
// takes this one for the other, too.
const otherProgram = "MOEBOT_OTHER_PROGRAM"

// Gateways and workers of two versions share a Redis, and are killed in turn:
//
//	git worktree add ../other VERSION && (cd ../other && go build -o moebot ./bot)
//	MOEBOT_OTHER_PROGRAM=$PWD/../other/moebot go test ./bot -run TwoVersions -v
func TestFaultTwoVersions(t *testing.T) {
	t.Parallel() // they wait, mostly
	other := os.Getenv(otherProgram)
	if other == "" {
		var err error
		if other, err = os.Executable(); err != nil {
			t.Fatal(err)
		}
	}
	for name, keys := range map[string]string{"plain": "", "sealed": testKey} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, discordtest.Options{Shards: 2, MaxConcurrency: 2}, 2, 2, "MOEBOT_ROLES_SHARD_LEASE=3s", "MOEBOT_SESSION_KEYS="+keys)
			gateways := []*process{f.start("gateway"), f.startProgram(other, "gateway")}
			f.start("worker")
			old := f.startProgram(other, "worker")
			f.share(gateways, 2)
			f.pace = 100 * time.Millisecond
			f.during(100, func() {
				for range 2 {
					time.Sleep(3 * time.Second) // a lease is 2: what the dead left is taken over, and not just when the next dies
					old.kill()
					old = f.startProgram(other, "worker")
				}
				gateways[1].kill()
				f.startProgram(other, "gateway").ready()
			})
		})
	}
}

// testKey is a key of sessions.
const testKey = "a:QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUI="

// More is asked at once than may wait for workers: what finds no room is refused in a
// sentence, and the stream stays short.
func TestBackpressure(t *testing.T) {
	r := sessiontest.StartRedis(t)
	f := newFleetOn(t, r.URL(), r, discordtest.Options{}, 2, 10, "MOEBOT_ROLES_MAX_QUEUE=4", "MOEBOT_MODEL_SLOTS=1")
	f.start("gateway").ready()
	f.standIns(1, workVariable+"=20ms")
	f.mayRefuse = true
	rdb := redis.NewClient(&redis.Options{Addr: r.Addr})
	defer rdb.Close()
	longest, over, watched := int64(0), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-over:
				return
			case <-time.After(10 * time.Millisecond):
			}
			n := int64(0)
			for _, key := range append(rdb.Keys(t.Context(), "mb:{jobs}:to:*").Val(), "mb:{jobs}:any") {
				n += rdb.XLen(t.Context(), key).Val()
			}
			longest = max(longest, n)
		}
	}()
	result := f.during(5, func() {})
	close(over)
	<-watched
	if result.refused == 0 || longest > 2*4 {
		t.Errorf("%d refused, %d jobs in Redis at the most; want some, and 4 for the worker and 4 for any", result.refused, longest)
	}
}

// With keys nothing that is said can be read in Redis, in no key and in nothing that it
// was ever told to write.
func TestSealedAcrossRoles(t *testing.T) {
	r := sessiontest.StartRedis(t)
	f := single(t, r.URL(), r, "MOEBOT_SESSION_KEYS="+testKey, "MOEBOT_REPLY_MAX_TOKENS=12")
	f.start("worker")
	questions, _ := f.flood(3, time.Minute)
	f.check(questions)
	said := map[string]bool{"question 0 of channel": true, "mia": false}
	for _, c := range f.channels {
		for _, m := range f.d.Messages(c) {
			if m.Author.ID == f.d.Bot().ID && len(m.Content) > 12 {
				said[m.Content] = true
			}
		}
	}
	written := everWritten(t, r)
	for text, telling := range said {
		if telling && strings.Contains(written, text) {
			t.Errorf("%q can be read in Redis", text)
		}
	}
	if len(said) < 4 || !strings.Contains(written, "{jobs}") || !strings.Contains(written, f.channels[0]) {
		t.Errorf("looked for %d texts in %d bytes", len(said), len(written))
	}
}

// everWritten is all that a Redis was told to keep since its start.
func everWritten(t *testing.T, r *sessiontest.Redis) string {
	t.Helper()
	var b strings.Builder
	dir := r.Dir() + "/appendonlydir"
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(dir + "/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	return b.String()
}
