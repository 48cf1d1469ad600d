package main

import (
	"testing"
	"time"

	"moebot/bot/discordtest"
)

// quantity is how many questions a test of many asks in each channel: few, or as many
// together as MOEBOT_SOAK says.
func quantity(t *testing.T, channels int) (each int, big bool) {
	if n, _ := soak(t); n > 0 {
		return max(1, n/channels), true
	}
	if testing.Short() {
		return 5, false
	}
	return 20, false
}

// killing kills one process after another, every so often, but not before something was
// answered, and starts others in their place, until the function it returns is called,
// which tells how many that were.
func (f *fleet) killing(every time.Duration, list []*process) (end func() int) {
	over, killed := make(chan struct{}), make(chan int)
	go func() {
		for n, before := 0, int64(0); ; n++ {
			for wait := every; wait > 0; wait = 50 * time.Millisecond {
				select {
				case <-over:
					killed <- n
					return
				case <-time.After(wait):
				}
				if now := f.answers.Load(); now >= before+30 {
					before = now
					break
				}
			}
			i := n % len(list)
			list[i].kill()
			list[i] = f.start(list[i].role)
		}
	}()
	return func() int {
		close(over)
		return <-killed
	}
}

// Two gateways share four gateway shards, two workers answer; workers are killed in
// mid-answer all the time, and nobody who asks notices.
func TestWorkersKilled(t *testing.T) {
	f := newFleet(t, discordtest.Options{Shards: 4, MaxConcurrency: 4}, 8, 2, "MOEBOT_ROLES_SHARD_LEASE=3s")
	gateways := []*process{f.start("gateway"), f.start("gateway")}
	workers := []*process{f.start("worker"), f.start("worker")}
	f.share(gateways, 4)
	each, big := quantity(t, len(f.channels))
	every := 10 * time.Second
	if !big {
		every, f.pace = time.Second, 150*time.Millisecond
	}
	end := f.killing(every, workers)
	start := time.Now()
	questions, times := f.flood(each, time.Minute+time.Duration(each)*time.Second)
	took := time.Since(start)
	n := end()
	r := f.check(questions)
	t.Logf("%d questions in %v (%.0f a second), %d workers killed: %+v; answered whole after %v", r.asked, took.Round(time.Millisecond), float64(r.asked)/took.Seconds(), n, r, times)
	for _, g := range gateways {
		t.Logf("a gateway: %s answers, %s went on with another worker, %s asked again", g.figure(`moebot_answers_total{stop="length"}`), g.figure("moebot_jobs_resumed_total"), g.figure("moebot_jobs_lost_total"))
	}
	if n == 0 {
		t.Error("no worker was killed")
	}
	if all, tooSoon := f.d.Identifies(); tooSoon > 0 {
		t.Errorf("%d of %d IDENTIFYs were too soon", tooSoon, all)
	}
}

// Gateways are killed: what they were at is done by those that take over their shards.
func TestGatewaysKilled(t *testing.T) {
	f := newFleet(t, discordtest.Options{Shards: 4, MaxConcurrency: 4}, 4, 2, "MOEBOT_ROLES_SHARD_LEASE=3s")
	gateways := []*process{f.start("gateway"), f.start("gateway")}
	f.start("worker")
	f.share(gateways, 4)
	each, big := quantity(t, len(f.channels))
	every := 30 * time.Second
	if !big {
		every, f.pace = time.Second, 150*time.Millisecond
	}
	end := f.killing(every, gateways)
	questions, times := f.flood(each*2, 2*time.Minute+time.Duration(each)*time.Second)
	n := end()
	r := f.check(questions)
	t.Logf("%d gateways killed: %+v; answered whole after %v", n, r, times)
	if n == 0 {
		t.Error("no gateway was killed")
	}
}

// Every process is replaced by another, one after another, under load: nothing is lost
// or broken off.
func TestRollingRestart(t *testing.T) {
	f := newFleet(t, discordtest.Options{Shards: 2, MaxConcurrency: 2}, 4, 2, "MOEBOT_ROLES_SHARD_LEASE=3s", "MOEBOT_REPLY_MAX_TOKENS=30")
	old := []*process{f.start("worker"), f.start("gateway"), f.start("gateway"), f.start("worker")}
	f.share(old[1:3], 2)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for _, p := range old {
			next := f.start(p.role)
			time.Sleep(500 * time.Millisecond)
			p.quit()
			if p.role == "gateway" {
				next.ready()
			}
		}
	}()
	questions, times := f.flood(20, 3*time.Minute)
	<-over
	r := f.check(questions)
	t.Logf("%+v; answered whole after %v", r, times)
}

// Redis stands still for longer than all leases, so that the gateway shards change hands,
// and is killed: all goes on when it is back.
func TestRedisPausedAndKilled(t *testing.T) {
	f := newFleet(t, discordtest.Options{Shards: 2, MaxConcurrency: 2}, 2, 2, "MOEBOT_ROLES_LEASE=2s", "MOEBOT_ROLES_SHARD_LEASE=2s")
	gateways := []*process{f.start("gateway"), f.start("gateway")}
	f.start("worker")
	f.start("worker")
	f.share(gateways, 2)
	over := make(chan struct{})
	go func() {
		defer close(over)
		time.Sleep(300 * time.Millisecond)
		f.redis.Pause()
		time.Sleep(4 * time.Second)
		f.redis.Continue()
		time.Sleep(2 * time.Second)
		f.redis.Kill()
		time.Sleep(500 * time.Millisecond)
		f.redis.Start()
	}()
	f.pace = 60 * time.Millisecond
	f.mayRefuse = true // with "I can't reach my memory", while Redis is away
	questions, times := f.flood(100, 3*time.Minute)
	<-over
	r := f.check(questions)
	t.Logf("%+v; answered whole after %v", r, times)
	if r.refused == r.asked {
		t.Error("everything was refused")
	}
}

// Redis stands still until no gateway has its shards any more; then the first questions of
// all channels are asked, which nobody hears. Who gets the shards answers them.
func TestFirstQuestionsWhileShardsChangeHands(t *testing.T) {
	f := newFleet(t, discordtest.Options{Shards: 2, MaxConcurrency: 2}, 2, 2, "MOEBOT_ROLES_SHARD_LEASE=2s")
	gateways := []*process{f.start("gateway"), f.start("gateway")}
	f.start("worker")
	f.share(gateways, 2)
	f.redis.Pause()
	over := make(chan struct{})
	go func() {
		defer close(over)
		time.Sleep(4 * time.Second)
		f.redis.Continue()
	}()
	time.Sleep(2500 * time.Millisecond)
	questions, times := f.flood(10, 2*time.Minute)
	<-over
	r := f.check(questions)
	t.Logf("%+v; answered whole after %v", r, times)
}
