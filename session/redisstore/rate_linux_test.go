package redisstore_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moebot/session"
	"moebot/session/sessiontest"
)

// BenchmarkAcceptAtRate accepts messages of 300 bytes at an even rate, as they come from
// people and not as fast as they can be stored, each into one of 500 sessions of 60
// turns: append, trim and read the whole session in one round trip. It reports how long
// half, 90 and 99 of 100 calls took, from when a message came, and the time that Redis
// itself was at it. Garbage is collected as the bot does it. Redis does not rewrite its
// append-only file meanwhile, for which it would take one of two cores for 100 ms.
//
//	go test ./session/redisstore -run '^$' -bench AcceptAtRate -benchtime 25000x
func BenchmarkAcceptAtRate(b *testing.B) {
	for _, c := range []struct {
		rate int // a second
		keys string
	}{{1000, ""}, {5000, ""}, {5000, "a"}} {
		name := fmt.Sprint(c.rate)
		if c.keys != "" {
			name += " sealed"
		}
		b.Run(name, func(b *testing.B) {
			defer debug.SetGCPercent(debug.SetGCPercent(400))
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1)) // one for the clock, which sleeps
			r := sessiontest.StartRedis(b, "--auto-aof-rewrite-percentage", "0")
			s := openSealed(b, r.URL()+"?pool_size=64", sessiontest.Limits{}, keys(b, strings.Fields(c.keys)...))
			const sessions, workers = 500, 40
			text := strings.Repeat("twelve bytes", 25)
			accept := func(i int) {
				k := session.Key{Channel: strconv.Itoa(i % sessions)}
				t := session.Turn{ID: strconv.Itoa(i), Role: session.RoleUser, AuthorID: "77", Author: "Ann", Text: text, Time: time.Now()}
				if sess, ok, err := s.Accept(b.Context(), k, t); err != nil || !ok || len(sess.Turns) == 0 {
					b.Error(ok, err)
				}
			}
			var wg sync.WaitGroup
			for w := range 8 {
				wg.Go(func() {
					for i := w; i < 60*sessions; i += 8 {
						accept(i)
					}
				})
			}
			wg.Wait()
			r.Ask("CONFIG", "RESETSTAT")
			took := make([]time.Duration, b.N)
			type message struct {
				i  int
				at time.Time // when it came
			}
			come := make(chan message, b.N)
			b.ResetTimer()
			begin := time.Now()
			go func() {
				defer close(come)
				clock(begin, time.Second/time.Duration(c.rate), b.N, func(i int) { come <- message{i, time.Now()} })
			}()
			for range workers {
				wg.Go(func() {
					for m := range come {
						accept(60*sessions + m.i)
						took[m.i] = time.Since(m.at)
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			rate := float64(b.N) / time.Since(begin).Seconds()
			slices.Sort(took)
			b.ReportMetric(rate, "calls/s")
			b.ReportMetric(float64(took[b.N/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[b.N*9/10].Microseconds()), "p90-µs")
			b.ReportMetric(float64(took[b.N*99/100].Microseconds()), "p99-µs")
			_, usec, _ := strings.Cut(r.Ask("INFO", "commandstats"), "cmdstat_evalsha:")
			_, usec, _ = strings.Cut(usec, "usec_per_call=")
			usec, _, _ = strings.Cut(usec, ",")
			if v, err := strconv.ParseFloat(usec, 64); err == nil {
				b.ReportMetric(v, "redis-µs/call")
			}
		})
	}
}

// clock calls f n times, evenly, on a thread of its own: a goroutine is woken to the
// millisecond, and five messages at once would wait for each other.
func clock(begin time.Time, every time.Duration, n int, f func(i int)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range n {
		at := begin.Add(time.Duration(i) * every)
		for d := time.Until(at); d > 0; d = time.Until(at) {
			t := unix.NsecToTimespec(int64(d))
			unix.Nanosleep(&t, nil) // it may be woken early
		}
		f(i)
	}
}
