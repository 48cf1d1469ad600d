package main

import (
	"testing"
	"time"

	"moebot/bot/discordtest"
)

// Workers are killed in mid-answer all the time, and nobody who asks notices.
func TestWorkersKilled(t *testing.T) {
	f := newFleet(t, discordtest.Options{}, 2, 4)
	gateway := f.start("gateway")
	workers := []*process{f.start("worker"), f.start("worker")}
	gateway.ready()
	over := make(chan struct{})
	killed := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-over:
				killed <- n
				return
			case <-time.After(2 * time.Second):
			}
			workers[n%2].kill()
			workers[n%2] = f.start("worker")
			n++
		}
	}()
	start := time.Now()
	questions, _ := f.flood(small()*2, 3*time.Minute)
	close(over)
	n := <-killed
	r := f.check(questions)
	t.Logf("%d questions in %v, %d workers killed: %+v; %s answers went on elsewhere", r.asked, time.Since(start).Round(time.Millisecond), n, r, gateway.figure("moebot_jobs_resumed_total"))
}

// Two gateways share four gateway shards, two workers answer; workers are killed in
// mid-answer all the time, and nobody who asks notices.
func TestShardsAndWorkersKilled(t *testing.T) {
	f := newFleet(t, discordtest.Options{Shards: 4, MaxConcurrency: 4}, 8, 2, "MOEBOT_ROLES_SHARD_LEASE=3s")
	gateways := []*process{f.start("gateway"), f.start("gateway")}
	workers := []*process{f.start("worker"), f.start("worker")}
	f.share(gateways, 4)
	over := make(chan struct{})
	killed := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-over:
				killed <- n
				return
			case <-time.After(2 * time.Second):
			}
			workers[n%2].kill()
			workers[n%2] = f.start("worker")
			n++
		}
	}()
	start := time.Now()
	questions, _ := f.flood(small(), 3*time.Minute)
	close(over)
	n := <-killed
	r := f.check(questions)
	t.Logf("%d questions in %v, %d workers killed: %+v", r.asked, time.Since(start).Round(time.Millisecond), n, r)
	if all, tooSoon := f.d.Identifies(); tooSoon > 0 {
		t.Errorf("%d of %d IDENTIFYs were too soon", tooSoon, all)
	}
}
