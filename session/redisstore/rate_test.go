package redisstore_test

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"moebot/session"
	"moebot/session/sessiontest"
)

// BenchmarkAcceptAtRate accepts messages of 300 bytes at an even rate, as they come from
// people and not as fast as they can be stored, each into one of 500 sessions of 60
// turns: append, trim and read the whole session in one round trip. It reports how long
// half, 90 and 99 of 100 calls took, and the time that Redis itself was at it. A call
// that could not begin in time, because all before it took too long, counts from when it
// should have begun. Garbage is collected as the bot does it. Redis does not rewrite its
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
			b.ResetTimer()
			begin := time.Now()
			for w := range workers {
				wg.Go(func() {
					for i := w; i < b.N; i += workers {
						from := begin.Add(time.Duration(i) * time.Second / time.Duration(c.rate))
						if d := time.Until(from); d > 0 {
							time.Sleep(d)
							from = time.Now() // the clock may wake us late
						}
						accept(60*sessions + i)
						took[i] = time.Since(from)
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
