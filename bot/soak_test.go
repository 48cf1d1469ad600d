package main

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/bot/discordtest"
)

// soak is what MOEBOT_SOAK wants of the long forms of tests: a number of questions
// (20000) or a time (30m). Zeros are the short forms.
func soak(t *testing.T) (questions int, length time.Duration) {
	t.Helper()
	s := os.Getenv("MOEBOT_SOAK")
	if s == "" {
		return 0, 0
	}
	questions, err := strconv.Atoi(s)
	if err != nil {
		length, err = time.ParseDuration(s)
	}
	if err != nil {
		t.Fatalf("MOEBOT_SOAK is %q, want a number of questions or a time such as 30m", s)
	}
	return questions, length
}

// TestSoak lets two gateways and two workers answer at half the rate they can for as long
// as MOEBOT_SOAK says, or 3 s, and looks at memory, goroutines and Redis meanwhile.
func TestSoak(t *testing.T) {
	_, length := soak(t)
	if length == 0 {
		length = 3 * time.Second
	}
	f := newFleet(t, discordtest.Options{Shards: 4, MaxConcurrency: 4, History: 200}, 8, 2)
	gateways := []*process{f.start("gateway"), f.start("gateway")}
	workers := []*process{f.start("worker"), f.start("worker")}
	f.share(gateways, 4)
	start := time.Now()
	f.flood(max(10, int(length.Seconds()/3)), 10*time.Minute)
	top := float64(f.answers.Load()) / time.Since(start).Seconds()
	rate := top / 2
	f.pace = time.Duration(float64(len(f.channels)) / rate * float64(time.Second))
	t.Logf("top rate %.1f answers a second; going on with %.1f for %v", top, rate, length)
	rdb := redis.NewClient(&redis.Options{Addr: f.redis.Addr})
	defer rdb.Close()
	look := func() (goroutines, mib, keys float64) {
		line := ""
		for _, p := range append(gateways, workers...) {
			g, m := p.number("go_goroutines"), p.number("process_resident_memory_bytes")/(1<<20)
			goroutines, mib = goroutines+g, mib+m
			line += fmt.Sprintf(" %s: %.0f goroutines, %.0f MiB;", p.role, g, m)
		}
		n, err := rdb.DBSize(t.Context()).Result()
		if err != nil {
			t.Error(err)
		}
		memory, err := rdb.Info(t.Context(), "memory").Result()
		if err != nil {
			t.Error(err)
		}
		used := 0.0
		fmt.Sscanf(memory[len("# Memory\r\n"):], "used_memory:%f", &used)
		t.Logf("%v: %d answers;%s Redis: %d keys, %.1f MiB", time.Since(start).Round(time.Second), f.answers.Load(), line, n, used/(1<<20))
		return goroutines, mib, float64(n)
	}
	goroutines, mib, keys := look()
	over := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-over:
				return
			case <-time.After(max(2*time.Second, length/30)):
				look()
			}
		}
	}()
	each := max(1, int(length.Seconds()*rate)/len(f.channels))
	before := f.answers.Load()
	began := time.Now()
	_, times := f.flood(each, length*3+5*time.Minute)
	took := time.Since(began)
	close(over)
	<-watched
	n := f.answers.Load() - before
	t.Logf("%d questions, %d answered, in %v (%.1f a second); whole after %v", each*len(f.channels), n, took.Round(time.Second), float64(n)/took.Seconds(), times)
	g2, m2, k2 := look()
	if g2 > goroutines*1.3+40 {
		t.Errorf("%.0f goroutines became %.0f", goroutines, g2)
	}
	if m2 > mib*1.5+100 {
		t.Errorf("%.0f MiB became %.0f", mib, m2)
	}
	if k2 > keys*1.2+20 {
		t.Errorf("%.0f keys became %.0f", keys, k2)
	}
}

// number reads a figure of a process, 0 if it is not there.
func (p *process) number(name string) float64 {
	v, err := strconv.ParseFloat(p.figure(name), 64)
	if err != nil {
		return 0
	}
	return v
}
